"""Copying what waits in a log, each record to the partition that owns its key now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.envelope import Envelope
from streams.intake.route import TO_ALL
from streams.repartition.borders import New, RepartitionError
from streams.task import Out, Record
from streams.wire import partition_of


@dataclass
class Range:
    """Where the copied records of one new partition lie: from ``first`` on, before ``next``."""

    first: int
    next: int


@dataclass
class Broadcasts:
    """Events that every old partition holds a copy of: all have to hold the same ones."""

    by_partition: dict[int, set[tuple[str, int]]] = field(default_factory=dict)

    def note(self, partition: int, event: Envelope) -> None:
        """A partition holds this event."""
        self.by_partition.setdefault(partition, set()).add((event.id, event.eff))

    def check(self, topic: str, partitions: int) -> None:
        """Raise RepartitionError when one holds others."""
        first = self.by_partition.get(0, set())
        for number in range(partitions):
            if self.by_partition.get(number, set()) != first:
                raise RepartitionError(
                    f"Partition {number} of {topic} holds other rules, products or orders to everybody than partition "
                    "0: records were deleted, or written by something else. Replay the history into a new topic prefix."
                )


def move(old_partitions: int, new: New, topic: str, found: Iterable[tuple[int, Record, Envelope]]) -> list[Range]:
    """Write what waits: to its key's partition, in the order in which it stood; what goes to all, to each once.

    Returns the range of each new partition. Raises RepartitionError.
    """
    begins = [new.next_offset(topic, number) for number in range(new.partitions)]
    broadcasts = Broadcasts()
    for partition, record, event in found:
        if event.customer != TO_ALL:
            to = [partition_of(event.customer, new.partitions)]
        else:
            broadcasts.note(partition, event)
            to = list(range(new.partitions)) if partition == 0 else []
        for number in to:
            new.send(Out(topic, number, record.key, record.value, record.headers))
    broadcasts.check(topic, old_partitions)
    return [Range(begin, new.next_offset(topic, number)) for number, begin in enumerate(begins)]
