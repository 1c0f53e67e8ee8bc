"""Public holidays by country and region. The data come with the library ``holidays`` (MIT), which is pinned.

A holiday that is added or moved comes with a new release of the library, so each decision that rests on it says the
version.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib.metadata import version

import holidays

VERSION = version("holidays")
_REGIONS: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=False)


def is_public_holiday(day: date, country: str, region: str | None) -> bool:
    """Whether a day is one, in the whole country or, where ``region`` (ISO 3166-2) is known, in that part of it.

    All countries that a market may be (``schemas.iso``) are known; tests see to it.
    """
    part = region.partition("-")[2] if region is not None and region.startswith(f"{country}-") else None
    return day in _of(country, part if part in _REGIONS[country] else None, day.year)


@lru_cache(maxsize=4_096)
def _of(country: str, part: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=part, years=year))
