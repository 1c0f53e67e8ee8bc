"""Reading a changelog partition into its store, in bulk: whole batches of the broker (``streams.runtime.fetched``)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Stage
from streams.errors import BrokerUnavailableError
from streams.runtime import metrics
from streams.runtime.failpoints import failpoint
from streams.runtime.fetched import take_fetched
from streams.runtime.store import Store
from streams.security import client_options
from streams.settings import Settings
from streams.table import Change

POLL_S = 0.2
FETCH_BYTES_MAX = 4 * 1024 * 1024
STANDSTILL_S_MAX = 60.0
"""A restore that does not get on for so long is given up: its client or the broker hangs."""


async def restore(settings: Settings, stage: Stage, partition: int, store: Store) -> int:
    """Bring a store to the end of its changelog partition; returns how many records it read, when it has them all.

    The end is judged by the reader's position, since a topic written by transactions ends with a control record that
    no reader ever sees. Call it only after the partition's producer has started: from then on nobody else writes.
    Raises BrokerUnavailableError when it stands still.
    """
    began = time.monotonic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=f"{settings.topic_prefix}-{stage.name}-{partition}-restore",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=int(POLL_S * 1000),
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
        **client_options(settings),
    )
    records = 0
    await consumer.start()
    try:
        tp = TopicPartition(settings.topic(stage.changelog), partition)
        consumer.assign([tp])
        begin = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        if store.position is not None and not begin <= store.position <= end:
            store.reset(f"it is at offset {store.position}, and the changelog has {begin} to {end}")
        consumer.seek(tp, begin if store.position is None else store.position)
        async with asyncio.timeout(STANDSTILL_S_MAX) as standstill:
            while (position := await consumer.position(tp)) < end:
                failpoint("in_restore")
                batches = await _fetched(consumer, tp)
                records += sum(map(len, batches))
                reached = await consumer.position(tp)
                store.load(batches, reached)
                if reached != position:
                    standstill.reschedule(asyncio.get_running_loop().time() + STANDSTILL_S_MAX)
                await asyncio.sleep(0)
        store.loaded()
    except TimeoutError:
        raise BrokerUnavailableError(
            f"The restore of {settings.topic(stage.changelog)} partition {partition} stands still at offset {position} "
            f"of {end}, for {STANDSTILL_S_MAX:.0f} s now: the broker is away. Start the worker again when it is back."
        ) from None
    finally:
        await consumer.stop()
    metrics.RESTORE_SECONDS.labels(stage.name).observe(time.monotonic() - began)
    metrics.RESTORE_RECORDS.labels(stage.name).inc(records)
    return records


async def _fetched(consumer: AIOKafkaConsumer, tp: TopicPartition) -> list[list[Change]]:
    """What the last fetch brought, as one list for each of the broker's batches; empty when nothing came in time."""
    fetcher = consumer._fetcher
    if tp not in fetcher._records:
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=POLL_S)
        if not done:
            waiter.cancel()
            return []
        waiter.result()
    return await take_fetched(fetcher, tp, _changes)


def _changes(batch: Any, begin: int) -> list[Change]:
    return [(record.key, record.value) for record in batch if record.offset >= begin]
