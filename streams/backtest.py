"""The pipeline without Kafka: the same intake, identity and decide over the same files, in one process.

One logical partition. Its decisions are those of the live pipeline on a replay of the same input: the same set of ids,
outcomes and reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.campaigns import BrandRules, Campaign
from schemas.envelope import Envelope
from streams.campaigns import CampaignSet, known_brands, records
from streams.capacity.fold import CapacityFold
from streams.decide.partition import Partition
from streams.identity.task import IdentityFold
from streams.intake.admit import Admission
from streams.intake.task import SOURCES
from streams.intake.validate import Rejection
from streams.progress import Counts
from streams.replay.arrivals import arrivals
from streams.replay.files import SOURCES as FILE_SOURCES
from streams.replay.memory import cycle_collection_paused

ADVANCE_MS = 6 * 3_600_000
"""How often, in event time, the clock is moved; it bounds the reorder buffers and changes no outcome."""
AFTER_THE_END_MS = 30 * 86_400_000
"""How long timers go on firing after the last arrival, unless ``until`` says otherwise."""
_ALL_STEPS = 1 << 62

Line = tuple[str, int, bytes]
"""(source, arrived, raw value)."""


@dataclass
class BacktestResult:
    """What a backtest found. ``decisions``: records as on the topic ``decisions``, in logical order."""

    decisions: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rejections: dict[tuple[str, str], int] = field(default_factory=dict)
    """(source, reason) -> records."""
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key -> last record, as the topic ``customer-profile`` holds them in the end."""

    @property
    def outcomes(self) -> set[tuple[str, str, str]]:
        """(decision id, outcome, reason) of every record."""
        return {(d["decision_id"], d["outcome"], d["reason"]) for d in self.decisions}


class Backtest:
    """Feeds lines in the order of their arrival; ``finish`` ends it."""

    def __init__(
        self,
        campaigns: CampaignSet,
        lateness_ms: Callable[[str], int],
        until: int | None = None,
        latest_end: int | None = None,
        partition: Partition | None = None,
    ) -> None:
        """``partition``: one that does more, or less, than the usual; a new one."""
        self.result = BacktestResult()
        self._until = until
        self._latest_end = latest_end
        self._lateness = {source: lateness_ms(source) for source in SOURCES}
        self._latest = max(self._lateness.values())
        self._admission = Admission(known_brands(campaigns))
        self._identity = IdentityFold()
        self._partition = Partition(lambda _: None, lambda _: iter(())) if partition is None else partition
        self._partition.on_accepted = self._count
        self._capacity = CapacityFold()
        self._guests: set[str] = set()
        self._offset = 0
        self._advanced: int | None = None
        self._arrived = 0
        for _, record in records(campaigns, 0, "backtest"):
            self._admit("campaigns", msgspec.json.encode(record), 0, 0)

    def feed(self, source: str, arrived: int, value: bytes) -> None:
        """One line of a source."""
        self._arrived = arrived
        self._admit(source, value, arrived, arrived - self._lateness[source])
        clock = arrived - self._latest
        if self._advanced is None or clock - self._advanced >= ADVANCE_MS:
            self._advance(clock if self._until is None else min(clock, self._until))

    def finish(self) -> BacktestResult:
        """Let the clock run to ``until`` (exclusive; by default as ``end_of_run`` says)."""
        self._advance(end_of_run(self._arrived, self._until, self._latest_end))
        return self.result

    def _admit(self, source: str, value: bytes, arrived: int, until: int) -> None:
        counts = self.result.counts
        counts.add(source, "received")
        admitted = self._admission.admit(source, value, arrived, until)
        if admitted is None:
            counts.add(source, "ignored")
        elif isinstance(admitted, Rejection):
            counts.add(source, "quarantined")
            self._reject(source, value, arrived, admitted)
        else:
            for topic, envelope in admitted:
                self._offset += 1
                if topic == "identity-events":
                    self._identity.take(envelope, self._offset)
                else:
                    self._partition.take(envelope, self._offset)

    def _reject(self, source: str, value: bytes, arrived: int, rejection: Rejection) -> None:
        key = (source, rejection.reason)
        self.result.rejections[key] = self.result.rejections.get(key, 0) + 1

    def _advance(self, clock: int) -> None:
        self._advanced = clock
        self._identity.advance(clock, _ALL_STEPS)
        for event in self._identity.outgoing:
            self._offset += 1
            self._partition.take(event, self._offset)
        self._identity.outgoing.clear()
        self._partition.advance(clock, _ALL_STEPS)
        while self._answer_lists():
            self._partition.advance(clock, _ALL_STEPS)
        made = self._partition.fold.made
        self.result.decisions += [entry.decision for entry in made]
        made.clear()
        self._take_profiles()
        self._partition.kept_rules.clear()
        self._partition.rules.forgotten.clear()
        self._partition.states.dirty.clear()

    def _take_profiles(self) -> None:
        made, last = self._partition.profiles.made, self.result.profiles
        for key, profile in made:
            if profile is None:
                last.pop(key, None)
            else:
                last[key] = profile
        made.clear()

    def _answer_lists(self) -> bool:
        """Let the lists close whose cut-off all decisions have passed; whether there was an answer."""
        enlisted = self._partition.fold.enlisted
        for candidate in enlisted:
            self._capacity.take(candidate)
        enlisted.clear()
        answered = self._capacity.close(self._partition.decided_until, _ALL_STEPS) if len(self._capacity) else []
        for one in answered:
            self._offset += 1
            self._partition.take(one.answer, self._offset)
        return bool(answered)

    def _count(self, event: Envelope, fate: str) -> None:
        counts = self.result.counts
        if fate == "guest":
            fate = "duplicate" if event.customer in self._guests else "accepted"
            self._guests.add(event.customer)
        counts.add(event.source, fate)
        if fate == "accepted" and event.eff > event.at:
            counts.add(event.source, "late")


