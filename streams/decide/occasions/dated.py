"""What occasions at a time of day on a date share: the moment where the customer lives, and the next one to arm.

Episode: customer and date. The next date whose due is not before now is armed; after a decision, or when an episode
ends, the next one. Gaps and repeated hours of the clocks: ``streams.decide.local_time``. A changed zone moves the
moment, a changed date ends the old episode. For one step only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from streams.decide.local_time import instant
from streams.decide.occasions.base import Arming
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS
from streams.decide.view import View

_EPOCH_DAY = date(1970, 1, 1).toordinal()


def next_of(
    view: View, campaign: Compiled, brand: str, days: Iterable[date], lead_days: int, since: int
) -> list[Arming]:
    """The first of ``days`` (rising) whose due is not before ``since`` and which is not decided yet."""
    after = campaign.afters[0]
    for day in days:
        if (day.toordinal() - _EPOCH_DAY + 2) * DAY_MS + after < since:
            continue  # over in every zone
        anchor = moment(view, campaign, brand, day, lead_days)
        episode = f"{view.state.customer}/{day.isoformat()}"
        if anchor + after >= since and not _taken(view, campaign, brand, episode):
            return [Arming(episode, anchor)]
    return []


def moment(view: View, campaign: Compiled, brand: str, day: date, lead_days: int) -> int:
    """The campaign's time of day, so many days before a date, in the customer's zone (unknown: UTC)."""
    wanted = day - timedelta(days=lead_days)
    return instant(wanted, campaign.options.local_time, view.zone(brand) or "UTC")


def day_of(episode: str) -> date:
    """The date of an episode."""
    return date.fromisoformat(episode.rsplit("/", 1)[1])


def day_in(year: int, month: int, day: int, leap_day: str) -> date:
    """A day of the year; 29 February is ``leap_day`` ("02-28" or "03-01") in years without it."""
    if (month, day) == (2, 29):
        try:
            return date(year, 2, 29)
        except ValueError:
            month, day = int(leap_day[:2]), int(leap_day[3:])
    return date(year, month, day)


def _taken(view: View, campaign: Compiled, brand: str, episode: str) -> bool:
    if f"{brand}|{campaign.id}|{episode}|1" in view.state.decided:
        return True
    return any(
        candidate.campaign == campaign.id and candidate.episode == episode and candidate.brand == brand
        for slot in view.state.slots.values()
        for candidate in slot.candidates
    )
