"""The store behind a stage's Faust table, and the bulk restore of one partition from its changelog.

A task owns its state, and a round writes it; the table is there so that Faust knows the changelog topic, assigns its
partitions together with the inputs, and shows it among the app's tables. Faust's recovery, which reads event by event
and hangs behind control records, finds nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.stores.base import Store

from schemas.topics import Stage
from streams.runtime import metrics
from streams.runtime.failpoints import failpoint
from streams.settings import Settings

STORE_URL = "cuepoint://"
RECOVERED_OFFSET = 0
RESTORE_POLL_MS = 200
RESTORE_FETCH_BYTES = 4 * 1024 * 1024


class TaskStore(Store):  # type: ignore[misc]
    """A read-only, empty view: state is written as ``Effects.state`` and restored by ``restore_table``."""

    def persisted_offset(self, tp: Any) -> int:
        """Everything counts as recovered, so that Faust starts no recovery of its own."""
        return RECOVERED_OFFSET

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Not called: nothing is recovered through Faust."""
        raise RuntimeError("The table is restored by streams.runtime.store.restore_table, not by Faust's recovery.")

    def reset_state(self) -> None:
        """Nothing on disk."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Nothing on disk."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing on disk."""

    def _clear(self) -> None:
        """Nothing kept."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise RuntimeError("State is written through Effects.state, in the transaction of a round.")

    def __delitem__(self, key: Any) -> None:
        raise RuntimeError("State is deleted through Effects.state, in the transaction of a round.")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def restore_table(settings: Settings, stage: Stage, partition: int) -> dict[bytes, bytes]:
    """The last committed value of each live key of a changelog partition.

    The end is judged by the reader's position, since a topic written by transactions ends with a control record that
    no reader ever sees. Call it only after the partition's producer has started: from then on nobody else writes.
    """
    began = time.monotonic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=f"{settings.topic_prefix}-{stage.name}-{partition}-restore",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=RESTORE_POLL_MS,
        max_partition_fetch_bytes=RESTORE_FETCH_BYTES,
    )
    table: dict[bytes, bytes] = {}
    records_read = 0
    await consumer.start()
    try:
        tp = TopicPartition(settings.topic(stage.changelog), partition)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        await consumer.seek_to_beginning(tp)
        while await consumer.position(tp) < end:
            failpoint("in_restore")
            for records in (await consumer.getmany(tp, timeout_ms=RESTORE_POLL_MS)).values():
                records_read += len(records)
                for record in records:
                    if record.value is None:
                        table.pop(record.key, None)
                    else:
                        table[record.key] = record.value
            await asyncio.sleep(0)
    finally:
        await consumer.stop()
    metrics.RESTORE_SECONDS.labels(stage.name).observe(time.monotonic() - began)
    metrics.RESTORE_RECORDS.labels(stage.name).inc(records_read)
    return table
