"""Segment's messages: e-commerce events of the spec (track), page, screen, identify and delete.

Names as in Segment's documentation; the names of version 1 of the spec (``Completed Order``) are understood too.
Segment tells a cart one product at a time and the contract wants all of it, so carts are remembered. Segment knows no
visits: a session is the visitor's day in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.base import from_ms
from streams.ingest import segment_fields as fields
from streams.ingest.common import (
    Delivery,
    Frame,
    LeftOut,
    Memory,
    Refused,
    Result,
    customer_id,
    moment,
    optional_id,
    part,
    required_id,
    shown,
)
from streams.ingest.segment_orders import ORDERS
from streams.ingest.segment_people import deleted, identified
from streams.ingest.segment_visits import VISITS, page
from streams.ingest.shape import Shape

Body = Mapping[str, Any]
_SHAPES: dict[str, Shape] = {
    "track": fields.TRACK,
    "page": fields.TRACK,
    "screen": fields.TRACK,
    "identify": fields.IDENTIFY,
    "delete": fields.IDENTIFY,
}
_OLD_NAMES = {
    "viewed product": "product viewed",
    "added product": "product added",
    "removed product": "product removed",
    "completed order": "order completed",
    "searched products": "products searched",
}
EVENTS: dict[str, Callable[..., None]] = {**VISITS, **ORDERS}
"""Name of a track event in lower case -> its mapping."""


class Segment:
    """See ``streams.ingest.common.Vendor``. ``frames``: source (its projectId) -> what messages do not say."""

    name = "segment"

    def __init__(self, frames: Callable[[str], Frame]) -> None:
        self._frames = frames

    def objects(self, delivery: Delivery) -> str:
        """See ``Vendor``. What depends on earlier messages is a cart or an order."""
        properties = part(delivery.body, "properties") if isinstance(delivery.body, dict) else {}
        order, cart = optional_id(properties.get("order_id")), optional_id(properties.get("cart_id"))
        if order is not None:
            return f"segment/orders/{order}"
        visitor = delivery.body.get("anonymousId") or delivery.body.get("userId") if properties else None
        return f"segment/carts/{cart or optional_id(visitor) or ''}"

    def map(self, delivery: Delivery, memory: Memory) -> Result:
        """See ``Vendor``."""
        body = delivery.body
        if not isinstance(body, dict):
            raise Refused("invalid_field", f"The message is no object but {shown(body)}.")
        kind = body.get("type")
        shape = _SHAPES.get(str(kind))
        if shape is None:
            return Result(left_out=f"messages of type {shown(kind)} are not mapped")
        result = Result(unknown=shape.unknown(body))
        frame = self._frames(str(body.get("projectId") or delivery.shop))
        try:
            self._message(str(kind), body, frame, memory, result)
        except LeftOut as reason:
            result.left_out = reason.why
        return result

    def _message(self, kind: str, body: Body, frame: Frame, memory: Memory, result: Result) -> None:
        at = moment(body.get("timestamp") or body.get("originalTimestamp"), "timestamp")
        if kind == "delete":
            deleted(body, at, frame, result)
            return
        message = required_id(body, "messageId")
        if kind == "identify":
            identified(body, message, at, _visitor(body, at, frame), frame, result)
            return
        common = _visitor(body, at, frame)
        if kind in ("page", "screen"):
            page(body, message, at, common, frame, memory, result)
            return
        name = str(body.get("event")).lower()
        mapping = EVENTS.get(_OLD_NAMES.get(name, name))
        if mapping is None:
            raise LeftOut(f"event {shown(body.get('event'))} is not mapped")
        mapping(body, message, at, common, frame, memory, result)

    def stripped(self, delivery: Delivery) -> Any:
        """See ``Vendor``."""
        kind = delivery.body.get("type") if isinstance(delivery.body, dict) else None
        shape = _SHAPES.get(str(kind))
        return None if shape is None else shape.stripped(delivery.body)


def _visitor(body: Body, at: int, frame: Frame) -> dict[str, Any]:
    """Whom a message names, and the session: ``<anonymousId or userId>-<UTC date>``."""
    context = part(body, "context")
    address = part(body, "properties").get("email") or part(context, "traits").get("email")
    user, visitor = optional_id(body.get("userId")), optional_id(body.get("anonymousId"))
    if user is None and visitor is None:
        raise Refused("missing_field", "The message names nobody: it has neither a userId nor an anonymousId.")
    found = frame.identifiers("segment", user, address)
    if visitor is not None:
        found["anonymous_id"] = visitor
    if (device := optional_id(part(context, "device").get("id"))) is not None:
        found["device_id"] = device
    found["session_id"] = f"{(visitor or customer_id(str(user)))[:100]}-{from_ms(at):%Y-%m-%d}"
    return found
