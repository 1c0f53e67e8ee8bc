"""Shopify's checkouts as carts and checkouts of a visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.ingest.common import (
    Delivery,
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Result,
    amount,
    cart_id,
    currency_code,
    moment,
    objects_in,
    part,
    required_id,
    whole,
)

Body = Mapping[str, Any]


def checkout(delivery: Delivery, frame: Frame, _: Memory, result: Result) -> None:
    body: Body = delivery.body
    token = required_id(body, "token")
    if body.get("completed_at"):
        raise LeftOut("a completed checkout: its order says it")
    buyer = part(body, "customer")
    currency = currency_code(body.get("currency"), frame.currency)
    updated = moment(body.get("updated_at") or body.get("created_at"), "updated_at")
    common = {
        **frame.identifiers("shopify", buyer.get("id"), body.get("email") or buyer.get("email")),
        "session_id": token,
        "cart_id": cart_id(body.get("cart_token")) or cart_id(token),
        "market": frame.country((part(body, "shipping_address") or part(body, "billing_address")).get("country_code")),
    }
    lines = [
        {
            "product_id": frame.product(line.get("sku"), line.get("variant_id"), line.get("product_id")),
            "quantity": whole(line.get("quantity"), "line_items.quantity"),
            "unit_price": amount(line.get("price") or line.get("variant_price"), currency, "line_items.price"),
        }
        for line in objects_in(body.get("line_items"), "line_items")
    ]
    began = moment(body.get("created_at"), "created_at")
    cart = frame.event(
        "cart.updated", f"shopify-checkout-{token}-{updated}", updated, **common, currency=currency, lines=lines
    )
    start = frame.event("checkout.started", f"shopify-checkout-{token}", began, **common, checkout_id=token)
    result.events += [Mapped("web-sessions", cart), Mapped("web-sessions", start)]
