"""The transactional producer of one stage and partition number: every write of the stage goes through it.

Its transactional id is ``<prefix>-<stage>-<partition>``. Starting it fences a zombie that still holds the id and
settles what that one left open, so whatever is read afterwards (changelog, positions) is final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import aiokafka.producer.sender as aiokafka_sender
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import RECORD_BYTES_MAX_INTERNAL, Stage
from streams.errors import BrokerUnavailableError
from streams.runtime import metrics
from streams.runtime.failpoints import armed, failpoint
from streams.security import client_options
from streams.settings import Settings
from streams.task import Effects, Headers, Out

BATCH_BYTES_MAX = 512 * 1024
"""Size of a producer batch; a single larger record gets a batch of its own."""
REQUEST_OVERHEAD_BYTES = 64 * 1024
RETRY_BACKOFF_MS = 100
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
CONCURRENT_TRANSACTIONS_BACKOFF_S = 0.002
OFFSETS_EVERY_S = 1.0
"""Reading starts where the state says; the group's offsets are for lag tools. So they go with the first transaction
after this time: in every small one, they would be a third of the broker's work."""

# The broker answers CONCURRENT_TRANSACTIONS while it writes the markers of the commit just done (1 to 5 ms). aiokafka
# then waits 20 ms, which would be most of the time of a small transaction.
aiokafka_sender.BACKOFF_OVERRIDE = CONCURRENT_TRANSACTIONS_BACKOFF_S

_Row = tuple[bytes | None, bytes | None, Headers]
_NO_HEADERS: list[tuple[str, bytes]] = []


