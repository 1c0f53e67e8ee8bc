"""Cart abandoned: a cart with lines, left alone for a while; what was bought anywhere leaves it.

Episode: the cart id, with a counter from the second round on. Sources: web sessions, orders, till receipts.
``checkout_abandoned`` is the same for a cart whose checkout was entered.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, most_valuable
from streams.decide.rules import Compiled, minor
from streams.decide.state import Cart, Sent
from streams.decide.view import View

ROUNDS = frozenset({"cart_abandoned", "checkout_abandoned"})
"""Occasions whose episodes are rounds of a cart."""


class CartAbandoned:
    """See the module."""

    name = "cart_abandoned"
    triggers = frozenset({"cart.updated"})
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's cart, or at a new campaign every open cart of the brand."""
        if event is not None:
            cart = view.state.carts.get(f"{brand}|{event.data['cart']}")
            carts = [] if cart is None or not cart.lines else [cart]
        else:
            carts = sorted((c for c in view.state.carts.values() if c.brand == brand and c.lines), key=lambda c: c.id)
        armings = []
        for cart in carts:
            anchor = self._anchor(view, cart)
            if anchor is not None:
                at = self._told_at(view, cart, event)
                armings.append(Arming(_episode(cart, _round(view, campaign, cart, at)), anchor))
        return armings

    def _anchor(self, view: View, cart: Cart) -> int | None:
        """What the steps count from; None: the occasion is not about this cart."""
        return cart.activity

    def _told_at(self, view: View, cart: Cart, event: Envelope | None) -> int:
        """The time by which it is known whether a new round begins."""
        return cart.activity if event is None else event.at

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Open lines: what is in the cart less what was bought since it was started."""
        cart = view.state.carts.get(f"{brand}|{episode.split('#')[0]}")
        if cart is None or not cart.lines or episode != _episode(cart, _known_round(view, campaign, cart)[0]):
            return END
        anchor = self._anchor(view, cart)
        if anchor is None:
            return END
        if anchor + after > view.now:
            return Verdict("wait", until=anchor + after)
        bought, purchases = view.bought_since(brand, cart.started)
        lines: dict[str, tuple[int, int]] = {}
        left = dict(bought)
        for product, quantity, price in cart.lines:
            taken = min(quantity, left.get(product, 0))
            if taken:
                left[product] -= taken
            if quantity > taken:
                known = lines.get(product, (0, 0))
                lines[product] = (known[0] + quantity - taken, known[1] + (quantity - taken) * price)
        inputs = (cart.event, *(purchase.id for purchase in purchases))
        worth = sum(value for _, value in lines.values())
        value = f"open lines {len(lines)} of {len(cart.lines)}, worth {worth}"
        if not lines:
            wanted = {product for product, _, _ in cart.lines}
            channel = next(
                (p.channel for p in reversed(purchases) if any(line.product in wanted for line in p.lines)), ""
            )
            return Verdict("suppress", bought_reason(channel), value=value, inputs=inputs)
        if campaign.options.min_value is not None and worth < minor(campaign.options.min_value, cart.currency):
            return Verdict("suppress", "below_min_value", value=value, inputs=inputs)
        items = most_valuable(lines)
        held: dict[str, int] = {}
        for product, quantity, _ in cart.lines:
            held[product] = held.get(product, 0) + quantity
        before = [(product, held[product]) for product, _ in items]
        return Verdict("go", value=value, items=items, wanted=before, since=cart.started, inputs=inputs)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A cart of the brand has to hold something."""
        carts = [cart for cart in view.state.carts.values() if cart.brand == brand]
        if any(cart.lines for cart in carts):
            return ""
        if carts:
            emptied = max(carts, key=lambda cart: cart.activity)
            return f"Cart {emptied.id} of {brand} was emptied, and no other holds anything."
        ordered = [p for p in view.state.purchases.values() if p.brand == brand and p.cart and p.at >= 0]
        if not ordered:
            return f"No cart of {brand} is known."
        last = max(ordered, key=lambda p: (p.at, p.id))
        return f"No cart of {brand} holds anything: the last one, {last.cart}, became order {last.id}."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Everything that the reminder named has been bought since the cart was started."""
        bought, purchases = view.bought_since(sent.brand, sent.since)
        if any(quantity > bought.get(product, 0) for product, quantity in sent.wanted):
            return None
        this, named = bought_by(event), {product for product, _ in sent.items}
        return next(
            (
                bought_reason(p.channel)
                for p in purchases
                if p.id == this and any(line.product in named for line in p.lines)
            ),
            None,
        )


def _episode(cart: Cart, number: int) -> str:
    return cart.id if number == 1 else f"{cart.id}#{number}"


def _known_round(view: View, campaign: Compiled, cart: Cart) -> tuple[int, int, bool]:
    return view.state.rounds.get(f"{cart.brand}|{campaign.id}|{cart.id}", (1, -1, False))


def _round(view: View, campaign: Compiled, cart: Cart, at: int) -> int:
    number, decided, ended = _known_round(view, campaign, cart)
    if decided >= 0 and (ended or at >= decided + campaign.options.rearm_after):
        number += 1
        view.state.rounds[f"{cart.brand}|{campaign.id}|{cart.id}"] = (number, -1, False)
    return number
