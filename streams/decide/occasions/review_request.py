"""Review request: some time after the last delivery, for what was delivered and is kept.

Episode: the order id. Sources: orders, returns, till receipts (returns at the till).
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import RETURN_TYPES, STORE
from streams.decide.occasions.base import END, Arming, Verdict, most_valuable, takes_from
from streams.decide.rules import Compiled
from streams.decide.state import Purchase, Sent
from streams.decide.view import View


class ReviewRequest:
    """See the module."""

    name = "review_request"
    triggers = frozenset({"order.delivered", "order.placed"})
    undone_by = RETURN_TYPES | {"pos.receipt", "order.cancelled"}
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's order, or at a new campaign every delivered order of the brand."""
        if event is not None:
            order = view.state.purchases.get(f"{brand}|{event.data['order']}")
            orders = [] if order is None else [order]
        else:
            orders = sorted((p for p in view.state.purchases.values() if p.brand == brand), key=lambda p: p.id)
        return [Arming(p.id, p.delivered_at) for p in orders if p.delivered_at >= 0 and p.at >= 0]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Delivered and kept, line by line."""
        order = view.state.purchases.get(f"{brand}|{episode}")
        if order is None or order.at < 0 or order.folded_kept is not None:
            return END
        if order.delivered_at + after > view.now:
            return Verdict("wait", until=order.delivered_at + after)
        lines = _kept_and_delivered(view, order)
        value = f"products delivered and kept {len(lines)} of {len({line.product for line in order.lines})}"
        if not lines:
            return Verdict("suppress", "returned", value=value, inputs=(order.id,))
        return Verdict("go", value=value, items=most_valuable(lines), since=order.at, inputs=(order.id,))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """An order of the brand has to be known, and delivered."""
        known = [p for p in view.state.purchases.values() if p.brand == brand]
        orders = [p for p in known if p.channel != STORE]
        if any(p.delivered_at >= 0 and p.at >= 0 for p in orders):
            return ""
        delivered = sorted(p.id for p in orders if p.delivered_at >= 0)
        if delivered:
            return f"Order {delivered[-1]} was delivered, but its order.placed has not come."
        if orders:
            return f"No order of {brand} has been delivered; {len(orders)} known."
        in_store = f"; {len(known)} purchases in a store need no delivery" if known else ""
        return f"No order of {brand} is known{in_store}."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Nothing that the request named is kept any more."""
        order = view.state.purchases.get(f"{sent.brand}|{sent.episode}")
        if order is None or order.folded_kept is not None or not takes_from(event, order):
            return None
        kept = _kept_and_delivered(view, order)
        return None if any(product in kept for product, _ in sent.items) else "returned"


def _kept_and_delivered(view: View, order: Purchase) -> dict[str, tuple[int, int]]:
    """Product -> (quantity, value)."""
    lines: dict[str, tuple[int, int]] = {}
    if order.cancelled:
        return lines
    matched = view.matched(order.brand)
    for line in order.lines:
        delivered = line.qty if order.delivered_all else order.delivered.get(line.line, 0)
        quantity = min(delivered, line.qty - matched.get((order.id, line.line), 0))
        if quantity > 0:
            known = lines.get(line.product, (0, 0))
            lines[line.product] = (known[0] + quantity, known[1] + quantity * line.price)
    return lines
