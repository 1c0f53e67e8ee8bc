"""Reading a changelog partition into its store, in bulk.

aiokafka makes an object of each record; here whole batches of the broker's are taken over as they are, by replacing
the iterator over the records of a fetch. What counts (aborted transactions, control records, checksums, positions)
is decided with aiokafka's own functions, as in ``PartitionRecords._unpack_records``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException

from schemas.topics import Stage
from streams.errors import BrokerUnavailableError
from streams.runtime import metrics
from streams.runtime.failpoints import failpoint
from streams.runtime.store import Store
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
    fetched = fetcher._records.get(tp)
    if type(fetched) is FetchResult and fetched._partition_records is not None:
        fetched._partition_records._records_iterator = _batches(fetched._partition_records)
    found: list[list[Change]] = (await fetcher.fetched_records({tp}, timeout=0)).get(tp, [])
    return found


def _batches(fetched: Any) -> Iterator[list[Change]]:
    """The committed records of a fetch (a ``PartitionRecords``), batch by batch."""
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch:
            if fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in fetched._aborted_producers):
            begin = fetched.next_fetch_offset
            yield [(record.key, record.value) for record in batch if record.offset >= begin]
        fetched.next_fetch_offset = batch.next_offset
