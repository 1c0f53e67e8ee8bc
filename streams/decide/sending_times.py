"""When a channel may speak to a customer: not in quiet hours, not on closed days, to companies in business hours; all
in his zone.

Rules: docs/semantics.md, "Slot".
"""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import NamedTuple

from schemas.base import from_ms
from schemas.sending_times import WEEKDAYS, BusinessHours
from streams.decide.holidays import VERSION, is_public_holiday
from streams.decide.local_time import instant, quiet_end
from streams.decide.rules import Brand, zone
from streams.decide.view import View

LOOKS_MAX = 100
"""Most quiet times and closed days that are passed over at once; at the release it is looked at again."""


class Wait(NamedTuple):
    """Until when a message waits, and why at first: quiet_hours, business_hours or closed_day."""

    until: int
    reason: str
    value: str


def wait_of(view: View, brand: str, channel: str, moment: int) -> Wait | None:
    """How long a message of the moment has to wait; None: it may go. Without zone there is nothing to keep."""
    rules = view.brand(brand)
    if rules is None or not rules.has_times or (zone_name := view.zone(brand)) is None:
        return None
    place = (view.market(brand), view.region())
    company = view.is_company()
    first: Wait | None = None
    until = moment
    for _ in range(LOOKS_MAX):
        found = _next(rules, channel, place, until, zone_name, company)
        if found is None:
            break
        first, until = first or found, found.until
    return None if first is None else Wait(until, first.reason, first.value)


def _next(
    rules: Brand, channel: str, place: tuple[str | None, str | None], moment: int, zone_name: str, company: bool
) -> Wait | None:
    market, region = place
    quiet = rules.quiet_hours(channel, market)
    end = quiet_end(moment, quiet, zone_name) if quiet is not None else None
    if end is not None:
        return Wait(end, "quiet_hours", "quiet")
    if not (company or rules.rules.closed_days):
        return None
    local = from_ms(moment).astimezone(zone(zone_name))
    day = local.date()
    hours = rules.business_hours(channel, market) if company else None
    if hours is not None and not (hours.start <= local.time() < hours.end and _is_working_day(hours, day, place)):
        return Wait(_opens(hours, moment, day, zone_name), "business_hours", f"{local:%A %H:%M} at the company's")
    why = _closed(rules, channel, market, region, day)
    if why is None:
        return None
    return Wait(instant(day + timedelta(days=1), time(0), zone_name), "closed_day", f"{day.isoformat()}: {why}")


def _is_working_day(hours: BusinessHours, day: date, place: tuple[str | None, str | None]) -> bool:
    market, region = place
    if WEEKDAYS[day.weekday()] not in hours.weekdays:
        return False
    return hours.public_holidays or market is None or not is_public_holiday(day, market, region)


def _opens(hours: BusinessHours, moment: int, day: date, zone_name: str) -> int:
    """The next moment at which business hours begin, if that day is one on which they do."""
    today = instant(day, hours.start, zone_name)
    return today if today > moment else instant(day + timedelta(days=1), hours.start, zone_name)


def _closed(rules: Brand, channel: str, market: str | None, region: str | None, day: date) -> str | None:
    for closed in rules.closed_days(channel, market):
        if WEEKDAYS[day.weekday()] in closed.weekdays:
            return f"a {WEEKDAYS[day.weekday()]}"
        if closed.public_holidays and market is not None and is_public_holiday(day, market, region):
            return f"a public holiday in {region or market} (holidays {VERSION})"
    return None
