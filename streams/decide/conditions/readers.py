"""How the names of the vocabulary are read. None: the value is not known of the customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from schemas.base import from_ms
from schemas.topics import CHANNELS, DAY_MS
from streams.decide.conditions.types import Moment

PRODUCTS_KEPT_DAYS = 90
"""``customer.products`` looks back this far."""
CART_OPEN_DAYS = 30
"""A cart without activity for longer is not open any more."""


def of_profile(field_name: str) -> Callable[[Moment], Any]:
    def read(moment: Moment) -> Any:
        profile = moment.view.state.profile
        return None if profile is None else getattr(profile, field_name)

    return read


def local(attribute: Callable[[datetime], Any]) -> Callable[[Moment], Any]:
    def read(moment: Moment) -> Any:
        local = moment.local
        return None if local is None else attribute(local)

    return read


def age(moment: Moment) -> int | None:
    profile = moment.view.state.profile
    if profile is None or profile.birth is None:
        return None
    born = date.fromisoformat(profile.birth)
    today = (moment.local or from_ms(moment.view.now)).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years if years >= 0 else None


def days_between(since: int | None, now: int) -> int | None:
    return None if since is None or since > now else (now - since) // DAY_MS


def days_since_purchase(place: int) -> Callable[[Moment], int | None]:
    def read(moment: Moment) -> int | None:
        kept = moment.view.kept(moment.brand)
        return days_between(kept[place].at, moment.view.now) if kept else None

    return read


def products(moment: Moment) -> list[str]:
    view, since = moment.view, moment.view.now - PRODUCTS_KEPT_DAYS * DAY_MS
    matched = view.matched(moment.brand)
    return sorted(
        {
            line.product
            for purchase in view.kept(moment.brand)
            if purchase.at >= since
            for line in purchase.lines
            if line.qty > matched.get((purchase.id, line.line), 0)
        }
    )


def categories(moment: Moment) -> list[str]:
    items = (moment.view.item(moment.brand, product) for product in products(moment))
    return sorted({item.category for item in items if item is not None and item.category is not None})


def open_carts(moment: Moment) -> int:
    since = moment.view.now - CART_OPEN_DAYS * DAY_MS
    carts = moment.view.state.carts.values()
    return sum(1 for cart in carts if cart.brand == moment.brand and cart.lines and cart.activity >= since)


def life(fact: str) -> Callable[[Moment], Any]:
    """Of docs/lifecycle.md. None too for a brand without rules: what a stage or a score is, is for them to say."""
    return lambda moment: moment.view.life(moment.brand).get(fact)


def segments(moment: Moment) -> list[str]:
    found: list[str] = moment.view.life(moment.brand).get("segments", [])
    return found


def messages(days: int) -> Callable[[Moment], int]:
    def read(moment: Moment) -> int:
        since = moment.view.now - days * DAY_MS
        state = moment.view.state
        waiting = state.reserved
        sends = state.ledger.get(moment.brand, ())
        return sum(1 for send in sends if send.at > since and not send.ghost and send.id not in waiting)

    return read


def channels(moment: Moment) -> list[str]:
    state, purpose = moment.view.state, moment.campaign.campaign.purpose
    return [
        channel
        for channel in CHANNELS
        if state.reach.get(channel) and state.consents.get(f"{moment.brand}|{channel}|{purpose}", (False, 0))[0]
    ]


def items(moment: Moment) -> list[dict[str, Any]]:
    return [_item(moment, product, quantity) for product, quantity in moment.items]


def _item(moment: Moment, product: str, quantity: int) -> dict[str, Any]:
    known = moment.view.item(moment.brand, product)
    row: dict[str, Any] = {"product": product, "quantity": quantity, "available": known is not None and known.available}
    if known is not None:
        row["name"] = known.name
        if known.category is not None:
            row["category"] = known.category
    return row
