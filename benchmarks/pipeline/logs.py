"""Topics as lists in memory, and how they get onto the broker before a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import MARK_KEY, RECORD_BYTES_MAX_INTERNAL
from streams.intake.route import TO_ALL
from streams.settings import Settings
from streams.task import Headers, Out, Record

BATCH_BYTES = 256 * 1024
CUSTOMER_EVENTS = "customer-events"

Place = tuple[str, int]
"""(topic without prefix, partition)."""
Log = dict[Place, list[Record]]
Row = tuple[bytes | None, bytes | None, Headers]
"""(key, value, headers)."""


def append(log: Log, out: Out) -> None:
    """Add a record at the end of its partition."""
    known = log.setdefault((out.topic, out.partition), [])
    known.append(Record(out.topic, out.partition, len(known), 0, out.key, out.value, out.headers))


def rows_of(log: Log) -> dict[Place, Iterable[Row]]:
    """A log as ``write`` takes it."""
    return {place: ((record.key, record.value, record.headers) for record in kept) for place, kept in log.items()}


def is_for_all(record: Record) -> bool:
    """Whether every partition has a copy of the record: a mark, a rule, a product."""
    return record.key == MARK_KEY or record.key == TO_ALL.encode()


def events_in(log: Log) -> int:
    """Events of ``customer-events``: marks are none, and what goes to every partition counts once."""
    count = 0
    for (topic, partition), kept in log.items():
        if topic == CUSTOMER_EVENTS:
            count += sum(not is_for_all(record) for record in kept)
            count += sum(record.key == TO_ALL.encode() for record in kept) if partition == 0 else 0
    return count


def write(settings: Settings, rows: Mapping[Place, Iterable[Row]]) -> int:
    """Append rows to topics of the broker; returns how many bytes of keys and values, when all are acknowledged."""
    return asyncio.run(_write(settings, rows))


async def _write(settings: Settings, rows: Mapping[Place, Iterable[Row]]) -> int:
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * RECORD_BYTES_MAX_INTERNAL,
    )
    await producer.start()
    size = 0
    try:
        for (topic, partition), kept in rows.items():
            name, batch = settings.topic(topic), producer.create_batch()
            for key, value, headers in kept:
                row = {"key": key, "value": value, "timestamp": None, "headers": list(headers)}
                size += len(key or b"") + len(value or b"")
                if batch.append(**row) is None:
                    await producer.send_batch(batch, name, partition=partition)
                    batch = producer.create_batch()
                    batch.append(**row)
            await producer.send_batch(batch, name, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return size
