"""The identity stage on Kafka records: one partition of ``identity-events`` in, resolved events out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from schemas.envelope import KIND_RANK, Envelope
from streams import metrics
from streams.identity.table import IdentityTable, Link
from streams.ordered import OrderedTask, Position, mark_records
from streams.progress import BEGINNING, Counts, progress_record
from streams.task import Effects, Out
from streams.wire import Mark, encode_envelope, partition_of

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Link)

Waiting = tuple[int, int, str, int, Envelope]
"""(effective time, rank of the kind, event id, offset, event)."""


class IdentityFold:
    """Events in the order of their effective time through the identity table."""

    def __init__(self) -> None:
        self.table = IdentityTable()
        self.through: tuple[Any, ...] = (BEGINNING,)
        self.outgoing: list[Envelope] = []
        """Events for ``customer-events`` since it was last emptied."""
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def first_waiting(self) -> int | None:
        """The lowest offset in the reorder buffer; None when it is empty."""
        return min((waiting[3] for waiting in self._waiting), default=None)

    def take(self, event: Envelope, offset: int, again: bool = False) -> None:
        """Accept an event: it waits for the clock, or applies at once when the clock has passed it."""
        waiting = (event.eff, KIND_RANK[event.type], event.id, offset, event)
        if waiting[:3] > self.through:
            heapq.heappush(self._waiting, waiting)
        elif not again:
            self.table.apply(event, self.outgoing.append)

    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before ``clock``, at most ``steps``; the steps taken (fewer: all done)."""
        taken, waiting = 0, self._waiting
        while taken < steps:
            if not waiting or waiting[0][0] >= clock:
                self.through = max(self.through, (clock,))
                return taken
            entry = heapq.heappop(waiting)
            self.through = entry[:3]
            self.table.apply(entry[4], self.outgoing.append)
            taken += 1
        return taken


class IdentityTask(OrderedTask):
    """One partition number of identity."""

    def __init__(self, partition: int, partitions: int) -> None:
        super().__init__("identity-events", partition, ("intake",))
        self.partitions = partitions
        self._fold = IdentityFold()
        self._told: dict[str, int] = {}

    def accept(self, event: Envelope, offset: int, again: bool) -> None:
        """See ``OrderedTask``."""
        self._fold.take(event, offset, again)

    def advance(self, clock: int, steps: int) -> int:
        """See ``OrderedTask``."""
        return self._fold.advance(clock, steps)

    def first_waiting(self) -> int | None:
        """See ``OrderedTask``."""
        return self._fold.first_waiting()

    def through(self) -> Sequence[Any]:
        """See ``OrderedTask``."""
        return self._fold.through

    def restore(self, entries: Iterable[tuple[bytes, bytes]], position: Position | None) -> None:
        """The table: identifier -> link."""
        for key, value in entries:
            self._fold.table.links[key.decode()] = _decoder.decode(value)
        if position is not None:
            self._fold.through = tuple(position.through)

    def collect(self, effects: Effects) -> None:
        """See ``OrderedTask``. The mark goes last: what it calls complete lies before it."""
        for event in self._fold.outgoing:
            key = event.customer
            effects.records.append(
                Out("customer-events", partition_of(key, self.partitions), key.encode(), encode_envelope(event))
            )
        self._fold.outgoing.clear()
        table = self._fold.table
        for identifier in table.dirty:
            effects.state.append((identifier.encode(), _encoder.encode(table.links[identifier])))
        table.dirty.clear()
        self._mark(effects)
        metrics.report_watermarks("identity", self.partition, self._told)
        metrics.STATE_ENTRIES.labels("identity", self.partition).set(len(table.links))
        metrics.WAITING.labels("identity", self.partition).set(len(self._fold))

    def _mark(self, effects: Effects) -> None:
        reached = self._fold.through[0]
        until = {source: min(moment, reached) for source, moment in self.clock.until().items()}
        if until != self._told:
            self._told = until
            mark = Mark("identity", self.partition, self.partitions, until, self.clock.free())
            effects.records += mark_records(mark, ("customer-events",), self.partitions)
            effects.records.append(
                progress_record("identity", self.partition, reached, Counts(), waiting=len(self._fold))
            )
