"""Dates of spreadsheets: which number is the month is decided over the whole file."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from schemas.base import rfc3339
from streams.errors import InputError
from streams.replay.local_times import read_times

LONDON = ZoneInfo("Europe/London")


def _read(*texts: str) -> list[str]:
    times = read_times(texts, LONDON)
    return [rfc3339(times[text])[:16] if text in times else "-" for text in texts]


def test_a_number_above_12_anywhere_is_the_day_everywhere() -> None:
    assert _read("1/12/2010 8:26", "13/12/2010 9:00") == ["2010-12-01T08:26", "2010-12-13T09:00"]
    assert _read("1/12/2010 8:26", "1/13/2010 9:00") == ["2010-01-12T08:26", "2010-01-13T09:00"]


def test_times_that_rise_decide_where_no_number_is_above_12() -> None:
    assert _read("01/11/2010 8:00", "02/11/2010 8:00", "01/12/2010 8:00") == [
        "2010-11-01T08:00", "2010-11-02T08:00", "2010-12-01T08:00",
    ]  # fmt: skip


def test_a_tie_is_month_first_with_slashes_and_day_first_otherwise() -> None:
    assert _read("1/12/2010 8:26") == ["2010-01-12T08:26"]
    assert _read("01-12-2010 08:26") == ["2010-12-01T08:26"]


def test_short_years_seconds_and_halves_of_the_day_are_read() -> None:
    assert _read("12/13/10 8:26:30 PM", "12/14/10 12:05 am") == ["2010-12-13T20:26", "2010-12-14T00:05"]
    assert _read("2010-12-01", "2010-12-01T08:26:00.000") == ["2010-12-01T00:00", "2010-12-01T08:26"]


def test_what_is_no_time_is_absent() -> None:
    assert _read("yesterday", "", "2010-02-30 08:00", "40513.35", "2010-12-01 08:26:00")[4] == "2010-12-01T08:26"
    assert _read("yesterday", "", "2010-02-30 08:00") == ["-", "-", "-"]


def test_both_orders_in_one_file_are_refused_with_an_example_of_each() -> None:
    with pytest.raises(InputError, match="'13/12/2010 8:00' and as '12/13/2010 8:00'"):
        _read("13/12/2010 8:00", "12/13/2010 8:00")
