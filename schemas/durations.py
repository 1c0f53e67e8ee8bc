"""Durations as marketers write them in YAML."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_DURATION = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION_MS_MAX = 400 * 86_400_000
"""Longest duration a campaign may name."""


def parse_duration(value: object) -> int:
    """Milliseconds of ``"30m"``, ``"4h"``, ``"7d"``; whole numbers are milliseconds already."""
    if isinstance(value, int) and not isinstance(value, bool):
        milliseconds = value
    else:
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is not a duration; write a number and a unit, such as 30m, 4h or 7d")
        milliseconds = int(match[1]) * _UNIT_MS[match[2]]
    if not 0 <= milliseconds <= DURATION_MS_MAX:
        raise ValueError(f"{value!r} is outside 0 to {DURATION_MS_MAX // _UNIT_MS['d']}d")
    return milliseconds


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""A duration in milliseconds, written as ``4h``."""
