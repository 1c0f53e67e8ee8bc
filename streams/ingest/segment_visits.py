"""What a visitor does, in Segment's words: pages, searches, views, wish lists, carts and checkouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.ingest.common import (
    Frame,
    LeftOut,
    Mapped,
    Memory,
    Refused,
    Result,
    amount,
    currency_code,
    objects_in,
    optional_id,
    part,
    whole,
)

Body = Mapping[str, Any]
Common = dict[str, Any]
APPLIED_MAX = 200
"""Messages of one cart that are remembered, so that a repeated one changes nothing."""
TEXT_CHARACTERS = 512


def page(body: Body, message: str, at: int, common: Common, frame: Frame, _: Memory, result: Result) -> None:
    """``page`` and ``screen``; the first of a session begins it."""
    properties, context = part(body, "properties"), part(body, "context")
    path = properties.get("path") or part(context, "page").get("path") or body.get("name") or properties.get("name")
    if not isinstance(path, str):
        raise LeftOut("a page without path or name")
    _add(result, frame.event("page.viewed", message, at, **common, page=path[:TEXT_CHARACTERS]))


def viewed(body: Body, message: str, at: int, common: Common, frame: Frame, _: Memory, result: Result) -> None:
    """``Product Viewed``."""
    properties = part(body, "properties")
    category = properties.get("category")
    event = frame.event(
        "product.viewed",
        message,
        at,
        **common,
        product_id=product_of(properties, frame),
        category=str(category)[:128] if category else None,
    )
    _add(result, event)


def wished(body: Body, message: str, at: int, common: Common, frame: Frame, _: Memory, result: Result) -> None:
    """``Product Added to Wishlist`` and ``Product Removed from Wishlist``."""
    listed = "added" in str(body.get("event")).lower()
    product = product_of(part(body, "properties"), frame)
    _add(result, frame.event("product.wished", message, at, **common, product_id=product, listed=listed))


def searched(body: Body, message: str, at: int, common: Common, frame: Frame, _: Memory, result: Result) -> None:
    """``Products Searched``."""
    query = part(body, "properties").get("query")
    if not isinstance(query, str) or not query:
        raise LeftOut("a search without query")
    _add(result, frame.event("search.performed", message, at, **common, query=query[:TEXT_CHARACTERS]))


def added(body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result) -> None:
    """``Product Added``, ``Wishlist Product Added to Cart``, ``Product Removed``: the cart with it, or without it."""
    properties = part(body, "properties")
    cart = cart_of(body, common)
    currency = currency_code(properties.get("currency"), frame.currency)
    known = memory.get(f"cart/segment/{cart}") or {"lines": [], "applied": []}
    if message in known["applied"]:
        raise LeftOut("a repeated message about a cart")
    line = line_of(properties, frame, currency)
    removed = "removed" in str(body.get("event")).lower()
    lines = _with(known["lines"], line, -line["quantity"] if removed else line["quantity"])
    _cart(message, at, common, frame, result, cart, currency, lines, known["applied"])


def cart_viewed(
    body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result
) -> None:
    """``Cart Viewed``: all of the cart, whatever was remembered of it."""
    properties = part(body, "properties")
    cart = cart_of(body, common)
    currency = currency_code(properties.get("currency"), frame.currency)
    lines = lines_of(properties, frame, currency)
    known = memory.get(f"cart/segment/{cart}") or {"applied": []}
    _cart(message, at, common, frame, result, cart, currency, lines, known["applied"])


def checkout(body: Body, message: str, at: int, common: Common, frame: Frame, memory: Memory, result: Result) -> None:
    """``Checkout Started``: with its products it tells the cart too."""
    properties = part(body, "properties")
    cart = cart_of(body, common)
    if properties.get("products"):
        cart_viewed(body, f"{message[:120]}-cart", at, common, frame, memory, result)
    checkout_id = optional_id(properties.get("checkout_id") or properties.get("order_id"))
    _add(result, frame.event("checkout.started", message, at, **common, cart_id=cart, checkout_id=checkout_id))


def cart_of(body: Body, common: Common) -> str:
    """The cart's id; without one the visitor has one cart."""
    given = optional_id(part(body, "properties").get("cart_id"))
    return (given or f"cart-{common.get('anonymous_id') or common.get('customer_id')}").replace("#", "-")[:128]


def product_of(properties: Body, frame: Frame) -> str:
    """Our id of the product that an event or a line of it names."""
    return frame.product(properties.get("sku"), properties.get("product_id"), properties.get("product_id"))


def line_of(product: Body, frame: Frame, currency: str) -> dict[str, Any]:
    """A cart line of a product as Segment names it."""
    quantity = 1 if product.get("quantity") is None else whole(product["quantity"], "quantity")
    if quantity < 1:
        raise Refused("invalid_field", f"Field quantity = {quantity}: it has to be at least 1.")
    price = amount(product.get("price", 0), currency, "price")
    return {"product_id": product_of(product, frame), "quantity": quantity, "unit_price": price}


def lines_of(properties: Body, frame: Frame, currency: str) -> list[dict[str, Any]]:
    """The lines of all products of an event."""
    return [line_of(product, frame, currency) for product in objects_in(properties.get("products"), "products")]


def _with(lines: list[dict[str, Any]], changed: dict[str, Any], by: int) -> list[dict[str, Any]]:
    """The lines after a product was added or taken out; its price is the latest."""
    found = [dict(line) for line in lines]
    for line in found:
        if line["product_id"] == changed["product_id"]:
            line["quantity"] += by
            line["unit_price"] = changed["unit_price"]
            return [line for line in found if line["quantity"] > 0]
    return [*found, changed] if by > 0 else found


def _cart(
    message: str,
    at: int,
    common: Common,
    frame: Frame,
    result: Result,
    cart: str,
    currency: str,
    lines: list[dict[str, Any]],
    applied: list[str],
) -> None:
    _add(result, frame.event("cart.updated", message, at, **common, cart_id=cart, currency=currency, lines=lines))
    result.remember[f"cart/segment/{cart}"] = {
        "customer_id": common.get("customer_id"),
        "lines": lines,
        "applied": [*applied, message][-APPLIED_MAX:],
    }


def _add(result: Result, event: dict[str, Any]) -> None:
    result.events.append(Mapped("web-sessions", event))


VISITS: dict[str, Callable[..., None]] = {
    "products searched": searched,
    "product viewed": viewed,
    "product added": added,
    "wishlist product added to cart": added,
    "product removed": added,
    "cart viewed": cart_viewed,
    "checkout started": checkout,
    "product added to wishlist": wished,
    "product removed from wishlist": wished,
}
