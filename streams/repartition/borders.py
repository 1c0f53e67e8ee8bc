"""What the move reads and writes: logs and changelogs, on a broker or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from streams.errors import CuepointError
from streams.task import Out, Record


class RepartitionError(CuepointError):
    """A pipeline cannot be moved to other partitions, as it is."""


class Old(Protocol):
    """The pipeline as it stands. Topics are named without prefix. One iterator at a time is read, to its end."""

    partitions: int

    def table(self, stage: str, partition: int) -> dict[bytes, bytes]:
        """The live entries of a stage's changelog partition."""

    def records(self, topic: str, partition: int, start: int) -> Iterator[Record]:
        """The committed records from an offset on, or from the first that is left, marks included."""


class New(Protocol):
    """The topics that it goes to. What is sent to one partition stays in its order."""

    partitions: int

    def send(self, out: Out) -> None:
        """Write a record."""

    def keep(self, stage: str, partition: int, key: bytes, value: bytes) -> None:
        """Write an entry of a stage's changelog."""

    def next_offset(self, topic: str, partition: int) -> int:
        """The offset that the next record gets, when all that was sent before is written."""


class Counting:
    """Writes nothing, and counts what would be written."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.sent: dict[str, int] = {}
        """Topic -> records."""
        self.kept: dict[str, int] = {}
        """Stage -> entries."""

    def send(self, out: Out) -> None:
        """See ``New``."""
        self.sent[out.topic] = self.sent.get(out.topic, 0) + 1

    def keep(self, stage: str, partition: int, key: bytes, value: bytes) -> None:
        """See ``New``."""
        self.kept[stage] = self.kept.get(stage, 0) + 1

    def next_offset(self, topic: str, partition: int) -> int:
        """See ``New``."""
        return 0
