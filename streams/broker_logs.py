"""Reading logs and changelogs as they are on the broker: copies of state, records from an offset on, bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.topics import CATALOGUE
from streams.errors import BrokerError
from streams.security import client_options
from streams.settings import Settings
from streams.task import Record
from streams.tools import POLL_MS
from streams.topics_admin import administering, partitions

Place = tuple[str, int]
"""Topic without prefix, and partition."""
BATCH_RECORDS = 500


def places_of(topics: Iterable[str], settings: Settings) -> list[Place]:
    """Every partition of these topics."""
    return [(name, number) for name in topics for number in range(partitions(CATALOGUE[name], settings))]


def committed_ends(client: KafkaConsumer, settings: Settings, places: Iterable[Place]) -> dict[Place, int]:
    """The offsets behind the last committed records, where no transaction is open."""
    return _bounds(client.end_offsets, settings, places)


def begins(client: KafkaConsumer, settings: Settings, places: Iterable[Place]) -> dict[Place, int]:
    """The first offsets that retention has kept."""
    return _bounds(client.beginning_offsets, settings, places)


def _bounds(ask: Any, settings: Settings, places: Iterable[Place]) -> dict[Place, int]:
    wanted = {TopicPartition(settings.topic(topic), number): (topic, number) for topic, number in places}
    found = ask(list(wanted)) if wanted else {}
    return {place: found[full] for full, place in wanted.items()}


def written_ends(settings: Settings, places: Iterable[Place]) -> dict[Place, int]:
    """The offsets behind the last records, of open transactions too. Raises BrokerError."""
    client = KafkaConsumer(**_plain(settings))
    try:
        return _bounds(client.end_offsets, settings, places)
    except KafkaError as error:
        raise _away(settings, error) from error
    finally:
        client.close()


def copy_of_state(
    client: KafkaConsumer,
    settings: Settings,
    place: Place,
    end: int | None = None,
    wanted: Callable[[bytes], bool] = lambda key: True,
) -> dict[bytes, bytes]:
    """Key -> last committed value of a changelog partition, of the keys that are ``wanted``.

    ``end``: see ``records``; one of ``written_ends`` waits for the transactions that began before it.
    """
    values: dict[bytes, bytes] = {}
    for batch in records(client, settings, place, None, end):
        for record in batch:
            assert record.key is not None
            if not wanted(record.key):
                continue
            if record.value is None:
                values.pop(record.key, None)
            else:
                values[record.key] = record.value
    return values


def records(
    client: KafkaConsumer, settings: Settings, place: Place, start: int | None, end: int | None = None
) -> Iterator[list[Record]]:
    """The committed records of a partition up to an offset. ``start``: the first; None: the first that is kept.
    ``end``: None: what is committed now. A client reads one partition at a time."""
    topic, number = place
    full = TopicPartition(settings.topic(topic), number)
    if end is None:
        end = client.end_offsets([full])[full]
    client.assign([full])
    if start is None:
        client.seek_to_beginning(full)
    else:
        client.seek(full, start)
    while client.position(full) < end:
        for batch in client.poll(timeout_ms=POLL_MS, max_records=BATCH_RECORDS).values():
            yield [_record(topic, raw) for raw in batch if raw.offset < end]


def _record(topic: str, raw: Any) -> Record:
    """A header may have no value; tasks read bytes."""
    headers = tuple((name, bytes(value or b"")) for name, value in raw.headers)
    return Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, headers)


def topic_ids(settings: Settings, names: Iterable[str]) -> Mapping[str, str]:
    """Topic -> what the broker calls it; those that exist. Raises BrokerError."""
    wanted = {settings.topic(name): name for name in names}
    with administering(settings) as admin:
        found = admin.describe_topics(list(wanted))
    return {wanted[topic["name"]]: str(topic["topic_id"]) for topic in found if topic["error_code"] == 0}


def _plain(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "isolation_level": "read_uncommitted",
        "enable_auto_commit": False,
        "group_id": None,
        **client_options(settings),
    }


def _away(settings: Settings, error: KafkaError) -> BrokerError:
    return BrokerError(f"The broker at {settings.bootstrap_servers} does not answer ({error}); start it and try again.")
