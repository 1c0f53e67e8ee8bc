"""What all campaigns together do to a customer: messages in a week, and messages close to each other. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from streams.what_if.decided import Decided
from streams.what_if.facts import Facts

DAY_MS = 86_400_000
COLLISION_MS = DAY_MS
"""Two messages to one customer collide when less than this lies between them."""
LIMITS = (1, 2, 3, 5, 10)
"""Customers are counted who got more than so many messages in some week."""
_EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday: days since Monday."""


@dataclass(frozen=True)
class Pressure:
    """Messages per customer and week. A week begins on Monday at 00:00 UTC; brands and channels count together."""

    messages: int
    customers: int
    """Customers with a message."""
    weeks: dict[int, int]
    """Number of messages -> customers' weeks with so many; weeks without a message are not counted."""
    most: int
    """Most messages of a customer in a week."""
    over: dict[int, int]
    """Limit -> customers who got more than so many in some week."""


class Collisions(NamedTuple):
    """How often a message of one campaign was followed, within 24 hours, by the customer's next one of another or the
    same."""

    earlier: str
    later: str
    before: int
    after: int


class Week(NamedTuple):
    """Messages of a week, which begins at ``start`` (milliseconds)."""

    start: int
    before: int
    after: int


def pressure_of(messages: Iterable[Decided], facts: Facts) -> Pressure:
    """The pressure of these messages; a merged customer counts as who he is now."""
    counts = Counter((facts.now(one.customer), _week(one.at)) for one in messages)
    most: dict[str, int] = {}
    for (customer, _), number in counts.items():
        most[customer] = max(number, most.get(customer, 0))
    return Pressure(
        counts.total(),
        len(most),
        dict(sorted(Counter(counts.values()).items())),
        max(most.values(), default=0),
        {limit: sum(1 for number in most.values() if number > limit) for limit in LIMITS},
    )


def collisions_of(before: Iterable[Decided], after: Iterable[Decided], facts: Facts) -> list[Collisions]:
    """Collisions by the two campaigns, of both sets. Each message is held against the customer's one before it."""
    old, new = _collisions(before, facts), _collisions(after, facts)
    return [Collisions(*pair, old[pair], new[pair]) for pair in sorted(old.keys() | new.keys())]


def weeks_of(before: Iterable[Decided], after: Iterable[Decided]) -> list[Week]:
    """Messages by week, from the first week with one to the last, empty ones included."""
    old, new = (Counter(_week(one.at) for one in side) for side in (before, after))
    numbers = old.keys() | new.keys()
    if not numbers:
        return []
    return [Week(_start(number), old[number], new[number]) for number in range(min(numbers), max(numbers) + 1)]


def _collisions(messages: Iterable[Decided], facts: Facts) -> Counter[tuple[str, str]]:
    ordered = sorted((facts.now(one.customer), one.at, one.id, one.campaign) for one in messages)
    return Counter(
        (first[3], second[3])
        for first, second in pairwise(ordered)
        if first[0] == second[0] and second[1] - first[1] < COLLISION_MS
    )


def _week(at: int) -> int:
    return (at // DAY_MS + _EPOCH_WEEKDAY) // 7


def _start(week: int) -> int:
    return (week * 7 - _EPOCH_WEEKDAY) * DAY_MS
