"""A JSON Schema refuses what its model refuses: every field of every example, with every odd value."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from schemas.generate import contracts, examples
from tests.schemas.kit import read, schema_accepts

ODD: list[Any] = [None, 5, -1, 1.5, True, "", "x", "5", "a b", "2026-03-02T08:26:00", [], {}]
BEYOND_JSON_SCHEMA = {
    "after": "steps come in rising order",
    "rearm_after": "options depend on the occasion",
    "min_value": "options depend on the occasion",
    "zone": "the time zone database changes",
    "time_zone": "the time zone database changes",
}
"""What only the model checks, and why."""

Place = tuple[str | int, ...]


def places(node: Any, place: Place = ()) -> Iterator[Place]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in pairs:
        yield (*place, key)
        yield from places(inner, (*place, key))


def replaced(record: Any, place: Place, value: Any) -> bytes:
    made = deepcopy(record)
    spot = made
    for part in place[:-1]:
        spot = spot[part]
    spot[place[-1]] = value
    return msgspec.json.encode(made)


def model_accepts(contract: str, value: bytes) -> bool:
    try:
        read(contract, value)
    except (ValidationError, msgspec.ValidationError):
        return False
    return True


@pytest.mark.parametrize("contract", contracts())
def test_what_a_model_refuses_its_schema_refuses(contract: str) -> None:
    wrongly_taken = []
    for value in examples(contract).values():
        record = msgspec.json.decode(value)
        for place in places(record):
            for odd in ODD if place[-1] not in BEYOND_JSON_SCHEMA else ():
                broken = replaced(record, place, odd)
                if not model_accepts(contract, broken) and schema_accepts(contract, broken):
                    wrongly_taken.append((place, odd))
    assert wrongly_taken == []
