"""Section "Interest" and the occasions of the catalogue: what a customer wants, and what becomes of a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.oracle.history import Event

Item = Mapping[str, Any]
Versions = Sequence[tuple[int, Item]]


def is_news(occasion: str, before: Item | None, after: Item) -> bool:
    """Whether a new version of a product makes an occasion look at those who are interested in it."""
    if occasion == "price_drop":
        cheaper = (price(before, p["market"]) for p in after.get("prices", ())) if before else ()
        return any(
            old is not None and old[0] == new["currency"] and Decimal(new["amount"]) < old[1]
            for old, new in zip(cheaper, after.get("prices", ()), strict=False)
        )
    if occasion == "back_in_stock":
        return before is not None and is_available(after) and not is_available(before)
    if occasion == "complementary_offer":
        known = before.get("accessories", ()) if before else ()
        return any(accessory not in known for accessory in after.get("accessories", ()))
    if occasion == "replenishment":
        return after.get("usual_days") != (before.get("usual_days") if before else None)
    return False


def is_available(item: Item) -> bool:
    return bool(item.get("available", True))


def price(item: Item, market: str | None) -> tuple[str, Decimal] | None:
    """Currency and amount of a product in a market."""
    for entry in item.get("prices", ()):
        if entry["market"] == market:
            return entry["currency"], Decimal(entry["amount"])
    return None


def seen_at(events: Sequence[Event], brand: str, product: str, kinds: Sequence[str]) -> tuple[int, bool]:
    """When the customer last showed interest in one of the ways (-1: never), and whether he wishes for it still."""
    times = [-1]
    wishes: list[tuple[int, tuple[int, int, str], bool]] = []
    for event in (event for event in events if event.brand == brand):
        record = event.record
        if event.type == "product.viewed" and "viewed" in kinds and record["product_id"] == product:
            times.append(event.at)
        elif event.type == "cart.updated" and "carted" in kinds:
            times += [event.at for line in record["lines"] if line["product_id"] == product]
        elif event.type == "product.wished" and "wished" in kinds and record["product_id"] == product:
            wishes.append((event.at, event.order, record.get("listed", True)))
    at, _, listed = max(wishes, default=(-1, (0, 0, ""), False))
    return max([*times, at] if listed else times), listed


def lower_since(versions: Versions, seen: int, market: str | None, percent: int) -> int | None:
    """From when on, after ``seen``, the price has been so many per cent below the one in force at ``seen``."""
    before = [item for at, item in versions if at <= seen]
    then = price(before[-1], market) if before else None
    since = None
    for at, item in versions:
        now = price(item, market)
        low = then is not None and now is not None and now[0] == then[0] and now[1] * 100 <= then[1] * (100 - percent)
        if not low or at <= seen:
            since = None
        elif since is None:
            since = at
    return since


def back_since(versions: Versions, seen: int) -> int | None:
    """From when on, after ``seen``, the product has been available again."""
    since, was_gone = None, False
    for at, item in versions:
        if not is_available(item):
            since, was_gone = None, True
        elif was_gone and since is None:
            since = at
    return since if since is not None and since > seen else None
