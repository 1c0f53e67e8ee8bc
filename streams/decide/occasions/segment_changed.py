"""Segment changed: a customer has entered a segment of the brand, or left it.

Which customers: known ones who are registered with the brand or keep a purchase of it. A segment's conditions are in
the brand's rules (``schemas.campaigns.Segment``); they are looked at after a purchase, change, cancellation or return,
after a profile, after a merge, and at each moment at which time alone may change the answer (a stage that begins, a
purchase that is a year old). When new rules come into force, everybody is looked at too: who is in it then has not
*entered*, he was there before.

Episode: customer and UTC date of the change. It starts at the change, and ends when the customer is not (or again) in
the segment when it comes due; the next change re-arms. Of several changes to the same side on one day the last counts,
and one message goes. It is undone by the purchase, cancellation or return that takes the change back. Sources: orders,
returns, till receipts, customers.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from schemas.lifecycle import Segment
from streams.decide.facts import PURCHASE_TYPES, STORE, TRADE_TYPES
from streams.decide.lifecycle import customer_facts, is_in, next_change
from streams.decide.occasions.base import END, NOT_KNOWN, Arming, Verdict, bought_reason
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.rules import Brand, Compiled
from streams.decide.state import Sent
from streams.decide.view import View, utc_date

BEFORE = -1
"""Time of a change that happened before anyone looked: nothing becomes due for it."""


class SegmentChanged:
    """See the module."""

    name = "segment_changed"
    triggers = TRADE_TYPES | PROFILE_TYPES
    undone_by = TRADE_TYPES - {"order.changed"}
    across_brands = True
    rearms_at_pop = True

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The last change, if it is the campaign's, and a look at the next moment at which time may change it."""
        found = _segment(view, campaign, brand)
        if found is None or not view.state.known:
            return []
        rules, segment = found
        since, inside = _look(view, rules, segment, is_first=event is None and view.now == view.rules.since)
        armings = []
        if since != BEFORE and inside == (campaign.options.change == "entered"):
            armings.append(Arming(_episode(view, since), since))
        moment = next_change(view, rules, segment)
        if moment is not None:
            armings.append(Arming(f"{view.state.customer}/look", moment - campaign.campaign.steps[0].after))
        return armings

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The change of this date still stands."""
        found = _segment(view, campaign, brand)
        if found is None:
            return END
        rules, segment = found
        since, inside = view.state.segments.get(_place(brand, segment), (BEFORE, False))
        if since == BEFORE or inside != (campaign.options.change == "entered") or episode != _episode(view, since):
            return END
        if is_in(view, rules, segment) != inside:
            return END
        if since + after > view.now:
            return Verdict("wait", until=since + after)
        value = f"{campaign.options.change} {segment.id} {utc_date(since)}{_figures(view, brand)}"
        inputs = tuple(purchase.id for purchase in view.kept(brand)[-10:])
        return Verdict("go", value=value, since=since, inputs=inputs)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A CRM customer whose last change is to the campaign's side of the segment, and was seen to happen."""
        found = _segment(view, campaign, brand)
        if found is None:
            return f"The rules of {brand} define no segment {campaign.options.segment}."
        if not view.state.known:
            return NOT_KNOWN
        since, inside = view.state.segments.get(_place(brand, found[1]), (BEFORE, False))
        segment, entered = found[1].id, campaign.options.change == "entered"
        if inside != entered:
            side = "is not in" if entered else "is in"
            return f"The customer {side} segment {segment}{_figures(view, brand)}."
        if since != BEFORE:
            return ""
        if entered:
            return f"The customer was in segment {segment} before anyone looked, and has not entered it since."
        return f"The customer never was in segment {segment}{_figures(view, brand)}."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event takes the change back that the message spoke of."""
        campaign = view.rules.campaigns.get(sent.campaign)
        found = None if campaign is None else _segment(view, campaign, sent.brand)
        if campaign is None or found is None:
            return None
        rules, segment = found
        spoke_of = campaign.options.change == "entered"
        _, before = view.state.segments.get(_place(sent.brand, segment), (BEFORE, False))
        if before != spoke_of or is_in(view, rules, segment) == spoke_of:
            return None
        if event.type not in PURCHASE_TYPES:
            return "returned"
        return bought_reason(STORE if event.type == "pos.receipt" else "")


def _segment(view: View, campaign: Compiled, brand: str) -> tuple[Brand, Segment] | None:
    """The campaign's segment with the rules that define it; None: they do not."""
    rules = view.brand(brand)
    segments = () if rules is None else rules.rules.segments
    segment = next((each for each in segments if each.id == campaign.options.segment), None)
    return None if rules is None or segment is None else (rules, segment)


def _look(view: View, rules: Brand, segment: Segment, is_first: bool) -> tuple[int, bool]:
    """When the customer entered or left the segment, and whether he is in it. A change is noted in the state."""
    segments, place = view.state.segments, _place(rules.rules.brand, segment)
    known, inside = segments.get(place, (BEFORE, False)), is_in(view, rules, segment)
    if inside != known[1]:
        known = segments[place] = (BEFORE if is_first else view.now, inside)
    return known


def _figures(view: View, brand: str) -> str:
    known = customer_facts(view, brand)
    return (
        f"; stage {known['stage']}, value of 365 days {known['value_365d']}, "
        f"purchase days {known['purchase_days_365d']}"
    )


def _place(brand: str, segment: Segment) -> str:
    return f"{brand}|{segment.id}"


def _episode(view: View, at: int) -> str:
    return f"{view.state.customer}/{utc_date(at)}"
