"""After a return: help, an exchange, the next size.

Episode: the return id (of a return at the till the receipt's). It starts when the goods are back (``return.received``
or ``refund.issued``, the first of them; at the till at once), or with ``counts_from: requested`` when the return became
known. Each return is one episode, a part of an order too; later words about it change it and do not begin it anew. A
refused return (``return_rejected``), and a customer who has bought of the brand since, who has his exchange
(``bought_online``, ``bought_in_store``), get nothing. Sources: returns, till receipts, orders.
"""

from __future__ import annotations

from typing import Any

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, RETURN_TYPES, STORE
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, most_valuable
from streams.decide.rules import Compiled
from streams.decide.state import Return, Sent
from streams.decide.view import View


class AfterReturn:
    """See the module."""

    name = "after_return"
    triggers = RETURN_TYPES | {"pos.receipt"}
    undone_by = PURCHASE_TYPES | {"return.rejected"}
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's return, or at a new campaign every return of the brand."""
        known = view.state.returns
        if event is None:
            returns = sorted((each for each in known.values() if each.brand == brand), key=lambda each: each.id)
        else:
            name = event.data["receipt"] if event.type == "pos.receipt" else event.data["return"]
            returns = [each for each in (known.get(f"{brand}|{name}"),) if each is not None]
        anchors = [(each.id, _anchor(each, campaign.options)) for each in returns]
        return [Arming(name, anchor) for name, anchor in anchors if anchor >= 0]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Not refused, for one of the reasons, and nothing bought since."""
        item = view.state.returns.get(f"{brand}|{episode}")
        anchor = -1 if item is None else _anchor(item, campaign.options)
        if item is None or anchor < 0:
            return END
        if anchor + after > view.now:
            return Verdict("wait", until=anchor + after)
        wanted = campaign.options.reasons
        pieces: dict[str, tuple[int, int]] = {}
        for line in item.lines:
            if not wanted or line.reason in wanted:
                quantity = pieces.get(line.product, (0, 0))[0] + line.qty
                pieces[line.product] = (quantity, quantity)
        if not pieces:
            return END
        value = f"products that came back {len(pieces)}"
        if item.void:
            return Verdict("suppress", "return_rejected", value=value, inputs=(item.id,))
        _, purchases = view.bought_since(brand, item.at)
        if purchases:
            inputs = (item.id, purchases[-1].id)
            return Verdict("suppress", bought_reason(purchases[-1].channel), value=value, inputs=inputs)
        return Verdict("go", value=value, items=most_valuable(pieces), since=item.at, inputs=(item.id,))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """Something has to have come back, or with ``counts_from: requested`` to be about to."""
        returns = [each for each in view.state.returns.values() if each.brand == brand]
        if any(_anchor(each, campaign.options) >= 0 for each in returns):
            return ""
        if not returns:
            return f"No return to {brand} is known."
        return f"Return {max(returns, key=lambda each: (each.at, each.id)).id} has not been received."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The return was refused, or the event is a purchase since it."""
        item = view.state.returns.get(f"{sent.brand}|{sent.episode}")
        if item is None:
            return None
        if event.type == "return.rejected":
            return "return_rejected" if event.data["return"] == item.id else None
        this = bought_by(event)
        _, purchases = view.bought_since(sent.brand, item.at)
        if all(purchase.id != this for purchase in purchases):
            return None
        return bought_reason(STORE if event.type == "pos.receipt" else "")


def _anchor(item: Return, options: Any) -> int:
    """When it was received or became known; -1: it was not received yet."""
    return item.received if options.counts_from == "received" else item.at
