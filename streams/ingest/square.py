"""Square's point of sale: orders, payments, refunds, customers and the catalogue.

Names as in Square's documentation (developer.squareup.com). What Square sends about orders, payments, refunds and the
catalogue are notices without lines, so the receiver fetches the object first (``streams.ingest.square_api``) and hands
it over in ``Delivery.fetched``; the objects as the API returns them are mapped by the same functions from files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.ingest import square_fields as fields
from streams.ingest.common import (
    Delivery,
    Frame,
    LeftOut,
    Memory,
    Refused,
    Result,
    moment,
    objects_in,
    optional_id,
    part,
    shown,
)
from streams.ingest.shape import Shape
from streams.ingest.square_catalog import item
from streams.ingest.square_orders import full_refund, order, returns
from streams.ingest.square_people import customer, deleted, merged

Body = Mapping[str, Any]
_OBJECTS: dict[str, tuple[Shape, Callable[[Body, Frame, Memory, Result], None]]] = {
    "order": (fields.ORDER, order),
    "catalog_object": (fields.CATALOG, item),
    "customer": (fields.CUSTOMER, customer),
}
"""Kind of a bare object -> its shape and mapping."""
NOTICES = {
    "order.created": "order_created",
    "order.updated": "order_updated",
    "order.fulfillment.updated": "order_fulfillment_updated",
}
CATALOGUE_TOLD = "fetched/square/catalogue"
"""Name in the memory: until when the catalogue was fetched."""
_NOT_FETCHED = (
    "Square sent a notice without lines; set ingest_square_token so that the receiver fetches the {what}, or load it "
    "with: cuepoint ingest file FILE --mapping square."
)


class Square:
    """See ``streams.ingest.common.Vendor``. ``frames``: location id or merchant id -> what payloads do not say."""

    name = "square"

    def __init__(self, frames: Callable[[str], Frame]) -> None:
        self._frames = frames

    def objects(self, delivery: Delivery) -> str:
        """See ``Vendor``. An order, its payments and its refunds are one object."""
        if delivery.kind.startswith("catalog"):
            return "square/catalog"
        wanted = wanted_order(delivery)
        body = delivery.body if isinstance(delivery.body, dict) else {}
        return f"square/{wanted or optional_id(part(body, 'data').get('id')) or optional_id(body.get('id')) or ''}"

    def map(self, delivery: Delivery, memory: Memory) -> Result:
        """See ``Vendor``."""
        body = delivery.body
        if not isinstance(body, dict):
            raise Refused("invalid_field", f"The payload is no object but {shown(body)}.")
        result = Result()
        try:
            if delivery.kind in _OBJECTS:
                self._object(delivery.kind, body, memory, result)
            else:
                result.unknown += fields.ENVELOPE.unknown(body)
                self._event(delivery, memory, result)
        except LeftOut as reason:
            result.left_out = reason.why
        return result

    def stripped(self, delivery: Delivery) -> Any:
        """See ``Vendor``."""
        shape = _OBJECTS[delivery.kind][0] if delivery.kind in _OBJECTS else fields.ENVELOPE
        return shape.stripped(delivery.body)

    def _object(self, kind: str, body: Body, memory: Memory, result: Result) -> None:
        shape, mapping = _OBJECTS[kind]
        result.unknown += shape.unknown(body, f"{kind}.")
        mapping(body, self._frames(str(body.get("location_id") or "")), memory, result)

    def _event(self, delivery: Delivery, memory: Memory, result: Result) -> None:
        body, kind = delivery.body, delivery.kind
        inner = part(part(body, "data"), "object")
        if kind in NOTICES:
            if part(inner, NOTICES[kind]).get("state") == "DRAFT":
                raise LeftOut("a draft of an order")
            self._object("order", _fetched(delivery), memory, result)
        elif kind in ("payment.created", "payment.updated"):
            payment = part(inner, "payment")
            if payment.get("status") != "COMPLETED" or not payment.get("order_id"):
                raise LeftOut("a payment that is not completed, or of no order")
            paid = {**_fetched(delivery)}
            paid["customer_id"] = paid.get("customer_id") or payment.get("customer_id")
            self._paid(paid, payment, memory, result)
        elif kind in ("refund.created", "refund.updated"):
            self._refund(delivery, part(inner, "refund"), memory, result)
        elif kind.startswith("customer."):
            self._customer(delivery, inner, memory, result)
        elif kind == "catalog.version.updated":
            if delivery.fetched is None:
                raise Refused("missing_field", _NOT_FETCHED.format(what="catalogue"))
            for each in objects_in(delivery.fetched.get("objects"), "objects"):
                if each.get("type") == "ITEM":
                    self._object("catalog_object", each, memory, result)
            result.remember[CATALOGUE_TOLD] = catalogue_told(body)
        else:
            raise LeftOut(f"events of type {shown(kind)} are not mapped")

    def _paid(self, paid: Body, payment: Body, memory: Memory, result: Result) -> None:
        result.unknown += fields.ORDER.unknown(paid, "order.")
        order(
            paid, self._frames(str(paid.get("location_id") or "")), memory, result, payment.get("buyer_email_address")
        )

    def _refund(self, delivery: Delivery, refund: Body, memory: Memory, result: Result) -> None:
        if refund.get("status") != "COMPLETED":
            raise LeftOut("a refund that is not completed")
        found = _fetched(delivery)
        result.unknown += fields.ORDER.unknown(found, "order.")
        frame = self._frames(str(found.get("location_id") or ""))
        if found.get("returns"):
            returns(found, frame, memory, result, (delivery.fetched or {}).get("sources") or {})
        else:
            full_refund(refund, found, frame, memory, result)

    def _customer(self, delivery: Delivery, inner: Body, memory: Memory, result: Result) -> None:
        body = delivery.body
        frame = self._frames(str(body.get("merchant_id") or ""))
        at = moment(body.get("created_at"), "created_at")
        merge = part(part(inner, "event_context"), "merge")
        if merge.get("to_customer_id"):
            merged(merge, at, frame, result)
        if delivery.kind != "customer.deleted":
            customer(part(inner, "customer"), frame, memory, result)
        elif not merge:
            deleted(part(inner, "customer") or {"id": part(body, "data").get("id")}, at, frame, result)


def catalogue_told(body: Body) -> int:
    """When the catalogue changed, as ``catalog.version.updated`` tells it."""
    data = part(body, "data")
    version = part(data, "catalog_version") or part(part(data, "object"), "catalog_version")
    return moment(version.get("updated_at"), "catalog_version.updated_at")


def wanted_order(delivery: Delivery) -> str | None:
    """The id of the order that a notice is about; None where there is none, or where it is not of use."""
    body = delivery.body if isinstance(delivery.body, dict) else {}
    inner = part(part(body, "data"), "object")
    if delivery.kind in NOTICES:
        notice = part(inner, NOTICES[delivery.kind])
        return None if notice.get("state") == "DRAFT" else optional_id(notice.get("order_id"))
    for kind in ("payment", "refund"):
        told = part(inner, kind)
        if delivery.kind.startswith(f"{kind}.") and told.get("status") == "COMPLETED":
            return optional_id(told.get("order_id"))
    return None


def _fetched(delivery: Delivery) -> Body:
    found = None if delivery.fetched is None else delivery.fetched.get("order")
    if not isinstance(found, dict):
        raise Refused("missing_field", _NOT_FETCHED.format(what="order"))
    return found
