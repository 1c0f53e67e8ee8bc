"""The move on a broker: who still works there, the old logs, and the new topics."""

from __future__ import annotations

from collections.abc import Iterator

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas.topics import STAGES, TOPICS
from streams.broker_logs import begins, copy_of_state, records
from streams.consumer_groups import members
from streams.errors import BrokerError
from streams.repartition.borders import RepartitionError
from streams.repartition.run import HISTORY
from streams.settings import Settings
from streams.task import Out, Record
from streams.topics_admin import administering, check_topics, ensure_topics, partition_counts

LAST = "progress"
"""Every stage needs it, so it is made last: until then no worker starts on topics that are half written."""


class BrokerOld:
    """See ``borders.Old``. Raises BrokerError when its topics are not there."""

    def __init__(self, client: KafkaConsumer, settings: Settings) -> None:
        """``client``: without a group, of committed records."""
        check_topics(settings)
        self.partitions = settings.partitions
        self._client, self._settings = client, settings

    def table(self, stage: str, partition: int) -> dict[bytes, bytes]:
        """See ``Old``."""
        return copy_of_state(self._client, self._settings, (STAGES[stage].changelog, partition))

    def records(self, topic: str, partition: int, start: int) -> Iterator[Record]:
        """See ``Old``."""
        place = (topic, partition)
        begin = begins(self._client, self._settings, [place])[place]
        for batch in records(self._client, self._settings, place, max(start, begin)):
            yield from batch


class BrokerNew:
    """See ``borders.New``: topics of another prefix, which nobody has written to."""

    def __init__(self, client: KafkaConsumer, producer: KafkaProducer, settings: Settings) -> None:
        """Makes the topics. Raises BrokerError."""
        self.partitions = settings.partitions
        self._client, self._producer, self._settings = client, producer, settings
        self._failed: list[BaseException] = []
        ensure_topics(settings, [name for name in TOPICS if name != LAST])

    def send(self, out: Out) -> None:
        """See ``New``."""
        self._send(out.topic, out.partition, out.key, out.value, list(out.headers))

    def keep(self, stage: str, partition: int, key: bytes, value: bytes) -> None:
        """See ``New``."""
        self._send(STAGES[stage].changelog, partition, key, value, [])

    def next_offset(self, topic: str, partition: int) -> int:
        """See ``New``. Raises BrokerError when something was not written."""
        self._producer.flush()
        if self._failed:
            raise BrokerError(
                f"The broker at {self._settings.bootstrap_servers} refused a record for "
                f"{self._settings.topic_prefix}.* ({self._failed[0]}). The old topics are as they were; correct what "
                "it names, and try again with another --new-prefix."
            ) from self._failed[0]
        place = TopicPartition(self._settings.topic(topic), partition)
        return int(self._client.end_offsets([place])[place])

    def finish(self) -> None:
        """Everything is written: let workers start, and let tools see that the log has no beginning."""
        self.next_offset(HISTORY, 0)
        topic = self._settings.topic(HISTORY)
        with administering(self._settings) as admin:
            admin.delete_records({TopicPartition(topic, number): 1 for number in range(self.partitions)})
        ensure_topics(self._settings, [LAST])

    def _send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        future = self._producer.send(self._settings.topic(topic), value, key=key, headers=headers, partition=partition)
        future.add_errback(self._failed.append)


def check_unused(client: KafkaConsumer, settings: Settings) -> None:
    """Raise RepartitionError when a topic of the new prefix has, or ever had, a record; BrokerError for wrong ones."""
    counts = partition_counts(settings, TOPICS)
    present = [name for name in TOPICS if settings.topic(name) in counts]
    check_topics(settings, present)
    places = [
        TopicPartition(settings.topic(name), number)
        for name in present
        for number in range(settings.partitions if TOPICS[name].partitioned else 1)
    ]
    used = next((place for place, end in client.end_offsets(places).items() if end), None) if places else None
    if used is not None:
        raise RepartitionError(
            f"--new-prefix {settings.topic_prefix}: topic {used.topic} holds records already; name a prefix that has "
            "never been used."
        )


def check_stopped(settings: Settings) -> None:
    """Raise RepartitionError when a worker of a stage is still a member of its group, BrokerUnavailableError when the
    broker does not say."""
    with administering(settings) as admin:
        for stage in STAGES:
            group = f"{settings.topic_prefix}-{stage}"
            if found := members(admin, group):
                raise RepartitionError(
                    f"Stage {stage} still has {found} workers in group {group}. Stop all stages; a worker that has "
                    f"stopped stays a member for session_timeout_s = {settings.session_timeout_s:g} seconds."
                )
