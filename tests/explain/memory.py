"""The whole pipeline on logs in memory, and its topics as ``explain`` reads them."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.campaigns import CampaignRecord
from tests.decide.memory_log import MemoryLog


class KeptLog:
    """A MemoryLog as ``streams.explain.log.Log``. ``gone``: offsets of ``customer-events`` that retention has taken."""

    def __init__(
        self, log: MemoryLog, partitions: int, gone: int = 0, history: tuple[CampaignRecord, ...] = ()
    ) -> None:
        self.partitions = partitions
        self._log, self._gone, self._history = log, gone, history

    def records(
        self, topic: str, partition: int, keys: frozenset[bytes] | None = None
    ) -> Iterator[tuple[int, bytes, bytes]]:
        for record in self._log.records.get((topic, partition), []):
            wanted = keys is None or record.key in keys
            if wanted and record.value is not None and self._is_there(topic, record.offset):
                yield record.offset, record.key or b"", record.value

    def is_whole(self, topic: str, partition: int) -> bool:
        return self._is_there(topic, 0)

    def campaign_history(self) -> list[CampaignRecord]:
        return list(self._history)

    def _is_there(self, topic: str, offset: int) -> bool:
        return topic != "customer-events" or offset >= self._gone
