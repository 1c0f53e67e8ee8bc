"""From the short forms of a test to records as they stand on the input topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.base import rfc3339, to_ms
from schemas.durations import parse_duration
from schemas.generate import kinds
from schemas.topics import INPUTS
from streams.time_travel.story import Happens, Profile, StoryFile

CUSTOMER = "customer-1"
PRICE = "10.00"
PURPOSES = ("marketing", "service", "review")
SOURCE_OF = {kind: topic.name for topic in INPUTS for kind in kinds(topic.schema)}
"""Event type -> input topic."""
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d( |T)\d\d:\d\d")


class MomentError(ValueError):
    """A moment cannot be read; the text is a clause."""


def moment(text: str, zone: str, before: int | None) -> int:
    """Milliseconds of a moment; ``before``: the event that ``+4h`` counts from. Raises MomentError."""
    if text.startswith("+"):
        if before is None:
            raise MomentError(f"{text!r} counts from an event before it, and there is none; write date and time")
        try:
            return before + parse_duration(text[1:])
        except ValueError as error:
            raise MomentError(str(error)) from error
    if not _MOMENT.match(text):
        raise MomentError(f"{text!r} is no moment; write date and time such as 2026-03-02 09:00, or +4h")
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise MomentError(f"{text!r} is no moment; write date and time such as 2026-03-02 09:00, or +4h") from error
    return to_ms(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=ZoneInfo(zone)))


def record(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    """(source, record) of something that happens as the ``number``-th. Raises MomentError."""
    kind, fields = _FORMS[happens.kind](file, happens, at, number)
    common: dict[str, Any] = {
        "event_id": f"event-{number}",
        "type": kind,
        "occurred_at": rfc3339(at),
        "brand": file.brand,
        "market": file.market,
    }
    if kind != "catalog.item":
        common["customer_id"] = happens.customer or CUSTOMER
    if happens.arrives is not None:
        common["arrived_at"] = rfc3339(moment(happens.arrives, file.zone, at))
    if kind not in SOURCE_OF:
        raise MomentError(f"type {kind!r} is no event of an input topic")
    return SOURCE_OF[kind], {**common, **fields}


def _profile(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    profile = happens.profile
    assert isinstance(profile, Profile)
    told = profile.model_dump(mode="json", exclude={"consents", "withdrawn", "registered"}, exclude_none=True)
    if profile.registered is not None:
        told["registered_at"] = rfc3339(moment(profile.registered, file.zone, at))
    told["consents"] = [
        {"channel": channel, "purpose": purpose, "status": status, "at": rfc3339(at)}
        for status, channels in (("granted", profile.consents), ("withdrawn", profile.withdrawn))
        for channel in channels
        for purpose in PURPOSES
    ]
    told["contact_points"] = [{"channel": channel, "reachable": True} for channel in profile.consents]
    return "customer.updated", told


def _lines(held: Mapping[str, int] | None, price: str | None) -> list[dict[str, Any]]:
    return [
        {"product_id": product, "quantity": quantity, "unit_price": price or PRICE}
        for product, quantity in (held or {}).items()
    ]


def _numbered(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"line_id": f"line-{number}", **line} for number, line in enumerate(lines, 1)]


def _cart(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    lines = _lines(happens.cart, happens.price)
    return "cart.updated", {"session_id": "s", "cart_id": happens.id or "cart-1", "currency": "GBP", "lines": lines}


def _order(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    lines = _numbered(_lines(happens.order, happens.price))
    return "order.placed", {"order_id": happens.id or "order-1", "channel": "web", "currency": "GBP", "lines": lines}


def _delivered(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    return "order.delivered", {"order_id": happens.delivered}


def _cancelled(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    return "order.cancelled", {"order_id": happens.cancelled}


def _returned(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    lines = [{"product_id": product, "quantity": quantity} for product, quantity in (happens.returned or {}).items()]
    return "return.received", {"return_id": happens.id or f"return-{number}", "currency": "GBP", "lines": lines}


def _receipt(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    till = {"store_id": "store", "workstation_id": "till", "business_date": rfc3339(at)[:10], "sequence_number": number}
    lines = [{"kind": "sale", **line} for line in _lines(happens.receipt, happens.price)]
    return "pos.receipt", {**till, "currency": "GBP", "lines": lines}


def _feedback(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    return "feedback", {"channel": "email", "status": happens.feedback}


def _product(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    product = happens.product
    assert product is not None
    told = product.model_dump(mode="json", exclude={"id", "prices"}, exclude_none=True)
    told["prices"] = [
        {"market": market, "currency": "GBP", "amount": amount} for market, amount in product.prices.items()
    ]
    return "catalog.item", {**told, "product_id": product.id, "name": product.name or product.id}


def _viewed(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    return "product.viewed", {"session_id": "s", "product_id": happens.viewed}


def _wished(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    return "product.wished", {"session_id": "s", "product_id": happens.wished}


def _event(file: StoryFile, happens: Happens, at: int, number: int) -> tuple[str, dict[str, Any]]:
    told = dict(happens.event or {})
    return str(told.get("type")), told


_FORMS = {
    "profile": _profile,
    "cart": _cart,
    "order": _order,
    "delivered": _delivered,
    "cancelled": _cancelled,
    "returned": _returned,
    "receipt": _receipt,
    "feedback": _feedback,
    "product": _product,
    "viewed": _viewed,
    "wished": _wished,
    "event": _event,
}
