"""The Kafka clients of a channel service, in one place."""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer

from streams.security import client_options
from streams.settings import Settings

POLL_RECORDS_MAX = 500
"""Most triggers read at once: what is cancelled among them is not sent."""


def group_of(settings: Settings, channel: str) -> str:
    """The consumer group of a channel's service."""
    return f"{settings.topic_prefix}-channel-{channel}"


def trigger_consumer(settings: Settings, channel: str, group: str | None = None) -> KafkaConsumer:
    """A member of the channel's group, or of another: committed records only, offsets committed by hand."""
    return KafkaConsumer(
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
