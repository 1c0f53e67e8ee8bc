"""Second purchase: an offer that fits the first purchase, in the days in which a second one is likely.

Episode: the id of the first kept purchase, so that a customer whose first order came back is new again.
Sources: orders, returns, till receipts, catalogue.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, TRADE_TYPES
from streams.decide.occasions.accessories import fitting
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, nothing_kept, takes_from
from streams.decide.rules import Compiled
from streams.decide.state import Sent
from streams.decide.view import View


class SecondPurchase:
    """See the module."""

    name = "second_purchase"
    triggers = TRADE_TYPES
    undone_by = TRADE_TYPES - {"order.changed"}
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The brand's earliest kept purchase."""
        kept = view.kept(brand)
        return [Arming(kept[0].id, kept[0].at)] if kept else []

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Still kept, still the only one, still in the window, and something fits."""
        first = view.state.purchases.get(f"{brand}|{episode}")
        if first is None or first.at < 0:
            return END
        if first.at + after > view.now:
            return Verdict("wait", until=first.at + after)
        kept = view.kept(brand)
        inputs = tuple(purchase.id for purchase in kept[:10])
        value = f"kept purchases {len(kept)}"
        if all(purchase.id != first.id for purchase in kept):
            return Verdict("suppress", "returned", value=value, inputs=(first.id,))
        if len(kept) > 1:
            return Verdict("suppress", "bought_again", value=value, inputs=inputs)
        if view.now > first.at + campaign.options.window:
            return Verdict("suppress", "window_over", value=value, inputs=inputs)
        accessory = fitting(view, brand, first)
        if accessory is None:
            return Verdict("suppress", "no_accessory", value=value, inputs=inputs)
        return Verdict("go", value=f"{value}, fits {accessory}", items=[(accessory, 1)], since=first.at, inputs=inputs)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A purchase of the brand has to be kept."""
        return "" if view.kept(brand) else nothing_kept(view, brand)

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event is another kept purchase, or takes the last kept line of the first one."""
        kept = {purchase.id for purchase in view.kept(sent.brand)}
        first = view.state.purchases.get(f"{sent.brand}|{sent.episode}")
        if event.type in PURCHASE_TYPES and bought_by(event) in kept - {sent.episode}:
            return "bought_again"
        if first is None or first.id in kept or event.type == "order.placed":
            return None
        return "returned" if takes_from(event, first) else None
