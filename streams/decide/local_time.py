"""Wall time of a customer: quiet hours, and a time of day on a date, over clock changes.

Times that the clocks skip map to the instant after the gap by the offset before it, ambiguous ones are the first:
the rule of ``datetime.fold = 0`` (PEP 495).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from schemas.base import from_ms, to_ms
from schemas.sending_times import QuietHours
from streams.decide.rules import zone

_DAY = timedelta(days=1)
CACHED = 20_000
"""Times that each function remembers: many customers ask for the same ones."""


@lru_cache(maxsize=CACHED)
def instant(day: date, wall: time, zone_name: str) -> int:
    """Milliseconds of a wall time on a date in a zone."""
    return to_ms(datetime.combine(day, wall, tzinfo=zone(zone_name)))


@lru_cache(maxsize=CACHED)
def local_date(moment: int, zone_name: str) -> date:
    """The date of a moment in a zone."""
    return from_ms(moment).astimezone(zone(zone_name)).date()


def quiet_end(now: int, quiet: QuietHours, zone_name: str) -> int | None:
    """When the quiet hours end in which ``now`` lies; None when it lies in none."""
    local = from_ms(now).astimezone(zone(zone_name))
    wall, day = local.time(), local.date()
    if quiet.start < quiet.end:
        if not quiet.start <= wall < quiet.end:
            return None
    elif wall >= quiet.start:
        day += _DAY
    elif wall >= quiet.end:
        return None
    ends = (to_ms(datetime.combine(day, quiet.end, tzinfo=zone(zone_name)).replace(fold=fold)) for fold in (0, 1))
    return next(end for end in ends if end > now)
