"""The difference of two runs over the same events: which decisions, under which gates, for whom. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streams.what_if.decided import Decided
from streams.what_if.facts import Facts
from streams.what_if.pressure import Collisions, Pressure, Week, collisions_of, pressure_of, weeks_of
from streams.what_if.revenue import Touched, touched

Kind = Literal["added", "removed", "moved", "reworded"]
KINDS: dict[Kind, str] = {
    "added": "Only the second set decides this brand, campaign, episode and step.",
    "removed": "Only the first set decides it.",
    "moved": "Both sets decide it, but at another time, on another channel, or with another outcome or reason.",
    "reworded": "Both decide it alike, but with other content, language, items, offer or arm.",
}
DIMENSIONS = ("campaign", "market", "segment", "stage")
UNKNOWN_MARKET = "(unknown)"
ABSENT = ("", "")
"""In the place of (outcome, reason) where a set does not decide."""
ATTRIBUTION_DAYS = 14
"""Days after a message within which an order counts as following it; as in the view ``mart.experiment_arms``."""
DAY_MS = 86_400_000

Status = tuple[str, str]
"""(outcome, reason)."""


class Pair(NamedTuple):
    """One decision that differs."""

    kind: Kind
    before: Decided | None
    after: Decided | None
    fields: tuple[str, ...] = ()
    """Of a moved one: time, channel, outcome, reason."""

    @property
    def one(self) -> Decided:
        """The decision as the first set has it, or else the second."""
        found = self.before or self.after
        assert found is not None
        return found


@dataclass
class Group:
    """How the decisions with one value of a dimension differ. A moved decision stands where the first set has it."""

    dimension: str
    value: str
    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    moved: int = 0
    reworded: int = 0
    messages_before: int = 0
    messages_after: int = 0


class Gate(NamedTuple):
    """Decisions with one outcome and reason: ``after`` = ``before`` - ``gone`` + ``come``."""

    outcome: str
    reason: str
    before: int
    after: int
    gone: int
    """They have another outcome or reason with the second set, or are not decided."""
    come: int


class Transition(NamedTuple):
    """From which outcome and reason to which, by campaign; ``ABSENT`` where a set does not decide. The same on both
    sides: only time or channel moved."""

    campaign: str
    before: Status
    after: Status
    decisions: int


@dataclass(frozen=True)
class Difference:
    """Everything that differs, and the pressure before and after. Times are milliseconds, ``until`` exclusive."""

    since: int | None
    until: int | None
    attribution_ms: int
    before: int
    """Decisions of the first set."""
    after: int
    messages_before: int
    messages_after: int
    same: int
    pairs: list[Pair]
    """By time, then id."""
    groups: list[Group]
    gates: list[Gate]
    transitions: list[Transition]
    pressure: tuple[Pressure, Pressure]
    collisions: list[Collisions]
    weeks: list[Week]
    revenue: list[Touched]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing differs."""
        return not self.pairs

    def number(self, kind: Kind) -> int:
        """Decisions that differ in this way."""
        return sum(1 for pair in self.pairs if pair.kind == kind)


