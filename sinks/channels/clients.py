"""The Kafka clients of a channel service, in one place."""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer, KafkaProducer

from streams.security import client_options
from streams.settings import Settings

POLL_RECORDS_MAX = 500
"""Most triggers read at once: what is cancelled among them is not sent."""


class GroupConsumer(KafkaConsumer):  # type: ignore[misc]
    """A member of a group that does not lose its place to a fault of kafka-python 3.0.12.

    The leader of a group joins again when a topic has other partitions than it knew (also when it first asked before
    the topic was known). If a poll ends between the two answers of that join, the library forgets the join: heartbeats
    stay off, the broker drops the member, and it waits without partitions for ever.
    """

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's; a join that is under way is always finished."""
        coordinator = self._coordinator
        if coordinator is not None and coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()
        return super().poll(*args, **kwargs)


def group_of(settings: Settings, channel: str) -> str:
    """The consumer group of a channel's service."""
    return f"{settings.topic_prefix}-channel-{channel}"


def trigger_consumer(settings: Settings, channel: str, group: str | None = None) -> GroupConsumer:
    """A member of the channel's group, or of another: committed records only, offsets committed by hand."""
    return GroupConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=group or group_of(settings, channel),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=int(settings.session_timeout_s * 1000),
        max_poll_records=POLL_RECORDS_MAX,
        **client_options(settings),
    )


def answer_producer(settings: Settings) -> KafkaProducer:
    """A producer whose records all replicas have."""
    return KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        **client_options(settings),
    )
