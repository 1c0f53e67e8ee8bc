"""Local times: birthdays that the clocks skip or repeat, and quiet hours."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.base import from_ms, to_ms
from schemas.campaigns import BrandRules, QuietHours


def utc_date(ms: int) -> date:
    """The UTC date of a time."""
    return from_ms(ms).date()


def instant(day: date, wall: time, zone: str, second: bool = False) -> int:
    """Milliseconds of a local time. Skipped times count by the offset before the gap, ambiguous ones are the first.

    Python's ``fold=0`` means just that (PEP 495); ``second`` asks for the second of two.
    """
    return to_ms(datetime.combine(day, wall, ZoneInfo(zone)).replace(fold=int(second)))


def birthday_in(year: int, birth: date, leap_day: str) -> date:
    """The date of the birthday in a year; of the 29th of February in other years by ``leap_day``."""
    try:
        return birth.replace(year=year)
    except ValueError:
        month, day = leap_day.split("-")
        return date(year, int(month), int(day))


def quiet_rule(rules: BrandRules, channel: str) -> QuietHours | None:
    """The channel's own rule, else the one for all; equal ends mean none."""
    for name in (channel, "*"):
        for rule in rules.quiet_hours:
            if rule.channel == name:
                return rule if rule.start != rule.end else None
    return None


def quiet_until(ms: int, rule: QuietHours, zone: str) -> int | None:
    """When the quiet hours end that a moment lies in; None: it is not quiet."""
    local = from_ms(ms).astimezone(ZoneInfo(zone))
    wall, day = local.time(), local.date()
    if rule.start < rule.end:
        if not rule.start <= wall < rule.end:
            return None
    elif wall >= rule.start:
        day += timedelta(days=1)
    elif wall >= rule.end:
        return None
    end = instant(day, rule.end, zone)
    # In the repeated hour the first end may be over already while the wall clock says quiet again: then the second.
    return end if end > ms else instant(day, rule.end, zone, second=True)
