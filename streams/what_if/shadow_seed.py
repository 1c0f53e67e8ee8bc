"""The beginning of a shadow: its changelog becomes a copy of the live stage's, partition by partition."""

from __future__ import annotations

from collections.abc import Callable

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from schemas.topics import RECORD_BYTES_MAX_INTERNAL, SHADOW, SHADOW_STAGE, STAGES
from streams.admin_client import connect
from streams.errors import BrokerError
from streams.ordered import POSITION_KEY
from streams.security import client_options
from streams.settings import Settings
from streams.tools import POLL_MS, consumer
from streams.topics_admin import check_topics, ensure_topics

TRANSACTION_MS_MAX = 600_000
"""Longest time for the copy of one partition; the broker takes up to 15 minutes by default."""


def seed(settings: Settings, say: Callable[[str], None] = lambda _: None) -> list[int]:
    """Make the shadow's topics, and copy the live state to every partition that has none yet; which these were.

    Each copy is one transaction, and the live position goes with it: where the live stage was when it was read, there
    the shadow reads on. Raises BrokerError.
    """
    ensure_topics(settings, [topic.name for topic in SHADOW])
    check_topics(settings, [SHADOW_STAGE.changelog, STAGES["decide"].changelog, *SHADOW_STAGE.inputs])
    with consumer(settings) as client:
        empty = [
            number
            for number in range(settings.partitions)
            if POSITION_KEY not in latest(client, settings, SHADOW_STAGE.changelog, number)
        ]
        for number in empty:
            state = latest(client, settings, STAGES["decide"].changelog, number)
            if state:
                say(f"partition {number}: {len(state):,} entries of the live state are copied")
                _write(settings, number, state)
    return empty


def latest(
    client: KafkaConsumer,
    settings: Settings,
    topic: str,
    partition: int,
    wanted: Callable[[bytes], bool] = lambda _: True,
) -> dict[bytes, bytes]:
    """Key -> last committed value as of now of one partition of a changelog, for the keys that are ``wanted``."""
    place = TopicPartition(settings.topic(topic), partition)
    client.assign([place])
    client.seek_to_beginning(place)
    end = client.end_offsets([place])[place]
    found: dict[bytes, bytes] = {}
    while client.position(place) < end:
        for record in client.poll(timeout_ms=POLL_MS).get(place, ()):
            if record.offset >= end or not wanted(record.key):
                continue
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
    return found


def _write(settings: Settings, partition: int, state: dict[bytes, bytes]) -> None:
    """Write a copy in one transaction. Raises BrokerError, and then nothing of it is visible."""
    connect(settings).close()
    client = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        transactional_id=f"{settings.topic_prefix}-shadow-seed",
        transaction_timeout_ms=TRANSACTION_MS_MAX,
        acks="all",
        max_request_size=2 * RECORD_BYTES_MAX_INTERNAL,
        linger_ms=5,
        **client_options(settings),
    )
    topic, failed = settings.topic(SHADOW_STAGE.changelog), list[BaseException]()
    try:
        client.init_transactions()
        client.begin_transaction()
        for key, value in state.items():
            client.send(topic, value, key=key, partition=partition).add_errback(failed.append)
        client.flush()
        if failed:
            client.abort_transaction()
            raise failed[0]
        client.commit_transaction()
    except KafkaError as error:
        raise BrokerError(
            f"The live state could not be copied to {topic} partition {partition} ({error}); nothing of it was "
            "written. Run cuepoint shadow again, and only once at a time while it begins."
        ) from error
    finally:
        client.close()
