"""Section "Conditions": a campaign's ``when``, evaluated by the library itself on values that are recomputed here."""

from __future__ import annotations

import sys
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import celpy

from schemas.base import from_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.topics import CHANNELS
from tests.oracle.customer import Customer, Items, Key, World
from tests.oracle.history import DAY_MS
from tests.oracle.lifecycle import Life


@lru_cache(maxsize=1_000)
def _program(text: str) -> Any:
    limit = sys.getrecursionlimit()
    environment = celpy.Environment()  # raises the limit for the whole process
    sys.setrecursionlimit(limit)
    return environment.program(environment.compile(text))


def refusal(campaign: Campaign, key: Key, customer: Customer, items: Items, world: World, now: int) -> str | None:
    """Why the condition lets the step not pass; None: it does."""
    if campaign.when is None:
        return None
    values = {
        "customer": _customer(campaign, key.brand, customer, world, now),
        "occasion": {"name": campaign.occasion, "step": key.step, "episode": key.episode},
        "items": [_item(key.brand, product, quantity, world) for product, quantity in items.quantities.items()],
        "now": _now(customer, key.brand, world.brands.get(key.brand), now),
    }
    try:
        holds = _program(campaign.when).evaluate({name: celpy.json_to_cel(value) for name, value in values.items()})
    except celpy.CELEvalError:
        return "condition_unknown"
    return None if holds else "condition_not_met"


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """What is not known is not there."""
    return {name: value for name, value in values.items() if value is not None}


def _customer(campaign: Campaign, brand: str, customer: Customer, world: World, now: int) -> dict[str, Any]:
    profile, kept = customer.facts.profile, customer.facts.kept_purchases(brand)
    registered = profile.registered_at(brand)
    reachable = [
        channel
        for channel in CHANNELS
        if profile.consent(brand, channel, campaign.purpose) == "granted" and profile.reachable(channel)
    ]
    products = {line.product for p in kept if p.at >= now - 90 * DAY_MS for line in p.lines if line.kept > 0}
    categories = {world.catalogue.get((brand, product), {}).get("category") for product in products}
    carts = {e.record["cart_id"] for e in customer.facts.events if e.type == "cart.updated" and e.brand == brand}
    found = [customer.facts.cart(brand, cart_id) for cart_id in carts]
    sends = [send.decided for send in customer.sends if send.candidate.key.brand == brand and not send.candidate.ghost]
    last = profile.last
    return _known(
        {
            "known": customer.is_known,
            "company": last.get("company", False) if last else None,
            "country": last.get("country"),
            "market": profile.market(brand),
            "language": last.get("language"),
            "email_domain": last.get("email_domain"),
            "home_store": last.get("home_store"),
            "preferred_channels": last.get("preferred_channels", []),
            "channels": reachable,
            "age": _age(profile.birth_date, _local(customer, brand, world.brands.get(brand), now) or from_ms(now)),
            "days_registered": None if registered is None or registered > now else (now - registered) // DAY_MS,
            "purchases": len(kept),
            "store_purchases": len([p for p in kept if p.channel == "store"]),
            "online_purchases": len([p for p in kept if p.channel != "store"]),
            "days_since_purchase": (now - kept[-1].at) // DAY_MS if kept else None,
            "days_since_first_purchase": (now - kept[0].at) // DAY_MS if kept else None,
            "products": sorted(products),
            "categories": sorted(category for category in categories if category),
            "open_carts": len([c for c in found if not c.ended and c.last_at and c.last_at >= now - 30 * DAY_MS]),
            "messages_7d": len([at for at in sends if at > now - 7 * DAY_MS]),
            "messages_30d": len([at for at in sends if at > now - 30 * DAY_MS]),
            **_life(customer, world.brands.get(brand), now),
        }
    )


def _life(customer: Customer, rules: BrandRules | None, now: int) -> dict[str, Any]:
    """Of docs/lifecycle.md; without rules of the brand nothing of it is known."""
    if rules is None:
        return {"segments": []}
    life = Life(customer.facts, rules)
    return {
        "stage": life.stage(now),
        "segments": life.segments(now),
        "value_365d": life.value(now),
        "value_lifetime": life.value(None),
        "purchase_days_365d": life.purchase_days_of_a_year(now),
        "recency": life.recency(now),
        "frequency": life.frequency(now),
        "monetary": life.monetary(now),
    }


def _item(brand: str, product: str, quantity: int, world: World) -> dict[str, Any]:
    listed = world.catalogue.get((brand, product))
    row: dict[str, Any] = {"product": product, "quantity": quantity, "available": False}
    if listed is not None:
        row |= {"available": listed.get("available", True), "name": listed["name"], "category": listed.get("category")}
    return _known(row)


def _local(customer: Customer, brand: str, rules: BrandRules | None, now: int) -> datetime | None:
    zone = customer.facts.profile.zone(brand, rules)
    return from_ms(now).astimezone(ZoneInfo(zone)) if zone else None


def _now(customer: Customer, brand: str, rules: BrandRules | None, now: int) -> dict[str, Any]:
    local = _local(customer, brand, rules, now)
    if local is None:
        return {}
    return {
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "day": local.day,
        "month": local.month,
        "date": local.date().isoformat(),
    }


def _age(born: date | None, today: datetime) -> int | None:
    if born is None:
        return None
    had_birthday = (today.month, today.day) >= (born.month, born.day)
    age = today.year - born.year - (0 if had_birthday else 1)
    return age if age >= 0 else None
