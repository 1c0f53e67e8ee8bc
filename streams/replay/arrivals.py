"""When a line of a replay file arrived: read from the line without validating it, for lines of any quality.

A line that says ``arrived_at`` arrived then. Without it, it arrived at ``occurred_at``; such a time only counts when it
is plausible: a single record from the year 2099 must neither close a source nor let 88 years of timers fire.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from schemas.base import TimeError, to_ms

JUMP_MS_MAX = 366 * 86_400_000
"""A claimed arrival further than this past all before it counts only if the next readable line is there too."""


class _Times(msgspec.Struct, gc=False):
    """The fields that answer; everything else is skipped, not decoded."""

    arrived_at: datetime | None = None
    occurred_at: datetime | None = None


class _Raw(msgspec.Struct):
    """The same of a line whose times are of some other shape."""

    arrived_at: Any = None
    occurred_at: Any = None


_UNREADABLE = -(2**63)
_decode = msgspec.json.Decoder(_Times).decode
_decode_raw = msgspec.json.Decoder(_Raw).decode
_as_time = TypeAdapter(AwareDatetime)


def arrivals(lines: Iterable[bytes], as_is: bool) -> array[int]:
    """When each line arrived, in milliseconds, 8 bytes a line: ``arrived_at``, else ``occurred_at``.

    ``as_is``: the highest ``occurred_at`` so far. A line whose times cannot be read, or whose ``occurred_at`` leaps by
    more than JUMP_MS_MAX without the next readable line following, takes the arrival of the line before it; lines at
    the start that of the first readable one. No line readable: all 0.
    """
    claims, told = _claims(lines, as_is)
    place = told.find(0)
    while place >= 0:
        before = claims[place - 1] if place else _UNREADABLE
        current = None if before == _UNREADABLE else before
        claim = claims[place]
        if claim == _UNREADABLE or not _plausible(claims, place, current):
            claims[place] = before
        elif as_is and current is not None:
            claims[place] = max(current, claim)
        place = told.find(0, place + 1)
    first = next((claim for claim in claims if claim != _UNREADABLE), 0)
    for place, claim in enumerate(claims):
        if claim != _UNREADABLE:
            break
        claims[place] = first
    return claims


def _claims(lines: Iterable[bytes], as_is: bool) -> tuple[array[int], bytearray]:
    """What each line says of its arrival, and whether by ``arrived_at`` (1 or 0). The hot loop of every replay."""
    claims, told = array("q"), bytearray()
    for raw in lines:
        try:
            times = _decode(raw)
            moment = None if as_is else times.arrived_at
            by_arrival = moment is not None and moment.tzinfo is not None
            if not by_arrival:
                moment = times.occurred_at
            if moment is not None and moment.tzinfo is not None:
                claims.append(to_ms(moment))
                told.append(by_arrival)
                continue
        except (msgspec.DecodeError, UnicodeDecodeError, TimeError):
            pass
        claim, by_arrival = _odd_claim(raw, as_is)
        claims.append(claim)
        told.append(by_arrival)
    return claims, told


def _odd_claim(raw: bytes, as_is: bool) -> tuple[int, bool]:
    """The claim of a line that the fast decoder refuses: each field on its own, as the contracts read times."""
    try:
        times = _decode_raw(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _UNREADABLE, False
    arrived = _UNREADABLE if as_is else _lenient(times.arrived_at)
    if arrived != _UNREADABLE:
        return arrived, True
    return _lenient(times.occurred_at), False


def _lenient(value: Any) -> int:
    """Milliseconds of whatever the contracts take for a time."""
    try:
        return to_ms(_as_time.validate_python(value))
    except (ValidationError, TimeError):
        return _UNREADABLE


def _plausible(claims: array[int], place: int, current: int | None) -> bool:
    """Whether a claim is near those before it, or the next readable line confirms it."""
    claim = claims[place]
    if current is not None and claim <= current + JUMP_MS_MAX:
        return True
    following = next((claims[after] for after in range(place + 1, len(claims)) if claims[after] != _UNREADABLE), None)
    if following is None:
        return current is None
    return following >= claim - JUMP_MS_MAX
