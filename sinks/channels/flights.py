"""Messages under way: which offsets may be committed, and which customers wait. No Kafka, no clock here.

Kafka is the queue of what waits: an offset is committed only when everything before it has ended, so what waits comes
again after a death, on whatever machine, and the store tells what had ended already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sinks.channels.handler import Message


@dataclass(slots=True)
class Flight:
    """A message under way, and the record that it came in."""

    message: Message
    record: Any
    tries: int = 0
    due: float = 0.0
    """When it may be tried again, monotonic seconds."""

    @property
    def customer(self) -> str:
        """Whose message it is."""
        return self.message.trigger.customer_id


class Offsets:
    """Of each partition what was read and has not ended."""

    def __init__(self) -> None:
        self._open: dict[int, dict[int, None]] = {}
        self._next: dict[int, int] = {}

    def begin(self, partition: int, offset: int) -> None:
        """A record was read. Offsets of a partition come in order."""
        self._open.setdefault(partition, {})[offset] = None
        self._next[partition] = offset + 1

    def end(self, partition: int, offset: int) -> None:
        """It needs nothing more. Of a partition that was given up: nothing."""
        self._open.get(partition, {}).pop(offset, None)

    def committable(self) -> dict[int, int]:
        """Next offset to read after a restart, by partition."""
        return {number: next(iter(self._open[number]), following) for number, following in self._next.items()}

    def all_ended(self, partition: int) -> bool:
        """Whether nothing of a partition is under way."""
        return not self._open.get(partition)

    def forget(self, partitions: Iterable[int]) -> None:
        """Partitions that another consumer has now."""
        for partition in partitions:
            self._open.pop(partition, None)
            self._next.pop(partition, None)


class Waiting:
    """Customers whose next message waits for another try; their later messages wait behind it, in order."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Flight]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, customer: str) -> bool:
        return customer in self._queues

    def add(self, flight: Flight) -> None:
        """It waits, behind those of its customer that wait already."""
        self._queues.setdefault(flight.customer, deque()).append(flight)
        self._count += 1

    def due(self, now: float) -> list[Flight]:
        """The first of each customer whose time has come."""
        return [queue[0] for queue in self._queues.values() if queue[0].due <= now]

    def next_due(self) -> float | None:
        """When the next one comes due; None: nothing waits."""
        return min((queue[0].due for queue in self._queues.values()), default=None)

    def pop(self, customer: str) -> Flight | None:
        """The customer's first has ended; returns the one behind it."""
        queue = self._queues[customer]
        queue.popleft()
        self._count -= 1
        if queue:
            return queue[0]
        del self._queues[customer]
        return None

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what came of partitions that another consumer has now: it comes to that one again."""
        gone = set(partitions)
        for customer, queue in list(self._queues.items()):
            kept = deque(flight for flight in queue if flight.record.partition not in gone)
            self._count -= len(queue) - len(kept)
            if kept:
                self._queues[customer] = kept
            else:
                del self._queues[customer]
