"""Birthday: at a time of day in the customer's own zone, with lead days; 29 February by rule.

Episode: customer and date of the birthday in that year. Source: customers.
"""

from __future__ import annotations

from datetime import date, timedelta

from schemas.base import from_ms
from schemas.envelope import Envelope
from streams.decide.local_time import instant
from streams.decide.occasions.base import END, Arming, Verdict, not_registered
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS, Sent
from streams.decide.view import View

_EPOCH_DAY = date(1970, 1, 1).toordinal()


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
        after = campaign.afters[0]
        year = from_ms(view.now).year - 1
        for candidate in range(year, year + 5):
            day = birthday_in(view.state.profile.birth, candidate, campaign.options.leap_day)
            if (day.toordinal() - _EPOCH_DAY + 2) * DAY_MS + after < view.now:
                continue  # over in every zone
            anchor = _anchor(view, campaign, brand, day)
            episode = f"{view.state.customer}/{day.isoformat()}"
            if anchor + after >= view.now and not _taken(view, campaign, brand, episode):
                return [Arming(episode, anchor)]
        return []

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The profile still says this date."""
        profile = view.state.profile
        if profile is None or profile.birth is None:
            return END
        day = date.fromisoformat(episode.rsplit("/", 1)[1])
        if birthday_in(profile.birth, day.year, campaign.options.leap_day) != day:
            return END
        due = _anchor(view, campaign, brand, day) + after
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


def birthday_in(birth: str, year: int, leap_day: str) -> date:
    """The birthday in a year; 29 February is ``leap_day`` ("02-28" or "03-01") in years without it."""
    month, day = int(birth[5:7]), int(birth[8:10])
    if (month, day) == (2, 29):
        try:
            return date(year, 2, 29)
        except ValueError:
            month, day = int(leap_day[:2]), int(leap_day[3:])
    return date(year, month, day)


def _anchor(view: View, campaign: Compiled, brand: str, day: date) -> int:
    wanted = day - timedelta(days=campaign.options.lead_days)
    return instant(wanted, campaign.options.local_time, view.zone(brand) or "UTC")


def _taken(view: View, campaign: Compiled, brand: str, episode: str) -> bool:
    if f"{brand}|{campaign.id}|{episode}|1" in view.state.decided:
        return True
    return any(
        candidate.campaign == campaign.id and candidate.episode == episode and candidate.brand == brand
        for slot in view.state.slots.values()
        for candidate in slot.candidates
    )
