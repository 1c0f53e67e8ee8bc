"""The sink's reader: an asyncio consumer of all partitions, by hand and without a group, that feeds a sink.

The positions are the sink's own, so what it has kept and where it goes on cannot differ. While one batch is being
written the next one is collected; there are never more than these two.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.topics import TOPICS as CATALOGUE
from sinks import metrics
from sinks.ingest import TOPICS
from sinks.protocol import Batch, Sink, TopicPartition
from streams.errors import BrokerError, SinkError
from streams.security import client_options
from streams.settings import Settings
from streams.topics_admin import partitions as partition_count

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """Limits of one batch. The first that is reached ends it."""

    records_max: int = 50_000
    size_bytes_max: int = 64 * 1024 * 1024
    wait_s_max: float = 0.5
    fetch_records_max: int = 10_000
    """Most records taken from the client's buffers at once."""


class SinkConsumer:
    """Reads the sink's topics with ``read_committed`` from the sink's positions on."""

    def __init__(self, settings: Settings, sink: Sink, bounds: Bounds | None = None) -> None:
        self._settings = settings
        self._sink = sink
        self._bounds = bounds or Bounds()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=200,
            max_partition_fetch_bytes=2 * 1024 * 1024,
            **client_options(settings),
        )
        self._names = {settings.topic(name): name for name in TOPICS}
        self._expired: dict[str, int] = {}
        self._read: dict[KafkaPartition, int] = {}

    async def start(self) -> None:
        """Connect and seek to the sink's positions. Raises BrokerError, and SinkError when topics were made anew."""
        try:
            await self._consumer.start()
            partitions = [partition for full in self._names for partition in self._partitions(full)]
            self._consumer.assign(partitions)
            first = await self._consumer.beginning_offsets(partitions)
            end = await self._consumer.end_offsets(partitions)
        except KafkaError as error:
            await self.stop()
            raise self._broker_error(error) from error
        positions = self._sink.positions()
        for partition in partitions:
            offset = self._start_offset(partition, positions, first[partition], end[partition])
            self._consumer.seek(partition, offset)
            self._read[partition] = offset

    async def stop(self) -> None:
        """Disconnect. While the broker is away the client trips over its own clean-up, awaiting what it cancelled."""
        try:
            await self._consumer.stop()
        except (KafkaError, asyncio.CancelledError) as error:
            log.warning("disconnected without the broker", extra={"error": repr(error)})

    async def collect(self) -> Batch:
        """The next batch; empty when nothing came within ``wait_s_max``.

        Raises BrokerError, and SinkError when retention has deleted what was not yet read.
        """
        bounds, batch = self._bounds, Batch()
        batch.expired, self._expired = self._expired, {}
        deadline = time.monotonic() + bounds.wait_s_max
        try:
            while batch.count < bounds.records_max and batch.size_bytes < bounds.size_bytes_max:
                left_ms = int((deadline - time.monotonic()) * 1000)
                if left_ms <= 0:
                    break
                limit = min(bounds.fetch_records_max, bounds.records_max - batch.count)
                for partition, records in (await self._consumer.getmany(timeout_ms=left_ms, max_records=limit)).items():
                    batch.records.setdefault(self._names[partition.topic], []).extend(records)
                    batch.count += len(records)
                    batch.size_bytes += sum(record.serialized_value_size for record in records)
            await self._note_positions(batch)
        except OffsetOutOfRangeError as error:
            raise SinkError(
                f"Records were deleted from {error} before the sink read them: start it again; it goes on after "
                "them and counts them as expired in meta.skipped. Give the topics a longer retention."
            ) from error
        except KafkaError as error:
            raise self._broker_error(error) from error
        return batch

    def caught_up(self) -> bool:
        """Whether everything that was committed at the last fetch has been collected."""
        return all(self._lag(partition) == 0 for partition in self._read)

    async def _note_positions(self, batch: Batch) -> None:
        for partition, known in self._read.items():
            offset = await self._consumer.position(partition)
            if offset != known:
                self._read[partition] = offset
                batch.positions[self._names[partition.topic], partition.partition] = offset
            metrics.LAG_RECORDS.labels(self._names[partition.topic], partition.partition).set(self._lag(partition) or 0)

    def _lag(self, partition: KafkaPartition) -> int | None:
        """Offsets left up to the last stable one; None before the first fetch."""
        end = self._consumer.last_stable_offset(partition)
        return None if end is None or end < 0 else max(0, end - self._read[partition])

    def _partitions(self, topic: str) -> list[KafkaPartition]:
        count = partition_count(CATALOGUE[self._names[topic]], self._settings)
        return [KafkaPartition(topic, number) for number in range(count)]

    def _start_offset(
        self, partition: KafkaPartition, positions: Mapping[TopicPartition, int], first: int, end: int
    ) -> int:
        name = self._names[partition.topic]
        position = positions.get((name, partition.partition), first)
        if position > end:
            raise SinkError(
                f"The sink has read {partition.topic} partition {partition.partition} up to {position}, but it ends at "
                f"{end}: the topic was made anew. Move the DuckDB file away, or set CUEPOINT_DUCKDB_PATH to another; "
                "the sink makes a new one."
            )
        if position < first:
            lost = first - position
            self._expired[name] = self._expired.get(name, 0) + lost
            log.warning("records expired before they were read", extra={"topic": name, "offsets": lost})
        return max(position, first)

    def _broker_error(self, error: KafkaError) -> BrokerError:
        return BrokerError(
            f"The broker at {self._settings.bootstrap_servers} does not answer ({type(error).__name__}: {error}). "
            "Start it, or set CUEPOINT_BOOTSTRAP_SERVERS to its address."
        )
