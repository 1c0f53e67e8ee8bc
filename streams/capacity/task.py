"""The capacity stage on Kafka records: candidates and decide's marks in, answers into ``customer-events`` out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from schemas.topics import MARK_KEY
from streams import metrics
from streams.capacity.fold import Answered, CapacityFold, Place
from streams.ordered import INBOX_MAX, POSITION_KEY
from streams.progress import Counts, progress_record
from streams.task import Effects, Out, Record, Table
from streams.upgrade import POSITION_VERSION, read_position
from streams.wire import Clock, Mark, decode_envelope, decode_mark, encode_envelope, partition_of

TOPIC = "capacity-candidates"
CANDIDATE = b"c|"
"""Keys of candidates in the table."""


class Position(msgspec.Struct):
    """The position record."""

    next: int
    marks: list[Mark]
    used: dict[str, int]
    left: list[tuple[Place, tuple[int, int, int]]]
    version: int = POSITION_VERSION


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Position)


class CapacityTask:
    """One partition number of the capacity stage."""

    def __init__(self, partition: int, partitions: int) -> None:
        self.partition = partition
        self.partitions = partitions
        self.clock = Clock(("decide",))
        self._fold = CapacityFold()
        self._inbox: deque[Record] = deque()
        self._next = 0

    def load(self, table: Table) -> None:
        """See ``streams.task.Task``."""
        raw = table.get(POSITION_KEY)
        if raw is None:
            return
        position = read_position(raw, _decoder, f"capacity partition {self.partition}")
        self._next = position.next
        self.clock.load(position.marks)
        self._fold.used = position.used
        for _, value in table.scan(CANDIDATE):
            self._fold.take(decode_envelope(value))
        self._fold.left = dict(position.left)
        if self.clock.value is not None:
            self._fold.until = self.clock.value

    def start_offsets(self) -> Mapping[str, int]:
        """See ``streams.task.Task``."""
        return {TOPIC: self._next} if self._next else {}

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """See ``streams.task.Task``."""
        self._inbox.extend(records)

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """Time comes in through marks only."""

    def held(self) -> frozenset[str]:
        """See ``streams.task.Task``."""
        return frozenset({TOPIC}) if len(self._inbox) > INBOX_MAX else frozenset()

    def step(self, budget: int) -> Effects:
        """See ``streams.task.Task``. A cut-off is closed before anything behind its mark is read."""
        effects, left = Effects(), budget
        while left > 0 and (self._inbox or self._fold.is_due):
            if self._fold.is_due:
                answered = self._fold.close(self._fold.until, left)
                for one in answered:
                    self._answer(effects, one)
                left -= len(answered)
            else:
                self._read(effects, self._inbox.popleft())
                left -= 1
        if left < budget:
            self._save(effects)
        effects.more = bool(self._inbox) or self._fold.is_due
        return effects

    def _read(self, effects: Effects, record: Record) -> None:
        self._next = record.offset + 1
        if record.value is None:
            return
        if record.key != MARK_KEY:
            candidate = decode_envelope(record.value)
            self._fold.take(candidate)
            effects.state.append((CANDIDATE + candidate.id.encode(), record.value))
        elif self.clock.take(decode_mark(record.value)) and self.clock.value is not None:
            self._fold.until = self.clock.value

    def _answer(self, effects: Effects, one: Answered) -> None:
        key = one.answer.customer
        to = partition_of(key, self.partitions)
        effects.records.append(Out("customer-events", to, key.encode(), encode_envelope(one.answer)))
        effects.state.append((CANDIDATE + one.candidate.encode(), None))

    def _save(self, effects: Effects) -> None:
        fold = self._fold
        position = Position(self._next, self.clock.dump(), fold.used, list(fold.left.items()))
        effects.state.append((POSITION_KEY, _encoder.encode(position)))
        effects.offsets[TOPIC] = self._next
        waiting = len(fold)
        metrics.WAITING.labels("capacity", self.partition).set(waiting)
        effects.records.append(progress_record("capacity", self.partition, self.clock.value, Counts(), waiting=waiting))
