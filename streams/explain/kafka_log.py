"""The log on the broker, as it was when it was opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from schemas.campaigns import CampaignRecord
from streams.campaign_store import history
from streams.settings import Settings
from streams.tools import POLL_MS, consumer, partitions_of


class KafkaLog:
    """See ``streams.explain.log.Log``."""

    def __init__(self, client: KafkaConsumer, settings: Settings) -> None:
        self.partitions = settings.partitions
        self._client, self._settings = client, settings
        self._ends: dict[TopicPartition, int] = {}
        for topic in ("customer-events", "decisions"):
            self._ends.update(client.end_offsets(partitions_of(client, settings, topic)))

    def records(
        self, topic: str, partition: int, keys: frozenset[bytes] | None = None
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """See ``Log``."""
        place = TopicPartition(self._settings.topic(topic), partition)
        end = self._ends[place]
        self._client.assign([place])
        self._client.seek_to_beginning(place)
        while self._client.position(place) < end:
            for batch in self._client.poll(timeout_ms=POLL_MS).values():
                for record in batch:
                    if record.offset < end and record.value is not None and (keys is None or record.key in keys):
                        yield record.offset, record.key, record.value

    def is_whole(self, topic: str, partition: int) -> bool:
        """See ``Log``."""
        place = TopicPartition(self._settings.topic(topic), partition)
        return bool(self._client.beginning_offsets([place])[place] == 0)

    def campaign_history(self) -> list[CampaignRecord]:
        """See ``Log``."""
        return history(self._settings)


@contextmanager
def kafka_log(settings: Settings) -> Iterator[KafkaLog]:
    """The log on the broker. Raises BrokerError: no broker, no topics."""
    with consumer(settings) as client:
        yield KafkaLog(client, settings)
