"""Reactivation: a customer who is late by his own rhythm, over all channels.

The rhythm: ``streams.decide.rhythm``. Episode: customer and UTC date of the purchase that he would be late after. It
starts when the customer is late after it; a kept purchase on a later day re-arms (the next episode counts from it), and
one that came back as a whole or was cancelled ends its episode. Late online but not over all channels: suppressed, he
buys in the store. Sources: orders, returns, till receipts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from schemas.envelope import Envelope
from streams.decide import rhythm
from streams.decide.facts import PURCHASE_TYPES, STORE, TRADE_TYPES
from streams.decide.occasions.base import END, NOT_KNOWN, Arming, Verdict, bought_by, bought_reason, nothing_kept
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS, Purchase, Sent
from streams.decide.view import View, utc_date


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
        own = _rhythm(view, campaign, brand)
        late = next((arming.anchor for arming in own.armings if arming.episode == episode), None)
        if late is None:
            return END
        if late + after > view.now:
            return Verdict("wait", until=late + after)
        kept, days = view.kept(brand), own.late_after // DAY_MS
        value = f"late after {days} days by own rhythm of {len(kept)} purchases, last {utc_date(kept[-1].at)}"
        inputs = tuple([purchase.id for purchase in kept[-10:]])
        if episode == own.last:
            return Verdict("go", value=value, since=_next_day(late - own.late_after), inputs=inputs)
        return Verdict("suppress", "bought_in_store", value=value, inputs=inputs)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A CRM customer, with purchases enough for a rhythm."""
        if not view.state.known:
            return NOT_KNOWN
        kept = view.kept(brand)
        if not kept:
            return nothing_kept(view, brand)
        if _rhythm(view, campaign, brand).armings:
            return ""
        days, least = len(rhythm.purchase_days(kept)), campaign.options.min_purchases
        if days < least:
            return f"Purchase days of {brand}: {days}, too few for a rhythm; min_purchases is {least}."
        return f"One purchase day of {brand} has no interval, and prior_weight is 0, so that no rhythm is assumed."

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
        derived[key] = _rhythm_of(view, brand, campaign.options)
    found: _Rhythm = derived[key]
    return found


def _rhythm_of(view: View, brand: str, options: Any) -> _Rhythm:
    kept = view.kept(brand)
    late_after = rhythm.late_after(view.purchase_days(brand), options)
    if late_after is None or not kept:
        return _UNKNOWN
    last = _first_of_last_day(kept)
    moments = {_episode(view, last): last}
    if online := [purchase for purchase in kept if purchase.channel != STORE]:
        at = _first_of_last_day(online)
        moments.setdefault(_episode(view, at), at)
    armings = [Arming(episode, at + late_after) for episode, at in sorted(moments.items())]
    return _Rhythm(late_after, armings, _episode(view, last))


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
