"""What a sink is: it takes batches with the positions behind them, and keeps both or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

TopicPartition = tuple[str, int]
"""Topic without prefix, and partition."""


class SinkRecord(Protocol):
    """A record as the Kafka client gives it."""

    @property
    def partition(self) -> int:
        """Partition."""

    @property
    def offset(self) -> int:
        """Offset."""

    @property
    def timestamp(self) -> int:
        """Broker append time, milliseconds since the epoch."""

    @property
    def key(self) -> bytes | None:
        """Key."""

    @property
    def value(self) -> bytes | None:
        """Value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers."""


@dataclass(slots=True)
class Batch:
    """Records by topic (without prefix), each topic's in any order of partitions but in offset order within one."""

    records: dict[str, list[SinkRecord]] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    """Next offset to read of every partition that moved; includes what is not a record (marks, commit markers)."""
    expired: dict[str, int] = field(default_factory=dict)
    """By topic: offsets that retention deleted before they were read."""
    count: int = 0
    """Records in it."""
    size_bytes: int = 0
    """Bytes of their values."""


class Sink(Protocol):
    """Exactly once: ``write`` keeps rows and positions in one transaction; readers seek to ``positions``."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """Next offset to read, by partition. A partition that is missing is read from its beginning."""

    def write(self, batch: Batch) -> None:
        """Keep the batch and its positions, or raise SinkError and keep nothing of it."""

    def close(self) -> None:
        """Release what the sink holds."""
