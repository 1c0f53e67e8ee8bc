"""The identity stage on Kafka records: one partition of ``identity-events`` in, resolved events out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import Envelope
from streams import metrics
from streams.erasure import hasher
from streams.identity.audit import Change
from streams.identity.families import Families
from streams.identity.table import IdentityTable, Link
from streams.ordered import OrderedTask, Position, mark_records
from streams.progress import BEGINNING, TELL_MS, Counts, progress_record
from streams.reorder import ReorderBuffer, key_of
from streams.table import MemoryTable
from streams.task import Effects, Out, Table
from streams.wire import Mark, encode_envelope, partition_of

CACHE_MAX = 100_000
"""Decoded links kept in memory, some 200 bytes each; beyond it they are decoded again when they are needed."""

_encoder = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_decoder = msgspec.msgpack.Decoder(Link)


class IdentityFold:
    """Events in the order of their effective time through the identity table."""

    def __init__(self, waiting: ReorderBuffer | None = None, table: IdentityTable | None = None) -> None:
        self.table = IdentityTable() if table is None else table
        self.through: tuple[Any, ...] = (BEGINNING,)
        self.outgoing: list[Envelope] = []
        """Events for ``customer-events`` since it was last emptied."""
        self._waiting = ReorderBuffer() if waiting is None else waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def first_waiting(self) -> int | None:
        """The lowest offset in the reorder buffer; None when it is empty."""
        return self._waiting.first_offset()

    def take(self, event: Envelope, offset: int, again: bool = False) -> None:
        """Accept an event: it waits for the clock, or applies at once when the clock has passed it."""
        if event.eff > self.through[0] or (*key_of(event), offset) > self.through:
            self._waiting.push(event, offset)
        elif not again:
            self.table.apply(event, self.outgoing.append)

    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before ``clock``, at most ``steps``; the steps taken (fewer: all done)."""
        taken, waiting, apply, emit = 0, self._waiting, self.table.apply, self.outgoing.append
        last = None
        while taken < steps:
            entry = waiting.pop_through(clock - 1)
            if entry is None:
                self.through = max(self.through, (clock,))
                return taken
            last = entry
            apply(entry[6], emit)
            taken += 1
        if last is not None:
            self.through = (*last[:4], last[5])
        return taken


class IdentityTask(OrderedTask):
    """One partition number of identity."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        spill_dir: Path | None = None,
        cache_max: int = CACHE_MAX,
        hash_key: str = "",
    ) -> None:
        """``hash_key``: of the hashes that are kept of erased names."""
        super().__init__("identity-events", partition, ("intake",))
        self.partitions = partitions
        self._cache_max = cache_max
        self._table: Table = MemoryTable()
        self._families = Families(lambda key: self._table.get(key), hasher(hash_key))
        self._audit: list[Change] = []
        links = IdentityTable(
            self._fetch, self._families, lambda name: partition_of(name, partitions) == partition, self._audit.append
        )
        self._fold = IdentityFold(ReorderBuffer(directory=spill_dir), links)
        self._told: dict[str, int] = {}
        self._mark_due = False

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

    def restore(self, table: Table, position: Position | None) -> None:
        """The table: identifier -> link, and what ``Families`` keeps."""
        self._table = table
        if position is not None:
            self._fold.through = tuple(position.through)
            if "erasures" in position.extra:
                self._families.count = position.extra["erasures"]
            else:
                self._enter_all(table)

    def extra(self) -> dict[str, Any]:
        """See ``OrderedTask``."""
        return {"erasures": self._families.count}

    def _enter_all(self, table: Table) -> None:
        """Earlier releases did not list identifiers by customer; of merged ids each partition learns its own."""
        for key, value in table.scan(b""):
            if b":" in key and (customer := _decoder.decode(value).customer) is not None:
                self._families.enter(customer, key.decode())

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """See ``OrderedTask``. A mark is due too: live at most one a tick says less than that a while has passed."""
        super().tick(now_ms, caught_up)
        self._mark_due = True

    def changed(self) -> bool:
        """See ``OrderedTask``."""
        return bool(self._fold.outgoing or self._fold.table.dirty or self._families.dirty) or self._moved(self._until())

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
            link = table.links.get(identifier)
            effects.state.append((identifier.encode(), None if link is None else _encoder.encode(link)))
        table.dirty.clear()
        effects.state += self._families.dirty.items()
        self._families.dirty.clear()
        for name_hash, at in self._families.erasures:
            number = partition_of(name_hash, self.partitions)
            effects.records.append(Out("erasures", number, name_hash.encode(), _json.encode({"erased_at": at})))
        self._families.erasures.clear()
        for change in self._audit:
            key = str(change["customer_id"])
            effects.records.append(
                Out("identity-audit", partition_of(key, self.partitions), key.encode(), _json.encode(change))
            )
        self._audit.clear()
        for identifier in list(islice(table.links, max(0, len(table.links) - self._cache_max))):
            del table.links[identifier]
        self._mark(effects)
        metrics.report_watermarks("identity", self.partition, self._told)
        metrics.WAITING.labels("identity", self.partition).set(len(self._fold))
        metrics.UPSTREAM_MISSING.labels("identity", self.partition).set(len(self.clock.missing()))

    def _fetch(self, identifier: str) -> Link | None:
        value = self._table.get(identifier.encode())
        return None if value is None else _decoder.decode(value)

    def _until(self) -> dict[str, int]:
        reached = self._fold.through[0]
        return {source: min(moment, reached) for source, moment in self.clock.until().items()}

    def _moved(self, until: dict[str, int]) -> bool:
        """Whether a mark says something new: at a tick anything, else a source that is complete a while further."""
        if self._mark_due:
            return until != self._told
        return any(moment >= self._told.get(source, BEGINNING) + TELL_MS for source, moment in until.items())

    def _mark(self, effects: Effects) -> None:
        until = self._until()
        self._untold = until != self._told and not self._moved(until)
        if self._moved(until):
            self._told, self._mark_due = until, False
            mark = Mark("identity", self.partition, self.partitions, until, self.clock.free())
            effects.records += mark_records(mark, ("customer-events",), self.partitions)
            effects.records.append(
                progress_record("identity", self.partition, self._fold.through[0], Counts(), waiting=len(self._fold))
            )
