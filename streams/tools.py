"""What tools do on the broker with kafka-python: send records, read a compacted topic, see how far a group is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from schemas.decisions import Progress
from schemas.topics import RECORD_BYTES_MAX_INTERNAL
from streams.admin_client import connect
from streams.errors import BrokerError
from streams.security import client_options
from streams.settings import Settings
from streams.task import Headers

POLL_MS = 200


@contextmanager
def producer(settings: Settings) -> Iterator[KafkaProducer]:
    """A producer that waits for all replicas; flushed at the end."""
    client = new_producer(settings)
    try:
        yield client
        client.flush()
    except KafkaError as error:
        raise BrokerError(f"The broker at {settings.bootstrap_servers} refused a record: {error}.") from error
    finally:
        client.close()


def new_producer(settings: Settings, **options: Any) -> KafkaProducer:
    """A producer that waits for all replicas, to be closed by the caller. Raises BrokerError."""
    connect(settings).close()
    return KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        max_request_size=2 * RECORD_BYTES_MAX_INTERNAL,
        linger_ms=5,
        **client_options(settings),
        **options,
    )


@contextmanager
def consumer(settings: Settings, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer without a group, of committed records only."""
    connect(settings).close()
    client = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **client_options(settings),
        **options,
    )
    try:
        yield client
    finally:
        client.close()


def partitions_of(client: KafkaConsumer, settings: Settings, topic: str) -> list[TopicPartition]:
    """The partitions of a topic. Raises BrokerError when it does not exist."""
    name = settings.topic(topic)
    numbers = client.partitions_for_topic(name)
    if not numbers:
        raise BrokerError(f"Topic {name} does not exist; create the topics with: cuepoint topics apply.")
    return [TopicPartition(name, number) for number in sorted(numbers)]


def read_all(client: KafkaConsumer, settings: Settings, topic: str) -> Iterator[Any]:
    """Every committed record of a topic as of now, partition by partition."""
    places = partitions_of(client, settings, topic)
    client.assign(places)
    client.seek_to_beginning(*places)
    ends = client.end_offsets(places)
    while any(client.position(place) < ends[place] for place in places):
        for batch in client.poll(timeout_ms=POLL_MS).values():
            yield from batch


def latest_values(client: KafkaConsumer, settings: Settings, topic: str) -> dict[tuple[int, bytes], bytes]:
    """Last value of each (partition, key) of a compacted topic."""
    latest: dict[tuple[int, bytes], bytes] = {}
    for record in read_all(client, settings, topic):
        place = (record.partition, record.key)
        if record.value is None:
            latest.pop(place, None)
        else:
            latest[place] = record.value
    return latest


def read_progress(client: KafkaConsumer, settings: Settings) -> dict[tuple[str, int], Progress]:
    """How far each task of each stage is."""
    found = (Progress.model_validate_json(value) for value in latest_values(client, settings, "progress").values())
    return {(progress.stage, progress.partition): progress for progress in found}


def send_to_all(
    client: KafkaProducer, settings: Settings, topic: str, key: bytes, value: bytes, headers: Headers = ()
) -> None:
    """The same record to every partition."""
    for partition in range(settings.partitions):
        client.send(settings.topic(topic), value, key=key, headers=list(headers), partition=partition)
