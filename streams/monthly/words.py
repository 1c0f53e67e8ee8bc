"""Figures as people write them."""

from __future__ import annotations

from decimal import Decimal

NONE = "–"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def amount(value: Decimal | float | None, digits: int = 0, signed: bool = False) -> str:
    """An amount without its currency: ``12,345``."""
    if value is None:
        return NONE
    return f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"


def percent(share: float | None, signed: bool = False) -> str:
    """A share of 0 to 1: ``12.3%``."""
    if share is None:
        return NONE
    return f"{share:+.1%}" if signed else f"{share:.1%}"


def points(difference: float) -> str:
    """A difference of shares in percentage points: ``+1.2``."""
    return f"{100 * difference:+.1f}"


def duration(seconds: float | None) -> str:
    """``35 s``, ``12 min``, ``3.5 h``, ``2.1 d``."""
    if seconds is None:
        return NONE
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def figure(value: float | None, unit: str) -> str:
    """A line of the alignment report: value and unit."""
    if value is None:
        return NONE
    if unit == "share":
        return percent(value)
    if unit == "seconds":
        return duration(value)
    return f"{value:,.0f} {unit}"


def place(market: str, channel: str, category: str) -> str:
    """What a forecast is of; ``*`` is everything."""
    parts = (market, channel, category)
    narrow = [part for part in parts if part != "*"]
    return ", ".join(narrow) if narrow else "everything"
