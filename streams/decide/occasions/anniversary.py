"""Anniversary: of the first purchase that was kept, or of the registration, every year from the first one on.

Episode: customer and date of the anniversary in that year; known customers only. The date is the one of the first
purchase (registration) where the customer lives; 29 February by rule. When the first purchase comes back or an earlier
one becomes known, the date moves with it: the old episode ends, and a message that was sent for a purchase which came
back is taken back (``returned``). Sources: orders, returns, till receipts, customers.
"""

from __future__ import annotations

from schemas.base import from_ms
from schemas.envelope import Envelope
from streams.decide.facts import RETURN_TYPES, TRADE_TYPES
from streams.decide.local_time import local_date
from streams.decide.occasions.base import (
    END,
    NOT_KNOWN,
    Arming,
    Verdict,
    not_registered,
    nothing_kept,
    takes_from,
)
from streams.decide.occasions.dated import day_in, day_of, moment, next_of
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.rules import Compiled
from streams.decide.state import Sent
from streams.decide.view import View

YEARS_AHEAD = 5
"""In how many years the next one is looked for."""


class Anniversary:
    """See the module."""

    name = "anniversary"
    triggers = TRADE_TYPES | PROFILE_TYPES
    undone_by = RETURN_TYPES | {"pos.receipt", "order.cancelled"}
    across_brands = True
    rearms_at_pop = True

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The next anniversary whose due is not before now and which is not decided yet."""
        options, first = campaign.options, _first(view, brand, campaign.options.of)
        if first is None or not view.state.known:
            return []
        began = local_date(first, view.zone(brand) or "UTC")
        year = max(from_ms(view.now).year - 1, began.year + 1)
        days = (day_in(each, began.month, began.day, options.leap_day) for each in range(year, year + YEARS_AHEAD))
        return next_of(view, campaign, brand, days, options.lead_days, view.now)

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """What it is the anniversary of still has this date."""
        options, first = campaign.options, _first(view, brand, campaign.options.of)
        if first is None:
            return END
        began, day = local_date(first, view.zone(brand) or "UTC"), day_of(episode)
        if day.year <= began.year or day_in(day.year, began.month, began.day, options.leap_day) != day:
            return END
        due = moment(view, campaign, brand, day, options.lead_days) + after
        if due > view.now:
            return Verdict("wait", until=due)
        value = f"{day.year - began.year} years since {options.of} {began.isoformat()}"
        inputs = () if options.of == "registration" else (view.kept(brand)[0].id,)
        return Verdict("go", value=value, since=first, inputs=inputs)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A customer of the CRM has to have a kept purchase of the brand, or a registration with it."""
        if not view.state.known:
            return NOT_KNOWN
        if _first(view, brand, campaign.options.of) is not None:
            return ""
        return not_registered(view, brand) if campaign.options.of == "registration" else nothing_kept(view, brand)

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event takes what was kept of the first purchase that the message spoke of."""
        campaign = view.rules.campaigns.get(sent.campaign)
        if campaign is None or campaign.options.of != "first_purchase":
            return None
        kept = {purchase.id for purchase in view.kept(sent.brand)}
        firsts = [each for each in view.state.purchases.values() if each.brand == sent.brand and each.at == sent.since]
        if any(purchase.id in kept for purchase in firsts):
            return None
        return "returned" if any(takes_from(event, purchase) for purchase in firsts) else None


def _first(view: View, brand: str, of: str) -> int | None:
    """The time that it is the anniversary of; None: there was none."""
    if of == "registration":
        return view.state.registered.get(brand)
    kept = view.kept(brand)
    return kept[0].at if kept else None
