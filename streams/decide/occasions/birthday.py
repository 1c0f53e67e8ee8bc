"""Birthday: at a time of day in the customer's own zone, with lead days; 29 February by rule.

Episode: customer and date of the birthday in that year. Source: customers.
"""

from __future__ import annotations

from datetime import date

from schemas.base import from_ms
from schemas.envelope import Envelope
from streams.decide.occasions.base import END, Arming, Verdict, not_registered
from streams.decide.occasions.dated import day_in, day_of, moment, next_of
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.rules import Compiled
from streams.decide.state import Sent
from streams.decide.view import View


class Birthday:
    """See the module."""

    name = "birthday"
    triggers = PROFILE_TYPES
    undone_by: frozenset[str] = frozenset()
    across_brands = True
    rearms_at_pop = True

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The next birthday whose due is not before now and which is not decided yet."""
        if brand not in view.state.registered or view.state.profile is None or view.state.profile.birth is None:
            return []
        birth, options, year = view.state.profile.birth, campaign.options, from_ms(view.now).year - 1
        days = (_birthday_in(birth, candidate, options.leap_day) for candidate in range(year, year + 5))
        return next_of(view, campaign, brand, days, options.lead_days, view.now)

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The profile still says this date."""
        profile, options = view.state.profile, campaign.options
        if profile is None or profile.birth is None:
            return END
        day = day_of(episode)
        if _birthday_in(profile.birth, day.year, options.leap_day) != day:
            return END
        due = moment(view, campaign, brand, day, options.lead_days) + after
        if due > view.now:
            return Verdict("wait", until=due)
        return Verdict("go", value=f"birthday {day.isoformat()}", since=view.now)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A registration with the brand, and a birth date."""
        profile = view.state.profile
        if brand not in view.state.registered:
            return not_registered(view, brand)
        return "The profile has no birth date." if profile is None or profile.birth is None else ""

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Nothing but consent or erasure undoes a birthday."""
        return None


def _birthday_in(birth: str, year: int, leap_day: str) -> date:
    return day_in(year, int(birth[5:7]), int(birth[8:10]), leap_day)
