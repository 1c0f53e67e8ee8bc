"""The move on a broker: who still works there, the old logs, and the new topics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from schemas.topics import STAGES, TOPICS
from streams.errors import BrokerError
from streams.repartition.borders import RepartitionError
from streams.repartition.run import HISTORY
from streams.settings import Settings
from streams.task import Out, Record
from streams.tools import POLL_MS
from streams.topics_admin import administering, check_topics, ensure_topics, partition_counts
from streams.what_if.shadow_seed import latest

LAST = "progress"
"""Every stage needs it, so it is made last: until then no worker starts on topics that are half written."""
COORDINATOR_ATTEMPTS = 20


class BrokerOld:
    """See ``borders.Old``. Raises BrokerError when its topics are not there."""

    def __init__(self, client: KafkaConsumer, settings: Settings) -> None:
        """``client``: without a group, of committed records."""
        check_topics(settings)
        self.partitions = settings.partitions
        self._client, self._settings = client, settings

    def table(self, stage: str, partition: int) -> dict[bytes, bytes]:
        """See ``Old``."""
        return latest(self._client, self._settings, STAGES[stage].changelog, partition)

    def records(self, topic: str, partition: int, start: int) -> Iterator[Record]:
        """See ``Old``."""
        client, place = self._client, TopicPartition(self._settings.topic(topic), partition)
        client.assign([place])
        begin, end = client.beginning_offsets([place])[place], client.end_offsets([place])[place]
        client.seek(place, max(start, begin))
        while client.position(place) < end:
            for row in client.poll(timeout_ms=POLL_MS).get(place, ()):
                if row.offset < end:
                    headers = tuple((name, bytes(value or b"")) for name, value in row.headers)
                    yield Record(topic, partition, row.offset, row.timestamp, row.key, row.value, headers)


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
    """Raise RepartitionError when a worker of a stage is still a member of its group."""
    groups = {f"{settings.topic_prefix}-{stage}": stage for stage in STAGES}
    with administering(settings) as admin:
        for group, found in _described(admin, list(groups)).items():
            if found.get("members"):
                raise RepartitionError(
                    f"Stage {groups[group]} still has {len(found['members'])} workers in group {group}. Stop all "
                    f"stages; a worker that has stopped stays a member for session_timeout_s = "
                    f"{settings.session_timeout_s:g} seconds."
                )


def _described(admin: KafkaAdminClient, groups: list[str]) -> dict[str, dict[str, Any]]:
    """Nothing where no group has ever been: the broker makes its topic of groups only when it is first asked."""
    for _ in range(COORDINATOR_ATTEMPTS):
        try:
            known = {str(row["group_id"]) for row in admin.list_groups()}
            wanted = [group for group in groups if group in known]
            found: dict[str, dict[str, Any]] = admin.describe_groups(wanted) if wanted else {}
            return found
        except KafkaError as error:
            if not error.retriable:
                raise
            time.sleep(POLL_MS / 1000)
    return {}
