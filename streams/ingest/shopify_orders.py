"""Shopify's orders and refunds. A topic says which facts of the order are told, but cancellation, parcels and refunds
are told with every topic: whichever comes first brings them, and copies have the same ids.

``orders/updated`` carries the refunds with their customer; ``refunds/create`` names none, so customers are remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas.base import MINOR_UNITS, natural_key, to_major
from streams.ingest.common import (
    Delivery,
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    amount,
    cart_id,
    currency_code,
    fresh,
    moment,
    objects_in,
    optional_id,
    part,
    required_id,
    whole,
)

Body = Mapping[str, Any]
_CHANNELS = {"web": "web", "iphone": "app", "android": "app", "shopify_draft_order": "sales_rep"}
_NOT_SHIPPED = frozenset({"cancelled", "error", "failure"})


def order(delivery: Delivery, frame: Frame, memory: Memory, result: Result) -> None:
    """All that this topic tells of an order; its customer is remembered for ``refunds/create``."""
    body: Body = delivery.body
    number = required_id(body, "id")
    if body.get("test") is True:
        raise LeftOut("a test order")
    buyer = part(body, "customer")
    who = frame.identifiers(
        "shopify", buyer.get("id"), body.get("email") or body.get("contact_email") or buyer.get("email")
    )
    market = frame.country((part(body, "shipping_address") or part(body, "billing_address")).get("country_code"))
    till = _till(body)
    purchase = number if till is None else natural_key(*till.values())
    common = {**who, "order_id": purchase, "market": market}
    result.remember[f"order/shopify/{number}"] = common
    if till is not None:
        if delivery.kind == "orders/create":
            result.events.append(_receipt(body, frame, {**who, "market": market, **till}))
    elif delivery.kind == "orders/create":
        result.events.append(_placed(body, frame, common))
    elif delivery.kind == "orders/updated":
        _changed(body, frame, common, memory, result)
    _told_with_it(body, frame, common, result)
    if not result.events:
        raise LeftOut("nothing new of a till receipt" if till else f"{delivery.kind} says nothing that is mapped")


def _till(body: Body) -> dict[str, Any] | None:
    """What makes the natural key of a receipt, for an order of Shopify's point of sale; None for any other.

    The business date is the local one: Shopify writes times with the shop's offset.
    """
    store, number = optional_id(body.get("location_id")), body.get("order_number") or body.get("number")
    if body.get("source_name") != "pos" or store is None or not isinstance(number, int):
        return None
    sold = body.get("processed_at") or body.get("created_at")
    moment(sold, "created_at")
    date = str(sold)[:10]
    return {"store_id": store, "workstation_id": "shopify", "business_date": date, "sequence_number": number}


def _receipt(body: Body, frame: Frame, common: Body) -> Mapped:
    currency = currency_code(body.get("currency"), frame.currency)
    lines = [_line(line, frame, currency, line.get("quantity")) for line in _lines(body)]
    for line in lines:
        del line["line_id"]
    at = moment(body.get("processed_at") or body.get("created_at"), "created_at")
    event = frame.event("pos.receipt", f"shopify-order-{body['id']}", at, **common, currency=currency, lines=lines)
    return Mapped("pos-transactions", event)


def _told_with_it(body: Body, frame: Frame, common: Body, result: Result) -> None:
    """Cancellation, parcels and refunds: whichever topic tells of them first; copies have the same ids."""
    number = optional_id(body["id"])
    if body.get("cancelled_at"):
        at = moment(body["cancelled_at"], "cancelled_at")
        reason = optional_id(body.get("cancel_reason"))
        event = frame.event("order.cancelled", f"shopify-order-{number}-cancelled", at, **common, reason=reason)
        result.events.append(Mapped("orders", event))
    for parcel in objects_in(body.get("fulfillments"), "fulfillments"):
        result.events += _parcel(parcel, frame, common)
    for refund in objects_in(body.get("refunds"), "refunds"):
        back = _refund(refund, frame, common, body.get("currency"))
        result.events += [] if back is None else [back]


def _placed(body: Body, frame: Frame, common: Body) -> Mapped:
    currency = currency_code(body.get("currency"), frame.currency)
    lines = [_line(line, frame, currency, line.get("quantity")) for line in _lines(body)]
    gateways = body.get("payment_gateway_names")
    event = frame.event(
        "order.placed",
        f"shopify-order-{common['order_id']}",
        moment(body.get("processed_at") or body.get("created_at"), "created_at"),
        **common,
        currency=currency,
        cart_id=cart_id(body.get("cart_token")),
        checkout_id=optional_id(body.get("checkout_token")),
        channel=_channel(body.get("source_name")),
        payment_method=str(gateways[0])[:64] if isinstance(gateways, list) and gateways else None,
        lines=lines,
        total=None if body.get("total_price") is None else amount(body["total_price"], currency, "total_price"),
        coupons=[
            str(code["code"]) for code in objects_in(body.get("discount_codes"), "discount_codes") if code.get("code")
        ],
    )
    return Mapped("orders", event)


def _changed(body: Body, frame: Frame, common: Body, memory: Memory, result: Result) -> None:
    """The lines as they are now. What was refunded stays in them: it comes back as a return, and counts once."""
    number = common["order_id"]
    updated = moment(body.get("updated_at"), "updated_at")
    if not fresh(memory, result, f"newest/shopify/order/{number}", updated):
        raise LeftOut(str(result.left_out))
    currency = currency_code(body.get("currency"), frame.currency)
    refunded: Counter[str | None] = Counter()
    for refund in objects_in(body.get("refunds"), "refunds"):
        for line in objects_in(refund.get("refund_line_items"), "refund_line_items"):
            refunded[optional_id(line.get("line_item_id"))] += whole(line.get("quantity"), "refund_line_items.quantity")
    lines = []
    for line in _lines(body):
        ordered = whole(line.get("quantity"), "line_items.quantity")
        current = whole(line.get("current_quantity", ordered), "line_items.current_quantity")
        left = min(ordered, current + refunded[optional_id(line.get("id"))])
        if left > 0:
            lines.append(_line(line, frame, currency, left))
    event_id = f"shopify-order-{number}-{updated}"
    if lines:
        event = frame.event("order.changed", event_id, updated, **common, currency=currency, lines=lines)
    else:
        event = frame.event("order.cancelled", event_id, updated, **common, reason="all-lines-removed")
    result.events.append(Mapped("orders", event))


def _lines(body: Body) -> list[dict[str, Any]]:
    lines = objects_in(body.get("line_items"), "line_items")
    if not lines:
        raise Refused("missing_field", "Field line_items is empty; an order needs a line.")
    return lines


def _line(line: Body, frame: Frame, currency: str, quantity: object) -> dict[str, Any]:
    return {
        "line_id": required_id(line, "id"),
        "product_id": frame.product(line.get("sku"), line.get("variant_id"), line.get("product_id")),
        "quantity": whole(quantity, "line_items.quantity"),
        "unit_price": amount(line.get("price"), currency, "line_items.price"),
        "discount": _total(line, "discount_allocations", "amount", currency),
        "tax": _total(line, "tax_lines", "price", currency),
    }


def _total(line: Body, name: str, value: str, currency: str) -> str:
    """The sum of the amounts in a list."""
    parts = objects_in(line.get(name), name)
    if not parts:
        return "0"
    if len(parts) == 1:
        return amount(parts[0].get(value), currency, f"{name}.{value}")
    minor = MINOR_UNITS[currency]
    return to_major(sum(minor[amount(each.get(value), currency, f"{name}.{value}")] for each in parts), currency)


def _parcel(parcel: Body, frame: Frame, common: Body) -> list[Mapped]:
    if str(parcel.get("status")) in _NOT_SHIPPED:
        return []
    number = required_id(parcel, "id")
    lines = [
        {
            "line_id": required_id(line, "id"),
            "quantity": whole(line.get("quantity"), "fulfillments.line_items.quantity"),
        }
        for line in objects_in(parcel.get("line_items"), "fulfillments.line_items")
    ]
    shipped = moment(parcel.get("created_at"), "fulfillments.created_at")
    found = [
        Mapped("orders", frame.event("order.shipped", f"shopify-fulfillment-{number}", shipped, **common, lines=lines))
    ]
    if parcel.get("shipment_status") == "delivered":
        arrived = moment(parcel.get("updated_at"), "fulfillments.updated_at")
        event = frame.event(
            "order.delivered", f"shopify-fulfillment-{number}-delivered", arrived, **common, lines=lines
        )
        found.append(Mapped("orders", event))
    return found


def _refund(refund: Body, frame: Frame, common: Body, currency: object) -> Mapped | None:
    """A refund of goods; None when only money went back (shipping, a goodwill amount): nothing was returned.

    Lines of a receipt have no ids of their own, so what comes back of one is told by product.
    """
    number = required_id(refund, "id")
    given = objects_in(refund.get("refund_line_items"), "refund_line_items")
    if not given:
        return None
    said = part(part(given[0], "subtotal_set"), "shop_money").get("currency_code")
    code = currency_code(said or currency, frame.currency)
    lines = []
    for line in given:
        item = part(line, "line_item")
        lines.append(
            {
                "product_id": frame.product(item.get("sku"), item.get("variant_id"), item.get("product_id")),
                **({} if "/" in common["order_id"] else {"line_id": required_id(line, "line_item_id")}),
                "quantity": whole(line.get("quantity"), "refund_line_items.quantity"),
                "refund": amount(line.get("subtotal"), code, "refund_line_items.subtotal"),
                **({"disposition": str(line["restock_type"])[:64]} if line.get("restock_type") else {}),
            }
        )
    at = moment(refund.get("processed_at") or refund.get("created_at"), "created_at")
    event = frame.event(
        "refund.issued",
        f"shopify-refund-{number}",
        at,
        **common,
        return_id=f"shopify-refund-{number}",
        currency=code,
        lines=lines,
    )
    return Mapped("returns", event)


def refund_alone(delivery: Delivery, frame: Frame, memory: Memory, result: Result) -> None:
    """``refunds/create`` names no customer; the order that was seen before does."""
    number = required_id(delivery.body, "order_id")
    known = memory.get(f"order/shopify/{number}")
    if known is None:
        raise Refused(
            "missing_field",
            f"The refund names no customer, and its order {number} has not been seen here; subscribe to "
            "orders/updated, which carries the refund with its customer.",
        )
    event = _refund(delivery.body, frame, known, None)
    if event is None:
        raise LeftOut("a refund of money without goods")
    result.events.append(event)


def _channel(source: object) -> str:
    """``web`` and the apps are known by name; what another app placed came over a marketplace."""
    return _CHANNELS.get(str(source), "web" if source in (None, "pos") else "marketplace")
