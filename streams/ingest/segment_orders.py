"""Orders in Segment's words: completed, updated, cancelled, refunded as a whole or in part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.base import MINOR_UNITS, to_major
from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    amount,
    currency_code,
    fresh,
    objects_in,
    optional_id,
    part,
    required_id,
)
from streams.ingest.segment_visits import cart_of, line_of

Body = Mapping[str, Any]
Common = dict[str, Any]


def completed(body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result) -> None:
    """``Order Completed``; it ends the cart."""
    properties, order = _order(body)
    currency = currency_code(properties.get("currency"), frame.currency)
    lines = _lines(properties, frame, currency)
    who = _who(common)
    method, coupon = properties.get("payment_method"), properties.get("coupon")
    event = frame.event(
        "order.placed",
        f"segment-order-{order}"[:128],
        at,
        **who,
        order_id=order,
        cart_id=cart_of(body, common),
        checkout_id=optional_id(properties.get("checkout_id")),
        channel=_channel(body),
        currency=currency,
        payment_method=str(method)[:64] if method else None,
        lines=lines,
        total=None if properties.get("total") is None else amount(properties["total"], currency, "total"),
        coupons=[str(coupon)] if coupon else None,
    )
    result.events.append(Mapped("orders", event))
    result.remember[f"cart/segment/{cart_of(body, common)}"] = None
    _remember(result, order, who, currency, lines)


def updated(body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result) -> None:
    """``Order Updated``: the lines as they are now."""
    properties, order = _order(body)
    if not fresh(memory, result, f"newest/segment/order/{order}", at):
        raise LeftOut(str(result.left_out))
    currency = currency_code(properties.get("currency"), frame.currency)
    lines = _lines(properties, frame, currency)
    who = _who(common)
    event = frame.event("order.changed", message, at, **who, order_id=order, currency=currency, lines=lines)
    result.events.append(Mapped("orders", event))
    _remember(result, order, who, currency, lines)


def cancelled(body: Body, message: str, at: int, common: Common, frame: Frame, _: Memory, result: Result) -> None:
    """``Order Cancelled``."""
    _, order = _order(body)
    result.events.append(Mapped("orders", frame.event("order.cancelled", message, at, **_who(common), order_id=order)))


def refunded(body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result) -> None:
    """``Order Refunded``: of the products that it lists, else of the whole order, which must have been seen then."""
    properties, order = _order(body)
    known = memory.get(f"order/segment/{order}")
    said = properties.get("currency") or (known["currency"] if known else None)
    currency = currency_code(said, frame.currency)
    if properties.get("products"):
        lines = [
            {"product_id": line["product_id"], "quantity": line["quantity"]}
            for product in objects_in(properties["products"], "products")
            if (line := line_of(product, frame, currency))
        ]
    elif known is not None:
        lines = known["lines"]
    else:
        raise Refused(
            "missing_field",
            f"The refund lists no products, and its order {order} has not been seen here; list the products that came "
            "back, or send Order Completed too.",
        )
    event = frame.event(
        "refund.issued",
        message,
        at,
        **_who(common),
        return_id=f"segment-{message}"[:128],
        order_id=order,
        currency=currency,
        lines=lines,
    )
    result.events.append(Mapped("returns", event))


def _order(body: Body) -> tuple[Body, str]:
    properties = part(body, "properties")
    return properties, required_id(properties, "order_id")


def _who(common: Common) -> Common:
    """The identifiers without the session, which no order has."""
    return {name: value for name, value in common.items() if name != "session_id"}


def _channel(body: Body) -> str:
    return "app" if part(part(body, "context"), "device").get("type") in ("ios", "android") else "web"


def _lines(properties: Body, frame: Frame, currency: str) -> list[dict[str, Any]]:
    """Order lines. A discount of the whole order is shared out over the lines by their value."""
    found = []
    for number, product in enumerate(objects_in(properties.get("products"), "products"), 1):
        line = {"line_id": str(number), **line_of(product, frame, currency)}
        if product.get("category"):
            line["category"] = str(product["category"])[:128]
        if product.get("discount") is not None:
            line["discount"] = amount(product["discount"], currency, "products.discount")
        found.append(line)
    if not found:
        raise Refused("missing_field", "Field properties.products is empty; an order needs a product.")
    whole_discount = properties.get("discount")
    if whole_discount and not any("discount" in line for line in found):
        _share_out(amount(whole_discount, currency, "discount"), found, currency)
    return found


def _share_out(discount: str, lines: list[dict[str, Any]], currency: str) -> None:
    minor = MINOR_UNITS[currency]
    values = [minor[line["unit_price"]] * line["quantity"] for line in lines]
    total, left, given = sum(values), minor[discount], 0
    if total <= 0:
        return
    seen = 0
    for line, value in zip(lines, values, strict=True):
        seen += value
        upto = left * seen // total
        line["discount"] = to_major(upto - given, currency)
        given = upto


def _remember(result: Result, order: str, who: Common, currency: str, lines: list[dict[str, Any]]) -> None:
    kept = [
        {"product_id": line["product_id"], "line_id": line["line_id"], "quantity": line["quantity"]} for line in lines
    ]
    result.remember[f"order/segment/{order}"] = {
        "customer_id": who.get("customer_id"),
        "currency": currency,
        "lines": kept,
    }


ORDERS: dict[str, Callable[..., None]] = {
    "order completed": completed,
    "order updated": updated,
    "order cancelled": cancelled,
    "order refunded": refunded,
}