class PartitionProducer:
    """One transaction at a time for one partition number. After an error only ``stop`` may be called."""

    def __init__(self, settings: Settings, stage: Stage, partition: int) -> None:
        self.transactional_id = f"{settings.topic_prefix}-{stage.name}-{partition}"
        self._group = f"{settings.topic_prefix}-{stage.name}"
        self.changelog_end: int | None = None
        """The changelog's offset behind the last transaction's records; None: it had none."""
        self._offsets: dict[str, int] = {}
        """By topic: what the group has not been told yet."""
        self._offsets_at = 0.0
        self._topics = settings.topic
        self._stage = stage
        self._partition = partition
        self._seconds = metrics.TRANSACTION_SECONDS.labels(stage.name)
        self._written = metrics.RECORDS_WRITTEN.labels(stage.name)
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            client_id=f"{self.transactional_id}-producer",
            transactional_id=self.transactional_id,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=RECORD_BYTES_MAX_INTERNAL + REQUEST_OVERHEAD_BYTES,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            linger_ms=0,
            **client_options(settings),
        )

    async def start(self) -> None:
        """Fence every older producer of this id; returns when its transaction is settled. Raises
        BrokerUnavailableError when that takes longer than ``START_TIMEOUT_S``."""
        try:
            await asyncio.wait_for(self._producer.start(), START_TIMEOUT_S)
        except TimeoutError:
            raise BrokerUnavailableError(
                f"The broker did not let the producer {self.transactional_id} begin within {START_TIMEOUT_S:.0f} s: it "
                "is away, or a transaction of the last owner cannot be ended while a replica is missing. Start the "
                "worker again when the broker is well."
            ) from None

    async def commit(self, effects: Effects) -> None:
        """Write ``effects`` in one transaction. Raises aiokafka's KafkaError: then nothing of it is visible.

        An error of the commit itself leaves the outcome open; the next owner learns it from the changelog.
        """
        began = time.monotonic()
        producer = self._producer
        self._offsets.update(effects.offsets)
        await producer.begin_transaction()
        failpoint("before_outputs")
        outputs = await self._send(effects.records)
        if armed("after_outputs"):
            await asyncio.gather(*outputs)
        failpoint("after_outputs")
        changelog = await self._send_changelog(effects.state)
        written = asyncio.gather(*outputs, *changelog)
        if armed("between_changelog_and_offsets"):
            await written
        failpoint("between_changelog_and_offsets")
        # Offsets go to the coordinators while the leaders of the partitions still write.
        await asyncio.gather(written, *([self._send_offsets()] if self.offsets_due else []))
        # Nobody else writes to this partition of the changelog, so the records of a transaction follow each other.
        self.changelog_end = changelog[0].result().offset + len(effects.state) if changelog else None
        failpoint("before_commit")
        await producer.commit_transaction()
        failpoint("after_commit")
        self._seconds.observe(time.monotonic() - began)
        self._written.inc(len(effects.records) + len(effects.state))

    @property
    def offsets_due(self) -> bool:
        """Whether the group has to be told how far this partition has read."""
        return bool(self._offsets) and time.monotonic() >= self._offsets_at

    def begins_at(self, offsets: Mapping[str, int]) -> None:
        """Where reading starts, by topic: the group is told with the next offsets."""
        self._offsets = dict(offsets)

    async def commit_offsets(self) -> None:
        """Tell the group all that it has not been told. Raises aiokafka's KafkaError."""
        if self._offsets:
            await self._producer.begin_transaction()
            await self._send_offsets()
            await self._producer.commit_transaction()

    async def abort(self) -> None:
        """Give the open transaction up, if one can still be given up; never raises."""
        self._offsets = {}
        metrics.TRANSACTIONS_ABORTED.labels(self._stage.name).inc()
        try:
            await asyncio.wait_for(self._producer.abort_transaction(), STOP_TIMEOUT_S)
        except Exception:  # fenced, lost or never begun: the broker or the next owner aborts it
            pass

    async def stop(self) -> None:
        """Close connections; bounded, never raises."""
        try:
            await asyncio.wait_for(self._producer.stop(), STOP_TIMEOUT_S)
        except Exception:  # what could not be closed dies with the process
            pass

    async def _send_offsets(self) -> None:
        offsets, self._offsets = self._offsets, {}
        self._offsets_at = time.monotonic() + OFFSETS_EVERY_S
        places = {TopicPartition(self._topics(topic), self._partition): offset for topic, offset in offsets.items()}
        await self._producer.send_offsets_to_transaction(places, self._group)

    async def _send(self, records: Iterable[Out]) -> list[asyncio.Future[Any]]:
        rows: dict[tuple[str, int], list[_Row]] = {}
        for topic, partition, key, value, headers in records:
            target = (topic, partition)
            if target in rows:
                rows[target].append((key, value, headers))
            else:
                rows[target] = [(key, value, headers)]
        delivered: list[asyncio.Future[Any]] = []
        for (topic, partition), rows_of_target in rows.items():
            delivered += await self._send_rows(self._topics(topic), partition, rows_of_target)
        return delivered

    async def _send_changelog(self, state: Iterable[tuple[bytes, bytes | None]]) -> list[asyncio.Future[Any]]:
        rows = [(key, value, ()) for key, value in state]
        return await self._send_rows(self._topics(self._stage.changelog), self._partition, rows)

    async def _send_rows(self, topic: str, partition: int, rows: Sequence[_Row]) -> list[asyncio.Future[Any]]:
        delivered: list[asyncio.Future[Any]] = []
        sent = 0
        while sent < len(rows):
            batch = self._producer.create_batch()
            sent += _fill(batch, rows, sent)
            delivered.append(await self._producer.send_batch(batch, topic, partition=partition))
        return delivered


def _fill(batch: BatchBuilder, rows: Sequence[_Row], first: int) -> int:
    """Put rows from ``first`` on into a new batch until it is full; how many. One always fits, whatever its size.

    ``BatchBuilder.append`` does the same in more than twice the time.
    """
    append = batch._builder.append
    count = 0
    for key, value, headers in islice(rows, first, None):
        if append(count, None, key, value, list(headers) if headers else _NO_HEADERS) is None:
            break
        count += 1
    batch._relative_offset = count
    batch.close()
    return count
