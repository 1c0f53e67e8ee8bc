"""Section "Occasions", cart: what a cart holds, since when, and what of it is still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.oracle.history import Absorbed, Event
from tests.oracle.purchases import Purchase


@dataclass
class Cart:
    """A cart after the news so far. ``ends`` are the times (``eff``) at which it ended."""

    start: int = 0
    last_at: int | None = None
    """None: no update counted yet."""
    last_order: tuple[int, int, str] = (0, 0, "")
    """Place of the last update in the order of events, for updates of the same time."""
    lines: Sequence[Mapping[str, Any]] = ()
    ordered_at: int | None = None
    """The latest order with the cart's id; older news is ignored."""
    was_filled: bool = False
    ended: bool = True
    ends: list[int] = field(default_factory=list)

    def end(self, now: int) -> None:
        """Whatever would end a cart counts as an end, also of one that holds nothing any more."""
        self.ended = True
        if self.was_filled:
            self.ends.append(now)

    def ignores(self, at: int) -> bool:
        return self.ordered_at is not None and self.ordered_at >= at


def cart_of(history: Iterable[Event | Absorbed], brand: str, cart_id: str) -> Cart:
    """The cart as its updates and its orders left it, taken in order."""
    cart = Cart()
    for entry in history:
        if isinstance(entry, Absorbed):
            cart = _become_one(cart, cart_of(entry.history, brand, cart_id), entry.now)
        elif entry.brand != brand or entry.record.get("cart_id") != cart_id:
            continue
        elif entry.type == "order.placed":
            cart.ordered_at = max(entry.at, cart.ordered_at or entry.at)
            if cart.last_at is not None and entry.at >= cart.last_at:
                cart.end(entry.eff)
        elif entry.type == "cart.updated" and not cart.ignores(entry.at):
            _update(cart, entry)
    return cart


def _update(cart: Cart, event: Event) -> None:
    """A cart holds its update with the latest ``at``. It starts with its first update, and anew after an end."""
    if cart.last_at is not None and event.at < cart.last_at:
        cart.start = cart.start if cart.ended else min(cart.start, event.at)
        return
    cart.last_at, cart.last_order, cart.lines = event.at, event.order, event.record["lines"]
    cart.was_filled = cart.was_filled or bool(cart.lines)
    if not cart.lines:
        cart.end(event.eff)
    elif cart.ended:
        cart.start, cart.ended = event.at, False


def _become_one(mine: Cart, other: Cart, now: int) -> Cart:
    """Two carts with one id become one: the later update, the earlier start of those that hold lines. An order of one
    of the two ends the cart of the other, if there still is one."""
    later = max(mine, other, key=lambda cart: (cart.last_at or 0, cart.last_order))
    starts = [cart.start for cart in (mine, other) if not cart.ended]
    orders = [cart.ordered_at for cart in (mine, other) if cart.ordered_at is not None]
    one = replace(
        later,
        start=min(starts, default=later.start),
        ordered_at=max(orders, default=None),
        was_filled=mine.was_filled or other.was_filled,
        ends=sorted([*mine.ends, *other.ends]),
    )
    still_there = any(cart.last_at is not None and not cart.ignores(cart.last_at) for cart in (mine, other))
    if still_there and one.last_at is not None and one.ignores(one.last_at):
        one.end(now)
    return one


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
