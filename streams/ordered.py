"""A stage partition that applies one log in event-time order: the part that identity and decide share.

It reads marks and envelopes, keeps the clock, and knows after a restart what has been applied already: the position
record holds the first offset still waiting in the reorder buffer, the next offset to read, the last mark of each
upstream task, and the place in the order through which everything was applied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.task import Effects, Out, Record, Table
from streams.upgrade import POSITION_VERSION, read_position
from streams.wire import Clock, Mark, decode_envelope, decode_mark, encode_mark

POSITION_KEY = b"position"
INBOX_MAX = 50_000
"""Records taken and not yet looked at, beyond which the task wants no more."""


class Position(msgspec.Struct):
    """The position record."""

    first: int
    """First offset still waiting; reading begins here after a restart."""
    next: int
    """Next offset that was never read."""
    through: list[Any]
    marks: list[Mark]
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the stage adds."""
    version: int = POSITION_VERSION


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Position)


class OrderedTask(ABC):
    """See the module. Subclasses say what an event does, and what a transaction has to write."""

    def __init__(self, topic: str, partition: int, upstream: tuple[str, ...]) -> None:
        self.topic = topic
        self.partition = partition
        self.clock = Clock(upstream)
        self._inbox: deque[Record] = deque()
        self._next = 0
        self._stored_next = 0
        self._first = 0
        self.advancing = False
        """Whether ``advance`` has to be called before more is read."""
        self._unsaved = False
        self._save_due = False
        self._untold = False
        """Something is to be said at the next tick, even if nothing more is read."""

    @abstractmethod
    def accept(self, event: Envelope, offset: int, again: bool) -> None:
        """Take an event. ``again``: it was read before a restart and may have been applied."""

    def accept_levels(self, mark: Mark, again: bool) -> None:  # noqa: B027 - only decide hears such marks
        """Take a mark of another partition of the same stage."""

    @abstractmethod
    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before the clock, at most ``steps``; the steps taken (fewer: all done)."""

    @abstractmethod
    def first_waiting(self) -> int | None:
        """The lowest offset that waits in the buffer."""

    @abstractmethod
    def changed(self) -> bool:
        """Whether there is something to write beside the position."""

    @abstractmethod
    def collect(self, effects: Effects) -> None:
        """Add what was made since the last call."""

    @abstractmethod
    def through(self) -> Sequence[Any]:
        """The place in the order through which everything was applied."""

    @abstractmethod
    def restore(self, table: Table, position: Position | None) -> None:
        """Take over restored state."""

    def extra(self) -> dict[str, Any]:
        """What the stage adds to the position record."""
        return {}

    def load(self, table: Table) -> None:
        """See ``streams.task.Task``."""
        raw = table.get(POSITION_KEY)
        position = None if raw is None else read_position(raw, _decoder, f"{self.topic} partition {self.partition}")
        if position is not None:
            self._first = position.first
            self._next = position.first
            self._stored_next = position.next
            self.clock.load(position.marks)
            self._untold = True
        self.restore(table, position)
        clock = self.clock.value
        self.advancing = self.advancing or (clock is not None and tuple(self.through()) < (clock,))

    def start_offsets(self) -> Mapping[str, int]:
        """See ``streams.task.Task``."""
        return {self.topic: self._first} if self._stored_next else {}

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """See ``streams.task.Task``."""
        self._inbox.extend(records)

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """What was read since the last transaction is due to be saved. Time comes in through marks only."""
        self._unsaved = self._unsaved or (self._untold and not self._rereading)
        self._save_due = self._unsaved

    def held(self) -> frozenset[str]:
        """See ``streams.task.Task``."""
        return frozenset({self.topic}) if len(self._inbox) > INBOX_MAX else frozenset()

    def step(self, budget: int) -> Effects:
        """See ``streams.task.Task``. A clock that moved is followed to its end or the budget before more is read.

        Events that only began to wait make no transaction of their own: a restart reads them again. The position
        follows with the next change, or the next tick.
        """
        left = budget
        while left > 0 and (self._may_advance or self._inbox):
            if self._may_advance:
                clock = self.clock.value
                assert clock is not None
                taken = self.advance(clock, budget)
                self.advancing = taken >= budget
                left -= taken
                self._unsaved = True
                if self.advancing:
                    break
            else:
                left -= self._read(left)
        effects = Effects(more=self._may_advance or bool(self._inbox))
        if self._unsaved and (self._save_due or self.changed()):
            self.collect(effects)
            effects.state.append((POSITION_KEY, self._position()))
            effects.offsets[self.topic] = self._next
            self._unsaved = self._save_due = False
        return effects

    @property
    def _rereading(self) -> bool:
        """After a restart, before all that was read then has been read again."""
        return self._next < self._stored_next

    @property
    def _may_advance(self) -> bool:
        """Whether the clock has moved on; not before all that may wait is in the buffer again."""
        return self.advancing and not self._rereading

    def _read(self, most: int) -> int:
        """Read until the clock has moved or the inbox is empty, at most ``most`` records; returns how many."""
        inbox, accept = self._inbox, self.accept
        self._unsaved = True
        read = 0
        while inbox and read < most:
            _, _, offset, _, key, value, _ = inbox.popleft()
            read += 1
            again = offset < self._stored_next
            if offset >= self._next:
                self._next = offset + 1
            if value is None:
                continue
            if key == MARK_KEY:
                mark = decode_mark(value)
                if mark.levels:
                    self.accept_levels(mark, again)
                elif self.clock.take(mark):
                    self.advancing = True
            else:
                accept(decode_envelope(value), offset, again)
            if self._may_advance:
                break
        return read

    def _position(self) -> bytes:
        self._stored_next = max(self._stored_next, self._next)
        first = self.first_waiting()
        position = Position(
            self._stored_next if first is None else first,
            self._stored_next,
            list(self.through()),
            self.clock.dump(),
            self.extra(),
        )
        return _encoder.encode(position)


def mark_records(mark: Mark, topics: Iterable[str], partitions: int) -> list[Out]:
    """The mark for every partition of the downstream topics."""
    value = encode_mark(mark)
    return [Out(topic, partition, MARK_KEY, value) for topic in topics for partition in range(partitions)]
