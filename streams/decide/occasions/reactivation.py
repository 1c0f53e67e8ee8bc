"""Reactivation: a customer who is late by his own rhythm, over all channels.

The rhythm: ``streams.decide.rhythm``. Episode: customer and UTC date of the purchase that he would be late after. It
starts when the customer is late after it; a kept purchase on a later day re-arms (the next episode counts from it), and
one that came back as a whole or was cancelled ends its episode. Late online but not over all channels: suppressed, he
buys in the store. Sources: orders, returns, till receipts.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide import rhythm
from streams.decide.facts import PURCHASE_TYPES, STORE, TRADE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason
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
        derived[key] = rhythm.late_after(rhythm.purchase_days(view.kept(brand)), campaign.options)
    late_after: int | None = derived[key]
    return late_after


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
