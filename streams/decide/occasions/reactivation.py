"""Reactivation: a customer who is late by his own rhythm, over all channels.

Rhythm: the lower median of the last intervals between days with a kept purchase, shrunk towards a prior interval
(a robust location estimate with a pseudo-count prior; for the family of such models see Fader, Hardie and Lee,
"Counting Your Customers the Easy Way", Marketing Science 24, 2005). Episode: customer and UTC date of the purchase
that he would be late after. Sources: orders, returns, till receipts.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

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
        return _rhythm(view, campaign, brand).armings if view.state.known else []

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Late over all channels, or only late online because the customer buys at the till."""
        rhythm = _rhythm(view, campaign, brand)
        late = next((arming.anchor for arming in rhythm.armings if arming.episode == episode), None)
        if late is None:
            return END
        if late + after > view.now:
            return Verdict("wait", until=late + after)
        kept, days = view.kept(brand), rhythm.late_after // DAY_MS
        value = f"late after {days} days by own rhythm of {len(kept)} purchases, last {utc_date(kept[-1].at)}"
        inputs = tuple([purchase.id for purchase in kept[-10:]])
        if episode == rhythm.last:
            return Verdict("go", value=value, since=_next_day(late - rhythm.late_after), inputs=inputs)
        return Verdict("suppress", "bought_in_store", value=value, inputs=inputs)

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event is a kept purchase after the episode's day."""
        this = bought_by(event)
        kept = (p for p in view.kept(sent.brand) if p.at >= sent.since)
        return next((bought_reason(p.channel) for p in kept if p.id == this), None)


class _Rhythm(NamedTuple):
    """What follows from a customer's kept purchases of a brand and a campaign's options."""

    late_after: int
    """Milliseconds after a purchase at which the customer is late."""
    armings: list[Arming]
    """The episodes, by name; none: too few purchases to tell."""
    last: str
    """The episode of the latest kept purchase."""


_UNKNOWN = _Rhythm(0, [], "")


def _rhythm(view: View, campaign: Compiled, brand: str) -> _Rhythm:
    derived, key = view.state.derived, ("rhythm", brand, campaign.options_name)
    if key not in derived:
        derived[key] = _rhythm_of(view, campaign.options, view.kept(brand))
    found: _Rhythm = derived[key]
    return found


def _rhythm_of(view: View, options: Any, kept: list[Purchase]) -> _Rhythm:
    late_after = _late_after(options, kept)
    if late_after is None or not kept:
        return _UNKNOWN
    last = _first_of_last_day(kept)
    moments = {_episode(view, last): last}
    if online := [purchase for purchase in kept if purchase.channel != STORE]:
        at = _first_of_last_day(online)
        moments.setdefault(_episode(view, at), at)
    armings = [Arming(episode, at + late_after) for episode, at in sorted(moments.items())]
    return _Rhythm(late_after, armings, _episode(view, last))


def _late_after(options: Any, kept: list[Purchase]) -> int | None:
    if len(kept) < options.min_purchases:
        return None
    moments: list[int] = []
    last_day = None
    for purchase in kept:
        day = purchase.at // DAY_MS
        if day != last_day:
            moments.append(purchase.at)
            last_day = day
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


def _first_of_last_day(purchases: list[Purchase]) -> int:
    first = purchases[-1].at
    for purchase in reversed(purchases):
        if purchase.at // DAY_MS != first // DAY_MS:
            break
        first = purchase.at
    return first


def _episode(view: View, at: int) -> str:
    return f"{view.state.customer}/{utc_date(at)}"


def _next_day(at: int) -> int:
    return (at // DAY_MS + 1) * DAY_MS
