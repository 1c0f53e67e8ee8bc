"""Whether every copy of a story got exactly its decisions: lost, doubled, and those that nobody should have made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.pipeline.copies import TOKEN

_NUMBER = re.compile(r"(?<=-)[0-9a-f]{8}|[0-9a-f]{8}$")
"""Of a copy: behind a hyphen, or at the end of a hash."""
_FIELDS = ("customer_id", "campaign", "episode", "step", "outcome", "reason", "due_at", "decided_at")
EXAMPLES_MAX = 40
Name = tuple[Any, ...]


@dataclass(frozen=True)
class Verdict:
    """Decisions over all copies. ``wrong``: decisions that the run without faults did not make at all.

    ``examples``: some of the wrong ones, as (copy, fields that are compared).
    """

    expected: int
    lost: int
    duplicated: int
    wrong: int
    examples: list[tuple[str, Name]] = field(default_factory=list)


def judge(expected: Iterable[bytes], found: Iterable[bytes], copies: int) -> Verdict:
    """Compare decision records of one copy without faults with those of all copies.

    Not compared are the decision's id, which is a hash of names, and whether it was handed over, which depends on when
    a cancel became known.
    """
    one = Counter(_name(value)[1] for value in expected)
    seen: Counter[tuple[str, Name]] = Counter(_name(value) for value in found)
    lost, duplicated, wrong = one.total() * copies, 0, 0
    examples: list[tuple[str, Name]] = []
    for (copy, name), times in seen.items():
        wanted = one.get(name, 0)
        lost -= min(times, wanted)
        duplicated += max(0, times - wanted) if wanted else 0
        wrong += times if not wanted else 0
        if not wanted and len(examples) < EXAMPLES_MAX:
            examples.append((copy, name))
    return Verdict(one.total() * copies, lost, duplicated, wrong, examples)


def _name(value: bytes) -> tuple[str, Name]:
    """(copy, decision without the copy's number)."""
    row = msgspec.json.decode(value)
    copy = _NUMBER.search(row["customer_id"]) or [TOKEN.decode()]
    name = tuple(_without(row[field], copy[0]) for field in _FIELDS)
    return copy[0], name


def _without(field: Any, number: str) -> Any:
    return field.replace(number, TOKEN.decode()) if isinstance(field, str) else field
