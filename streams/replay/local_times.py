"""Local times as spreadsheets print them, read for a whole file at once: ``12/1/2010`` alone says too little."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from schemas.base import to_ms
from streams.errors import InputError

_ISO = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?$")
_PRINTED = re.compile(r"^(\d\d?)[/.-](\d\d?)[/.-](\d{4}|\d\d)[T ](\d{1,2}):(\d{2})(?::(\d\d))?(?: ?([AP])M)?$", re.I)

Fields = tuple[int, ...]
"""First and second number of the date, then year, hour, minute, second."""


def read_times(texts: Iterable[str], zone: ZoneInfo) -> dict[str, int]:
    """Each distinct text -> milliseconds since the epoch; texts that are no time are absent.

    ISO dates stand for themselves. In dates such as ``1/12/2010`` either number may be the month: the one that is above
    12 anywhere in the file is the day; if none is, the order in which the file's times go back least often (invoices
    are listed in time order); if that is a tie, the month is first where dates have slashes, else the day.
    Raises InputError when both orders occur in one file.
    """
    times: dict[str, int] = {}
    printed: dict[str, Fields] = {}
    for text in texts:
        if text in times or text in printed:
            continue
        if iso := _ISO.match(text.strip()):
            _put(times, text, tuple(int(part or 0) for part in iso.groups()), zone)
        elif match := _PRINTED.match(text.strip()):
            printed[text] = _printed_fields(match)
    order = _month_order(printed) if printed else _month_first
    for text, fields in printed.items():
        _put(times, text, order(fields), zone)
    return times


def _put(times: dict[str, int], text: str, fields: Fields, zone: ZoneInfo) -> None:
    """Add one time unless it is none, such as the 30th of February."""
    try:
        times[text] = to_ms(datetime(*fields, tzinfo=zone))  # type: ignore[arg-type,misc]
    except ValueError:
        return


def _printed_fields(match: re.Match[str]) -> Fields:
    """Numbers of a printed date; two digits of a year are of this century."""
    first, second, year, hour, minute, seconds, half = match.groups()
    hours = int(hour) % 12 + (12 if half.upper() == "P" else 0) if half else int(hour)
    return int(first), int(second), int(year) + (2000 if len(year) == 2 else 0), hours, int(minute), int(seconds or 0)


def _month_first(fields: Fields) -> Fields:
    return fields[2], fields[0], fields[1], *fields[3:]


def _day_first(fields: Fields) -> Fields:
    return fields[2], fields[1], fields[0], *fields[3:]


def _month_order(printed: dict[str, Fields]) -> Callable[[Fields], Fields]:
    """Which of the two numbers is the month, over all dates of the file."""
    day_leads = next((text for text, fields in printed.items() if fields[0] > 12), None)
    month_leads = next((text for text, fields in printed.items() if fields[1] > 12), None)
    if day_leads and month_leads:
        raise InputError(
            f"the file writes dates both as {day_leads!r} and as {month_leads!r}; "
            f"write all of them in one order, best as 2010-12-01 08:26"
        )
    if day_leads or month_leads:
        return _day_first if day_leads else _month_first
    back_month_first, back_day_first = _steps_back(printed, _month_first), _steps_back(printed, _day_first)
    if back_month_first != back_day_first:
        return _month_first if back_month_first < back_day_first else _day_first
    return _month_first if "/" in next(iter(printed)) else _day_first


def _steps_back(printed: dict[str, Fields], order: Callable[[Fields], Fields]) -> int:
    """How often the file's times go back when its dates are read in this order."""
    times = [order(fields) for fields in printed.values()]
    return sum(later < earlier for earlier, later in pairwise(times))
