"""When a list closes next."""

from __future__ import annotations

from datetime import timedelta

from schemas.base import from_ms
from schemas.capacity import CapacityList
from schemas.sending_times import WEEKDAYS
from streams.decide.local_time import instant
from streams.decide.rules import zone

DAYS_LOOKED_AT = 9
"""A week, and the days on which the clocks change."""


def next_cutoff(wanted: CapacityList, now: int) -> int:
    """The first cut-off after a moment, milliseconds."""
    today = from_ms(now).astimezone(zone(wanted.zone)).date()
    for number in range(DAYS_LOOKED_AT):
        day = today + timedelta(days=number)
        if WEEKDAYS[day.weekday()] in wanted.weekdays:
            moments = [instant(day, wall, wanted.zone) for wall in wanted.times]
            if found := [moment for moment in moments if moment > now]:
                return min(found)
    raise AssertionError("a list closes on at least one day of the week")
