"""Checkout abandoned: the checkout of a cart was entered, and no order came of it.

Episode: the cart id, with a counter from the second round on, as of ``cart_abandoned``. It starts when the checkout is
entered while the cart holds lines, and counts from then, or from the cart's last update if that is later. It ends as
the cart does (emptied, ordered), and what was bought anywhere leaves it; a cart that is filled again after its end was
not checked out. Entering the checkout again ``rearm_after`` the last decision begins a new round. Each of two carts has
its own episodes. Sources: web sessions, orders, till receipts.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.occasions.cart_abandoned import CartAbandoned
from streams.decide.rules import Compiled
from streams.decide.state import Cart
from streams.decide.view import View


class CheckoutAbandoned(CartAbandoned):
    """See the module."""

    name = "checkout_abandoned"
    triggers = frozenset({"checkout.started", "cart.updated"})

    def _anchor(self, view: View, cart: Cart) -> int | None:
        """The later of the checkout and the cart's last update; None: this cart was never checked out."""
        entered = view.state.checkouts.get(f"{cart.brand}|{cart.id}", -1)
        return max(entered, cart.activity) if entered >= cart.started else None

    def _told_at(self, view: View, cart: Cart, event: Envelope | None) -> int:
        """Only entering the checkout again begins a new round, not a change of the cart."""
        return view.state.checkouts[f"{cart.brand}|{cart.id}"]

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A cart of the brand has to hold something, and its checkout has to have been entered since."""
        carts = [cart for cart in view.state.carts.values() if cart.brand == brand and cart.lines]
        if any(self._anchor(view, cart) is not None for cart in carts):
            return ""
        if not carts:
            return super().missing(view, campaign, brand)
        last = max(carts, key=lambda cart: (cart.activity, cart.id))
        return f"The checkout of cart {last.id} of {brand} was not entered since the cart was begun."
