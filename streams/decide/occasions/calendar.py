"""Calendar: a date and a segment, so that what is planned competes with what happens for the same customer.

Episode: customer and date. For known customers of the brand (registered with it, or with a kept purchase); the segment
counts as of the due time, and who is not in it then has no record. On a date, or on it and every week, month or year
after it: the 31st is the last day of a shorter month, 29 February the 28th in other years. Customers who come later are
armed by their first profile or purchase. Nothing but consent or erasure undoes it. Sources: customers, orders, returns,
till receipts.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice

from schemas.base import from_ms
from schemas.envelope import Envelope
from streams.decide.facts import TRADE_TYPES
from streams.decide.lifecycle import is_customer, is_in_named
from streams.decide.local_time import CACHED
from streams.decide.occasions.base import END, NOT_KNOWN, Arming, Verdict, not_registered, nothing_kept
from streams.decide.occasions.dated import day_in, day_of, moment, next_of
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS, Sent
from streams.decide.view import View

LOOKED_AT = 6
"""Dates, from a day or two before now on, of which the next one is taken."""


class Calendar:
    """See the module."""

    name = "calendar"
    triggers = PROFILE_TYPES | TRADE_TYPES
    undone_by: frozenset[str] = frozenset()
    across_brands = True
    rearms_at_pop = True

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The next date whose due is after now: this one has had its turn, also if he was not in the segment."""
        if not view.state.known or not is_customer(view, brand):
            return []
        earliest = from_ms(view.now - campaign.afters[0] - 2 * DAY_MS).date()
        days = _next_days(campaign.options.date, campaign.options.every, earliest)
        return next_of(view, campaign, brand, days, 0, view.now + 1)

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The campaign still means this date, and the customer."""
        day, options = day_of(episode), campaign.options
        if next(days_from(options.date, options.every, day), None) != day or not is_customer(view, brand):
            return END
        due = moment(view, campaign, brand, day, 0) + after
        if due > view.now:
            return Verdict("wait", until=due)
        if options.segment is not None and not is_in_named(view, brand, options.segment):
            return END
        return Verdict("go", value=f"{day.isoformat()}, segment {options.segment or 'everybody'}", since=view.now)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A customer of the CRM and of the brand, before a date that does not come again."""
        if not view.state.known:
            return NOT_KNOWN
        if not is_customer(view, brand):
            return f"{nothing_kept(view, brand)} {not_registered(view, brand)}"
        day = campaign.options.date
        if campaign.options.every == "once" and moment(view, campaign, brand, day, 0) + campaign.afters[0] <= view.now:
            return f"{day.isoformat()} is over."
        return ""

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Nothing but consent or erasure undoes a planned message."""
        return None


@lru_cache(maxsize=CACHED)
def _next_days(first: date, every: str, earliest: date) -> list[date]:
    return list(islice(days_from(first, every, earliest), LOOKED_AT))


def days_from(first: date, every: str, earliest: date) -> Iterator[date]:
    """The dates that the options mean, rising, none before ``earliest``."""
    if every == "once":
        yield from [first] if first >= earliest else []
        return
    day = max(first, earliest)
    if every == "week":
        day += timedelta(days=(first - day).days % 7)
        while True:
            yield day
            day += timedelta(days=7)
    month = day.year * 12 + day.month - 1
    while True:
        year, index = divmod(month, 12)
        month += 1
        if every == "month":
            day = date(year, index + 1, min(first.day, monthrange(year, index + 1)[1]))
        elif index + 1 == first.month:
            day = day_in(year, first.month, first.day, "02-28")
        else:
            continue
        if day >= max(first, earliest):
            yield day
