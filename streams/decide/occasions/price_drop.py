"""Price drop: something that the customer carted, viewed or wished for costs less than when he saw it last.

The price is that of the customer's market, before and after, in one currency; without one in his market nothing is due.
What counts is not the last step but the distance to the price that he saw: two small steps down are a drop, a rise and
a fall back to it are none. Episode, start and end: ``streams.decide.occasions.interest``.
"""

from __future__ import annotations

from streams.decide.occasions.interest import OfInterest
from streams.decide.rules import Compiled, Item, Versions
from streams.decide.view import View


class PriceDrop(OfInterest):
    """See the module."""

    name = "price_drop"

    def changed(self, before: Item | None, after: Item) -> bool:
        """A price is lower in some market."""
        return before is not None and any(
            (old := before.price(market)) is not None and old[0] == currency and amount < old[1]
            for market, currency, amount in after.prices
        )

    def since(self, view: View, campaign: Compiled, brand: str, versions: Versions, seen: int) -> int | None:
        """From when on the price has been low enough, as against the one in force at ``seen``."""
        market = view.market(brand)
        then = next((item.price(market) for at, item in reversed(versions) if at <= seen), None)
        since = None
        for at, item in reversed(versions):
            price = item.price(market)
            if at <= seen or then is None or price is None or price[0] != then[0]:
                break
            if price[1] * 100 > then[1] * (100 - campaign.options.min_percent):
                break
            since = at
        return since
