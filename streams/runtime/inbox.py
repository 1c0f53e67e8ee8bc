"""The records of one input partition that wait for the next round, and the rule of what follows what."""

from __future__ import annotations

from typing import NamedTuple

from streams.runtime import metrics
from streams.task import Record


class Batch(NamedTuple):
    """Records of one fetch. ``begin`` and ``end`` are fetch positions: offsets of transactional topics have holes."""

    begin: int
    end: int
    records: list[Record]


class Inbox:
    """Accepts batches that follow each other by fetch position, up to about ``records_max`` waiting records.

    The bound is tested before a fetch is taken over, so it is exceeded by at most one fetch response.
    """

    def __init__(self, stage: str, topic: str, partition: int, records_max: int) -> None:
        self.records: list[Record] = []
        self.next_offset = 0
        self.held = False
        self.seeking = False
        self.lag = metrics.LAG_RECORDS.labels(stage, topic, partition)
        self._records_max = records_max
        self._refused = metrics.BATCHES_REFUSED.labels(stage, topic, partition)

    @property
    def waiting(self) -> bool:
        """True when a round may take records from here."""
        return bool(self.records) and not self.held

    @property
    def open(self) -> bool:
        """True when more records are wanted."""
        return not self.held and not self.seeking and len(self.records) < self._records_max

    def accept(self, batch: Batch) -> bool:
        """Queue the batch; False when it does not start where the last accepted one ended."""
        if self.seeking or batch.begin != self.next_offset:
            self._refused.inc()
            return False
        self.records += batch.records
        self.next_offset = batch.end
        return True

    def begin_seek(self) -> int | None:
        """The offset to seek back to, or None when a seek is under way."""
        if self.seeking:
            return None
        self.seeking = True
        return self.next_offset

    def drain(self) -> list[Record]:
        """All waiting records, or none while the topic is held."""
        if self.held or not self.records:
            return []
        records, self.records = self.records, []
        return records

    def clear(self) -> None:
        """Forget what waits; it is read again by the next owner."""
        self.records = []
