"""Writing a partition of a changelog while no worker holds it: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.broker_logs import Place
from streams.errors import BrokerError
from streams.settings import Settings
from streams.tools import new_producer

TRANSACTION_MS_MAX = 600_000
"""Longest time to write one partition; the broker takes up to 15 minutes by default."""


@contextmanager
def transactional_producer(
    settings: Settings, name: str, sentence: Callable[[KafkaError], str]
) -> Iterator[KafkaProducer]:
    """A producer with the transactional id ``<topic_prefix>-<name>``: whoever had it is fenced, and what he left open
    is settled. ``sentence``: what failed and the way out, of the BrokerError that is raised."""
    client = new_producer(
        settings, transactional_id=f"{settings.topic_prefix}-{name}", transaction_timeout_ms=TRANSACTION_MS_MAX
    )
    try:
        client.init_transactions()
        yield client
    except KafkaError as error:
        raise BrokerError(sentence(error)) from error
    finally:
        client.close()


def write_changelog(client: KafkaProducer, settings: Settings, place: Place, values: Mapping[bytes, bytes]) -> None:
    """Write a partition's state in one transaction. Raises KafkaError, and then nothing of it is visible."""
    topic, number = place
    failed: list[KafkaError] = []
    client.begin_transaction()
    for key, value in values.items():
        client.send(settings.topic(topic), value, key=key, partition=number).add_errback(failed.append)
    client.flush()
    if failed:
        client.abort_transaction()
        raise failed[0]
    client.commit_transaction()
