"""Local times: birthdays that the clocks skip or repeat, and quiet hours."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays

from schemas.base import from_ms, to_ms
from schemas.campaigns import BrandRules
from schemas.sending_times import BusinessHours, ClosedDays, QuietHours


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


def quiet_rule(rules: BrandRules, channel: str, market: str | None) -> QuietHours | None:
    """The channel's own rule in the market, else in all, else the one for all channels; equal ends mean none."""
    for wanted in ((channel, market), (channel, None), ("*", market), ("*", None)):
        for rule in rules.quiet_hours:
            if (rule.channel, rule.market) == wanted:
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


def closed_rules(rules: BrandRules, channel: str, market: str | None) -> list[ClosedDays]:
    """The rules that close days for the channel in the market."""
    return [r for r in rules.closed_days if r.channel in ("*", channel) and r.market in (None, market)]


def is_closed(rules: BrandRules, channel: str, market: str | None, region: str | None, day: date) -> bool:
    """Whether nothing goes on a date."""
    for rule in closed_rules(rules, channel, market):
        if day.strftime("%A").lower() in rule.weekdays:
            return True
        if rule.public_holidays and is_holiday(market, region, day):
            return True
    return False


def is_holiday(market: str | None, region: str | None, day: date) -> bool:
    """Whether a date is a public holiday of the market, and of the region if it is one of the market."""
    if market is None:
        return False
    country, _, part = (region or "").partition("-")
    known = holidays.list_supported_countries(include_aliases=False)[market]
    return day in holidays.country_holidays(market, subdiv=part if country == market and part in known else None)


def business_rule(rules: BrandRules, channel: str, market: str | None) -> BusinessHours | None:
    """The business hours of the channel in the market: as for quiet hours."""
    wanted = [(channel, market), (channel, None), ("*", market), ("*", None)]
    fitting = [rule for rule in rules.business_hours if (rule.channel, rule.market) in wanted]
    return min(fitting, key=lambda rule: wanted.index((rule.channel, rule.market)), default=None)


def _works(rule: BusinessHours, ms: int, zone: str, market: str | None, region: str | None) -> bool:
    local = from_ms(ms).astimezone(ZoneInfo(zone))
    on_holiday = not rule.public_holidays and is_holiday(market, region, local.date())
    return local.strftime("%A").lower() in rule.weekdays and rule.start <= local.time() < rule.end and not on_holiday


def waits_until(
    ms: int,
    rules: BrandRules,
    channel: str,
    market: str | None,
    region: str | None,
    zone: str | None,
    company: bool = False,
) -> tuple[int, str] | None:
    """Until when nothing goes on the channel from a moment on, and why at first; None: it may go."""
    rule, first, moment = quiet_rule(rules, channel, market), None, ms
    office = business_rule(rules, channel, market) if company else None
    while zone is not None and moment < ms + 60 * 86_400_000:
        end, why = quiet_until(moment, rule, zone) if rule else None, "quiet_hours"
        day = from_ms(moment).astimezone(ZoneInfo(zone)).date()
        if end is None and office is not None and not _works(office, moment, zone, market, region):
            begins = (instant(day + timedelta(days=number), office.start, zone) for number in (0, 1))
            end, why = next(begin for begin in begins if begin > moment), "business_hours"
        if end is None and is_closed(rules, channel, market, region, day):
            end, why = instant(day + timedelta(days=1), time(0), zone), "closed_day"
        if end is None:
            break
        first, moment = first or why, end
    return None if first is None else (moment, first)
