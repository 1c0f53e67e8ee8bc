"""Complementary offer: something in the catalogue goes with what was bought: a cover for the tablet.

Every kept purchase that has a fitting accessory starts an episode, its id, at its time; one that has none starts it
when the catalogue gets to know of one for a product of it, within the ``window``. At due: nothing of it is kept:
``returned``; beyond the window: ``window_over``; the accessory is not there any more, or bought: ``no_accessory``.
Undone when nothing of the purchase is kept, or when the accessory is bought. Sources: orders, returns, till receipts,
catalogue.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, TRADE_TYPES, is_kept
from streams.decide.occasions.accessories import fitting
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, nothing_kept, takes_from
from streams.decide.rules import Compiled, Item
from streams.decide.state import Purchase, Sent
from streams.decide.view import View


class ComplementaryOffer:
    """See the module."""

    name = "complementary_offer"
    triggers = PURCHASE_TYPES | {"order.changed", "catalog.item"}
    undone_by = TRADE_TYPES - {"order.changed"}
    across_brands = False
    rearms_at_pop = False

    def changed(self, before: Item | None, after: Item) -> bool:
        """It has an accessory that it had not."""
        return not set(after.accessories) <= set(() if before is None else before.accessories)

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The purchase of the event; the purchases of the product that changed; at a new campaign all."""
        return [
            Arming(purchase.id, purchase.at)
            for purchase in _purchases(view, brand, event)
            if view.now <= purchase.at + campaign.options.window and fitting(view, brand, purchase) is not None
        ]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Still kept, in the window, and something fits."""
        purchase = view.state.purchases.get(f"{brand}|{episode}")
        if purchase is None or purchase.at < 0:
            return END
        if purchase.at + after > view.now:
            return Verdict("wait", until=purchase.at + after)
        if not is_kept(purchase, view.matched(brand)):
            return Verdict("suppress", "returned", value="nothing of it is kept", inputs=(purchase.id,))
        if view.now > purchase.at + campaign.options.window:
            return Verdict("suppress", "window_over", value="the window is over", inputs=(purchase.id,))
        accessory = fitting(view, brand, purchase)
        if accessory is None:
            return Verdict("suppress", "no_accessory", value="nothing fits any more", inputs=(purchase.id,))
        value = f"bought {purchase.id}, fits {accessory}"
        return Verdict("go", value=value, items=[(accessory, 1)], since=purchase.at, inputs=(purchase.id,))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A purchase has to be kept, and something has to fit."""
        kept = view.kept(brand)
        if not kept:
            return nothing_kept(view, brand)
        if any(fitting(view, brand, purchase) is not None for purchase in kept):
            return ""
        return f"Nothing in the catalogue goes with what was kept of {brand}."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event buys the accessory, or takes the last kept line of the purchase."""
        if event.type in PURCHASE_TYPES:
            bought = view.state.purchases.get(f"{sent.brand}|{bought_by(event)}")
            offered = {product for product, _ in sent.items}
            if bought is not None and not bought.cancelled and offered & {line.product for line in bought.lines}:
                return bought_reason(bought.channel)
        purchase = view.state.purchases.get(f"{sent.brand}|{sent.episode}")
        if purchase is None or event.type == "order.placed" or is_kept(purchase, view.matched(sent.brand)):
            return None
        return "returned" if takes_from(event, purchase) else None


def _purchases(view: View, brand: str, event: Envelope | None) -> list[Purchase]:
    if event is not None and event.type != "catalog.item":
        name = event.data["order"] if event.type == "order.changed" else bought_by(event)
        purchase = view.state.purchases.get(f"{brand}|{name}")
        return [] if purchase is None or not is_kept(purchase, view.matched(brand)) else [purchase]
    product = None if event is None else event.data["product"]
    return [p for p in view.kept(brand) if product is None or any(line.product == product for line in p.lines)]
