"""Reactivation: a customer who is late by his own rhythm, over all channels.

Rhythm: the lower median of the last intervals between days with a kept purchase, shrunk towards a prior interval
(a robust location estimate with a pseudo-count prior; for the family of such models see Fader, Hardie and Lee,
"Counting Your Customers the Easy Way", Marketing Science 24, 2005). Episode: customer and UTC date of the purchase
that he would be late after. Sources: orders, returns, till receipts.
"""

from __future__ import annotations

from itertools import pairwise

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, STORE, TRADE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS, Purchase, Sent
from streams.decide.view import View, utc_date

INTERVALS_MAX = 10
"""Most intervals that the rhythm looks at, the last ones."""


class Reactivation:
    """See the module."""

    name = "reactivation"
    triggers = TRADE_TYPES
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = True

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The latest kept purchase, and the latest kept one that was not in a store."""
        if not view.state.known:
            return []
        kept = view.kept(brand)
        late_after = threshold(view, campaign, brand)
        if late_after is None:
            return []
        last, last_online = _first_of_last_day(kept), _first_of_last_day(_online(kept))
        by_episode = {_episode(view, at): at for at in (last_online, last) if at is not None}
        return [Arming(episode, at + late_after) for episode, at in sorted(by_episode.items())]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Late over all channels, or only late online because the customer buys at the till."""
        kept = view.kept(brand)
        late_after = threshold(view, campaign, brand)
        if late_after is None:
            return END
        last, last_online = _first_of_last_day(kept), _first_of_last_day(_online(kept))
        anchor = next((at for at in (last, last_online) if at is not None and _episode(view, at) == episode), None)
        if anchor is None:
            return END
        due = anchor + late_after + after
        if due > view.now:
            return Verdict("wait", until=due)
        days = late_after // DAY_MS
        value = f"late after {days} days by own rhythm of {len(kept)} purchases, last {utc_date(kept[-1].at)}"
        inputs = tuple(purchase.id for purchase in kept[-10:])
        if last is not None and _episode(view, last) == episode:
            return Verdict("go", value=value, since=_next_day(anchor), inputs=inputs)
        return Verdict("suppress", "bought_in_store", value=value, inputs=inputs)

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event is a kept purchase after the episode's day."""
        this = bought_by(event)
        kept = (p for p in view.kept(sent.brand) if p.at >= sent.since)
        return next((bought_reason(p.channel) for p in kept if p.id == this), None)


def threshold(view: View, campaign: Compiled, brand: str) -> int | None:
    """Milliseconds after a purchase at which the customer is late; None: too few purchases to tell."""
    derived, key = view.state.derived, f"late after {brand} {campaign.id} {campaign.version}"
    if key not in derived:
        derived[key] = _late_after(campaign, view.kept(brand))
    late_after: int | None = derived[key]
    return late_after


def _late_after(campaign: Compiled, kept: list[Purchase]) -> int | None:
    options = campaign.options
    moments: list[int] = []
    for purchase in kept:
        if not moments or purchase.at // DAY_MS != moments[-1] // DAY_MS:
            moments.append(purchase.at)
    if len(moments) < options.min_purchases:
        return None
    intervals = [b - a for a, b in pairwise(moments)][-INTERVALS_MAX:]
    count, weight = len(intervals), options.prior_weight
    if count + weight == 0:
        return None
    own = sorted(intervals)[(count - 1) // 2] if count else 0
    expected = (count * own + weight * options.prior_interval) // (count + weight)
    late: int = min(max(expected * options.factor_percent // 100, options.at_least), options.at_most)
    return late


def _online(kept: list[Purchase]) -> list[Purchase]:
    return [purchase for purchase in kept if purchase.channel != STORE]


def _first_of_last_day(purchases: list[Purchase]) -> int | None:
    if not purchases:
        return None
    day = purchases[-1].at // DAY_MS
    return next(purchase.at for purchase in purchases if purchase.at // DAY_MS == day)


def _episode(view: View, at: int) -> str:
    return f"{view.state.customer}/{utc_date(at)}"


def _next_day(at: int) -> int:
    return (at // DAY_MS + 1) * DAY_MS