def compare(
    before: Mapping[str, Decided],
    after: Mapping[str, Decided],
    facts: Facts,
    attribution_days: int = ATTRIBUTION_DAYS,
    since: int | None = None,
    until: int | None = None,
) -> Difference:
    """The difference between what two sets decided (by decision id), over the same events.

    With ``since`` and ``until`` (exclusive) a decision counts, on both sides, if either set decides it in that time:
    what only moves over the edge is moved, and neither added nor removed.
    """

    def counts(one: Decided | None) -> bool:
        return one is not None and (since is None or one.at >= since) and (until is None or one.at < until)

    names = [name for name in before.keys() | after.keys() if counts(before.get(name)) or counts(after.get(name))]
    both = [(before.get(name), after.get(name)) for name in names]
    both.sort(key=lambda sides: _place(sides[0] or sides[1]))
    pairs = [pair for sides in both if (pair := _pair(*sides)) is not None]
    first = [one for one, _ in both if one is not None]
    second = [one for _, one in both if one is not None]
    messages = tuple([one for one in side if one.is_message] for side in (first, second))
    window = attribution_days * DAY_MS
    return Difference(
        since,
        until,
        window,
        len(first),
        len(second),
        len(messages[0]),
        len(messages[1]),
        len(both) - len(pairs),
        pairs,
        _groups(first, second, pairs, facts),
        _gates(first, second, pairs),
        _transitions(pairs),
        (pressure_of(messages[0], facts), pressure_of(messages[1], facts)),
        collisions_of(messages[0], messages[1], facts),
        weeks_of(messages[0], messages[1]),
        touched(
            [pair.after for pair in pairs if _sends(pair.after) and not _sends(pair.before)],
            [pair.before for pair in pairs if _sends(pair.before) and not _sends(pair.after)],
            facts,
            window,
        ),
    )


def _place(one: Decided | None) -> tuple[int, str]:
    assert one is not None
    return (one.at, one.id)


def _sends(one: Decided | None) -> bool:
    return one is not None and one.is_message


def _pair(before: Decided | None, after: Decided | None) -> Pair | None:
    if before is None:
        return Pair("added", None, after)
    if after is None:
        return Pair("removed", before, None)
    values = (
        ("time", before.at, after.at),
        ("channel", before.channel, after.channel),
        ("outcome", before.outcome, after.outcome),
        ("reason", before.reason, after.reason),
    )
    fields = tuple(name for name, old, new in values if old != new)
    if fields:
        return Pair("moved", before, after, fields)
    return Pair("reworded", before, after) if before.content != after.content else None


def _groups(first: list[Decided], second: list[Decided], pairs: list[Pair], facts: Facts) -> list[Group]:
    found: dict[tuple[str, str], Group] = {}

    def of(one: Decided) -> Iterator[Group]:
        for dimension, values in _values(one, facts).items():
            for value in values:
                yield found.setdefault((dimension, value), Group(dimension, value))

    for one in first:
        for group in of(one):
            group.before += 1
            group.messages_before += one.is_message
    for one in second:
        for group in of(one):
            group.after += 1
            group.messages_after += one.is_message
    for pair in pairs:
        for group in of(pair.one):
            setattr(group, pair.kind, getattr(group, pair.kind) + 1)
    return sorted(found.values(), key=lambda group: (DIMENSIONS.index(group.dimension), group.value))


def _values(one: Decided, facts: Facts) -> dict[str, Iterable[str]]:
    return {
        "campaign": (one.campaign,),
        "market": (one.market or UNKNOWN_MARKET,),
        "segment": facts.segments_of(one.customer, one.brand),
        "stage": (facts.stage_of(one.customer, one.brand),),
    }


def _status(one: Decided | None) -> Status:
    return ABSENT if one is None else (one.outcome, one.reason)


def _gates(first: list[Decided], second: list[Decided], pairs: list[Pair]) -> list[Gate]:
    changed = [(_status(pair.before), _status(pair.after)) for pair in pairs]
    before, after = Counter(map(_status, first)), Counter(map(_status, second))
    gone = Counter(old for old, new in changed if old != new)
    come = Counter(new for old, new in changed if old != new)
    return [
        Gate(*status, before[status], after[status], gone[status], come[status])
        for status in sorted(before.keys() | after.keys())
    ]


def _transitions(pairs: list[Pair]) -> list[Transition]:
    moved = (pair for pair in pairs if pair.kind != "reworded")
    counts = Counter((pair.one.campaign, _status(pair.before), _status(pair.after)) for pair in moved)
    return [Transition(*key, number) for key, number in sorted(counts.items())]


def largest(groups: Iterable[Group], dimension: str, size: Callable[[Group], int]) -> list[Group]:
    """The groups of a dimension, the largest first, then by name."""
    return sorted(
        (group for group in groups if group.dimension == dimension), key=lambda group: (-size(group), group.value)
    )
