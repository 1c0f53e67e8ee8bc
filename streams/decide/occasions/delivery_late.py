"""Delivery late: the promised (or the usual) time has passed, and something of the order has not arrived.

Episode: the order id. It counts from the end of the promise, of which the latest word counts (``promised_at`` of
``order.placed`` and ``order.shipped``), or without one from ``usual`` after the order. An order that has arrived in all
its kept lines by then was not late: it ends. A cancelled one is suppressed (``returned``). A delivery that becomes
known, or comes, right after the message takes it back (``delivered``). Sources: orders, returns. Shops that tell of no
deliveries must not use it.
"""

from __future__ import annotations

from typing import Any

from schemas.envelope import Envelope
from streams.decide.facts import STORE
from streams.decide.occasions.base import END, Arming, Verdict, most_valuable
from streams.decide.rules import Compiled
from streams.decide.state import Purchase, Sent
from streams.decide.view import View, utc_date


class DeliveryLate:
    """See the module."""

    name = "delivery_late"
    triggers = frozenset({"order.placed", "order.shipped"})
    undone_by = frozenset({"order.delivered", "order.cancelled"})
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's order, or at a new campaign every order of the brand."""
        known = view.state.purchases
        if event is None:
            orders = sorted((each for each in known.values() if each.brand == brand), key=lambda each: each.id)
        else:
            orders = [each for each in (known.get(f"{brand}|{event.data['order']}"),) if each is not None]
        ends = [(order.id, _promise(order, campaign.options)) for order in orders]
        return [Arming(name, end) for name, end in ends if end is not None]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Promised, and not all there."""
        order = view.state.purchases.get(f"{brand}|{episode}")
        end = None if order is None else _promise(order, campaign.options)
        if order is None or end is None or order.folded_kept is not None:
            return END
        if end + after > view.now:
            return Verdict("wait", until=end + after)
        value = f"promised until {utc_date(end)}"
        if order.cancelled:
            return Verdict("suppress", "returned", value=value, inputs=(order.id,))
        missing = _missing(view, order)
        if not missing:
            return END
        value += f", products missing {len(missing)} of {len({line.product for line in order.lines})}"
        return Verdict("go", value=value, items=most_valuable(missing), since=order.at, inputs=(order.id,))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """An order of the brand has to be known, and when it should arrive."""
        orders = [each for each in view.state.purchases.values() if each.brand == brand and each.channel != STORE]
        placed = [each for each in orders if each.at >= 0]
        if any(_promise(each, campaign.options) is not None for each in placed):
            return ""
        if placed:
            last = max(placed, key=lambda each: (each.at, each.id))
            return f"Order {last.id} of {brand} has no promised time, and options.usual names none for all."
        if orders:
            return f"Order {max(each.id for each in orders)} is spoken of, but its order.placed has not come."
        return f"No order of {brand} is known."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The order was cancelled, or its last missing line has arrived."""
        order = view.state.purchases.get(f"{sent.brand}|{sent.episode}")
        if order is None or order.folded_kept is not None or event.data["order"] != order.id:
            return None
        if event.type == "order.cancelled":
            return "returned"
        return None if order.cancelled or _missing(view, order) else "delivered"


def _promise(order: Purchase, options: Any) -> int | None:
    """Until when the order should have arrived; None: nobody said, or it is no order."""
    if order.at < 0 or order.channel == STORE:
        return None
    if order.promised >= 0:
        return order.promised
    return None if options.usual is None else order.at + options.usual


def _missing(view: View, order: Purchase) -> dict[str, tuple[int, int]]:
    """Product -> (quantity, value) of what has neither arrived nor come back."""
    lines: dict[str, tuple[int, int]] = {}
    if order.delivered_all:
        return lines
    matched = view.matched(order.brand)
    for line in order.lines:
        quantity = line.qty - max(order.delivered.get(line.line, 0), matched.get((order.id, line.line), 0))
        if quantity > 0:
            known = lines.get(line.product, (0, 0))
            lines[line.product] = (known[0] + quantity, known[1] + quantity * line.price)
    return lines
