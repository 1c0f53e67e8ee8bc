"""Section "Occasions", cart: what a cart holds, since when, and what of it is still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.oracle.history import Event
from tests.oracle.purchases import Purchase


@dataclass
class Cart:
    """A cart after the news so far. ``ends`` are the times (``eff``) at which it ended."""

    start: int
    last_at: int
    lines: Sequence[Mapping[str, Any]]
    ended: bool = False
    ends: list[int] = field(default_factory=list)


def cart_of(events: Iterable[Event], brand: str, cart_id: str) -> Cart | None:
    """The cart as its updates and its orders left it, taken in order; None: no update counted yet."""
    cart: Cart | None = None
    ordered_at: int | None = None
    for event in events:
        if event.brand != brand or event.record.get("cart_id") != cart_id:
            continue
        if event.type == "order.placed":
            ordered_at = event.at if ordered_at is None else max(ordered_at, event.at)
            if cart is not None and event.at >= cart.last_at:
                _end(cart, event.eff)
        elif event.type == "cart.updated" and (ordered_at is None or event.at > ordered_at):
            cart = _updated(cart, event)
    return cart


def counts(event: Event, events: Iterable[Event]) -> bool:
    """Whether an update is news: no known order of the cart is at or after it."""
    orders = (other for other in events if other.type == "order.placed" and other.brand == event.brand)
    return not any(o.record.get("cart_id") == event.record["cart_id"] and o.at >= event.at for o in orders)


def bought_since(purchases: Iterable[Purchase], brand: str, since: int, product: str) -> int:
    """How much of a product the customer bought since a time, in purchases that were not cancelled."""
    fitting = (p for p in purchases if p.brand == brand and not p.cancelled and p.at >= since)
    return sum(purchase.quantity_of(product) for purchase in fitting)


def open_lines(cart: Cart, purchases: Iterable[Purchase], brand: str) -> list[tuple[str, int, Decimal]]:
    """Product, open quantity and unit price of the lines not bought yet; purchases use them up in order."""
    bought = {line["product_id"]: bought_since(purchases, brand, cart.start, line["product_id"]) for line in cart.lines}
    found: list[tuple[str, int, Decimal]] = []
    for line in cart.lines:
        product, quantity = line["product_id"], line["quantity"]
        used = min(quantity, bought[product])
        bought[product] -= used
        if quantity > used:
            found.append((product, quantity - used, Decimal(line["unit_price"])))
    return found


def _updated(cart: Cart | None, event: Event) -> Cart:
    lines = event.record["lines"]
    if cart is None:
        cart = Cart(event.at, event.at, lines)
    elif event.at < cart.last_at:
        cart.start = cart.start if cart.ended else min(cart.start, event.at)
        return cart
    elif cart.ended and lines:
        cart.start, cart.ended = event.at, False
    cart.last_at, cart.lines = event.at, lines
    if not lines and not cart.ended:
        _end(cart, event.eff)
    return cart


def _end(cart: Cart, now: int) -> None:
    cart.ended = True
    cart.ends.append(now)
