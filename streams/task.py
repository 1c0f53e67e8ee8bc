"""The border between the runtime and the pure stages.

A stage (intake, identity, decide) is a pure task per partition number: it takes records, and gives back what one
transaction has to write. It does no I/O and reads no clock; time comes in through records and ``tick``. The runtime
(``streams.runtime``) carries tasks on Kafka; a backtest composes the same tasks in one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One record as read from a topic (names without prefix)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Broker append time."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class Out(NamedTuple):
    """One record to write (topic name without prefix)."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Table(Protocol):
    """A task's table, as of its last step. The task only reads it: changes go out in ``Effects.state``."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""

    def scan(self, prefix: bytes, behind: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of the keys that begin with ``prefix`` and come after ``behind``, in their order.

        Read it to its end or drop it before the next step.
        """

    def wakes(self, behind: bytes, most: int) -> list[bytes]:
        """The first ``most`` entries after ``behind``, in order; an entry is a value's wake (see ``Timed``) and its
        key. Some may be out of date: the value has another wake by now, and an entry for that one."""


@dataclass(slots=True)
class Effects:
    """What one transaction writes. Either all of it becomes visible, or nothing."""

    records: list[Out] = field(default_factory=list)
    state: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    """Changelog records of this task's table: (key, value), value None = deleted. Includes the position record."""
    wakes_from: bytes = b""
    """Entries of ``Table.wakes`` before this one are of no more use. It may go back, with new entries behind it."""
    offsets: dict[str, int] = field(default_factory=dict)
    """Next offset to read per input topic; the consumer group is told about once a second, with a transaction (for lag
    tools; where a task reads on after a restart is said by ``Task.start_offsets``)."""
    more: bool = False
    """True: the task stopped at its budget and wants ``step`` again at once, without new input."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to commit."""
        return not (self.records or self.state or self.offsets)


class Task(Protocol):
    """One partition number of one stage. Single-threaded: the runtime never calls two methods at once.

    Life: constructed → ``load`` once → (``take``* ``tick``? ``step``)*. After an exception the task is thrown away.
    """

    def load(self, table: Table) -> None:
        """Take over the restored table: the last committed value of each live key of the changelog partition."""

    def start_offsets(self) -> Mapping[str, int]:
        """After ``load``: first offset to read per input topic. A topic that is missing is read from its beginning."""

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """Accept the next records of one input topic, in offset order and without holes."""

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """The wall clock, at most once a second and when idle too. ``caught_up``: input topics read to their end."""

    def step(self, budget: int) -> Effects:
        """Work off what was taken, at most about ``budget`` records or timers; ``more`` says whether some is left."""

    def held(self) -> frozenset[str]:
        """Input topics of which the task wants no more records for now (backpressure, alignment)."""


@runtime_checkable
class Timed(Protocol):
    """A task whose values say when they have to be looked at, so that its table can be asked for what comes next."""

    def wake_of(self, key: bytes, value: bytes) -> bytes | None:
        """Bytes that sort like the time, always as many; None: never."""
