"""The records of one input partition that wait for the next round, and the rule of what follows what."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from streams.runtime import metrics
from streams.task import Record

_seeks = itertools.count(1)


class Batch(NamedTuple):
    """Records of one fetch. ``begin`` and ``end`` are fetch positions: offsets of transactional topics have holes."""

    begin: int
    end: int
    records: list[Record]
    seek: int
    """The last seek that was carried out before it was delivered; 0 before the first."""


class Seek(NamedTuple):
    """Where to read on, and the number that batches from there carry."""

    offset: int
    number: int


class Inbox:
    """Accepts batches that follow each other by fetch position, up to about ``records_max`` waiting records.

    A seek and batches that were fetched before it cross on their way. So each seek has a number, which no other inbox
    of this process ever had, and a batch says which seek it comes after: a refusal asks for a new seek unless the
    batch is older than the last one. No refusal is left without a seek behind it.

    The bound is tested before a fetch is taken over, so it is exceeded by at most one fetch response.
    """

    def __init__(self, stage: str, topic: str, partition: int, records_max: int) -> None:
        self.records: list[Record] = []
        self.next_offset = 0
        self.held = False
        self.seek = 0
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
        return not self.held and len(self.records) < self._records_max

    def accept(self, batch: Batch) -> bool:
        """Queue the batch; False when it does not start where the last accepted one ended."""
        if batch.begin != self.next_offset:
            self._refused.inc()
            return False
        self.records += batch.records
        self.next_offset = batch.end
        return True

    def begin_seek(self) -> Seek:
        """A new seek to where the last accepted batch ended."""
        self.seek = next(_seeks)
        return Seek(self.next_offset, self.seek)

    def read_again(self, refused: Batch) -> Seek | None:
        """The seek that a refusal asks for; None when the batch is older than the last seek, which is on its way."""
        return self.begin_seek() if refused.seek == self.seek else None

    def drain(self) -> list[Record]:
        """All waiting records, or none while the topic is held."""
        if self.held or not self.records:
            return []
        records, self.records = self.records, []
        return records

    def clear(self) -> None:
        """Forget what waits; it is read again by the next owner."""
        self.records = []
