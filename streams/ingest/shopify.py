"""Shopify's webhooks: orders, refunds, checkouts, customers and products (names as on shopify.dev, Webhooks)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.ingest import shopify_fields as fields
from streams.ingest.common import Delivery, Frame, LeftOut, Memory, Refused, Result, optional_id
from streams.ingest.shape import Shape
from streams.ingest.shopify_checkouts import checkout
from streams.ingest.shopify_orders import order, refund_alone
from streams.ingest.shopify_people import erased, merged, profile
from streams.ingest.shopify_products import items

_ORDERS = ("orders/create", "orders/updated", "orders/cancelled", "orders/fulfilled",
           "orders/partially_fulfilled")  # fmt: skip
SHAPES: dict[str, Shape] = {
    **dict.fromkeys(_ORDERS, fields.ORDER),
    "refunds/create": fields.REFUND,
    "checkouts/create": fields.CHECKOUT,
    "checkouts/update": fields.CHECKOUT,
    "customers/create": fields.CUSTOMER,
    "customers/update": fields.CUSTOMER,
    "customers/merge": fields.MERGE,
    "customers/redact": fields.REDACT,
    "products/create": fields.PRODUCT,
    "products/update": fields.PRODUCT,
}
"""Topic -> the object that it carries. Other topics are left out and counted."""


class Shopify:
    """See ``streams.ingest.common.Vendor``. ``frames``: shop domain -> what its payloads do not say."""

    name = "shopify"

    def __init__(self, frames: Callable[[str], Frame]) -> None:
        self._frames = frames

    def objects(self, delivery: Delivery) -> str:
        """See ``Vendor``. An order and its refunds are one object."""
        if not isinstance(delivery.body, dict):
            return ""
        name = "order_id" if delivery.kind == "refunds/create" else "token" if "token" in delivery.body else "id"
        if delivery.kind.startswith("orders/"):
            name = "id"
        kind = "orders" if delivery.kind == "refunds/create" else delivery.kind.partition("/")[0]
        return f"shopify/{kind}/{optional_id(delivery.body.get(name)) or ''}"

    def map(self, delivery: Delivery, memory: Memory) -> Result:
        """See ``Vendor``."""
        shape = SHAPES.get(delivery.kind)
        if shape is None:
            return Result(left_out=f"topic {delivery.kind} is not mapped")
        if not isinstance(delivery.body, dict):
            raise Refused("invalid_field", f"The payload of {delivery.kind} is no object.")
        result = Result(unknown=shape.unknown(delivery.body))
        try:
            _MAPPINGS[shape.title](delivery, self._frames(delivery.shop), memory, result)
        except LeftOut as reason:
            result.left_out = reason.why
        return result

    def stripped(self, delivery: Delivery) -> Any:
        """See ``Vendor``."""
        shape = SHAPES.get(delivery.kind)
        return None if shape is None else shape.stripped(delivery.body)


_MAPPINGS: dict[str, Callable[[Delivery, Frame, Memory, Result], None]] = {
    fields.ORDER.title: order,
    fields.REFUND.title: refund_alone,
    fields.CHECKOUT.title: checkout,
    fields.CUSTOMER.title: profile,
    fields.MERGE.title: merged,
    fields.REDACT.title: erased,
    fields.PRODUCT.title: items,
}