def end_of_run(last_arrival: int, until: int | None, latest_end: int | None) -> int:
    """When a replay or backtest ends: ``until``, else 30 days after the last arrival, but not after ``latest_end``.

    ``latest_end`` is now: a history that ends today must not decide what is due next week, since it may go live.
    """
    if until is not None:
        return until
    end = last_arrival + AFTER_THE_END_MS
    return end if latest_end is None else max(min(end, latest_end), last_arrival)


def backtest_lines(
    lines: Iterable[Line],
    campaigns: CampaignSet,
    lateness_ms: Callable[[str], int],
    until: int | None = None,
    latest_end: int | None = None,
) -> BacktestResult:
    """Run over lines in arrival order."""
    run = Backtest(campaigns, lateness_ms, until, latest_end)
    with cycle_collection_paused():
        for source, arrived, value in lines:
            run.feed(source, arrived, value)
        return run.finish()


def backtest_history(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    campaigns: Sequence[Campaign],
    brands: Sequence[BrandRules],
    lateness_ms: Mapping[str, int],
    until_ms: int | None = None,
) -> BacktestResult:
    """Run over records as Python objects (source -> wire records); the order is by arrival."""
    encoded = {source: [msgspec.json.encode(row) for row in rows] for source, rows in history.items()}
    default = max(lateness_ms.values(), default=0)
    return backtest_lines(
        _arrival_order(encoded),
        CampaignSet(tuple(campaigns), tuple(brands)),
        lambda source: lateness_ms.get(source, default),
        until_ms,
    )


def _arrival_order(lines: Mapping[str, Sequence[bytes]]) -> list[Line]:
    """The order in which ``streams.replay.files.merged`` reads the same lines from files."""
    placed: list[Line] = []
    for source in FILE_SOURCES:
        rows = lines.get(source, [])
        placed += [(source, arrived, row) for arrived, row in zip(arrivals(rows, False), rows, strict=True)]
    return sorted(placed, key=lambda line: line[1])
