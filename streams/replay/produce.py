"""Replays lines into the input topics in virtual time: each record says when it arrived and what is complete.

Marks go to every partition of every source at least once a virtual day, so that a silent partition holds nobody up. The
replay stays at most ``replay_ahead_ms`` before the slowest clock of decide, which bounds what waits anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import MARK_KEY, RECORD_BYTES_MAX_INTERNAL
from streams.backtest import end_of_run
from streams.campaign_store import history_key
from streams.intake.quarantine import quarantine_record
from streams.intake.stamp import replay_header
from streams.intake.task import SOURCES
from streams.intake.validate import Rejection
from streams.security import client_options
from streams.settings import Settings
from streams.task import Record

MARK_EVERY_MS = 12 * 3_600_000
"""Virtual time between two marks to all partitions."""
BATCH_BYTES = 256 * 1024
LINE_BYTES_MAX = RECORD_BYTES_MAX_INTERNAL - 65_536
"""Longest line the broker takes; a longer one goes to quarantine as hash, coordinates and prefix."""
CHECK_EVERY_LINES = 2_000
HOLD_S = 0.02

Line = tuple[str, int, bytes]


class _Ids(msgspec.Struct):
    """What a record may be keyed by, strongest first."""

    customer_id: Any = None
    email_hash: Any = None
    loyalty_card_id: Any = None
    device_id: Any = None
    anonymous_id: Any = None
    order_id: Any = None
    product_id: Any = None
    store_id: Any = None


_ids = msgspec.json.Decoder(_Ids)


class Replay:
    """Writes one replay."""

    def __init__(self, settings: Settings, lateness_ms: Callable[[str], int]) -> None:
        self.lines = 0
        self.virtual_now: int | None = None
        self._settings = settings
        self._lateness_ms = lateness_ms
        latest = max(lateness_ms(source) for source in SOURCES)
        self._ahead_ms = max(settings.replay_ahead_ms, latest + 2 * MARK_EVERY_MS)
        self._batches: dict[tuple[str, int], Any] = {}
        self._pending: list[asyncio.Future[Any]] = []
        self._clocks: dict[int, int | None] = dict.fromkeys(range(settings.partitions))
        self._began: int | None = None
        self._producer: Any = None

    async def run(
        self,
        campaigns: Iterable[tuple[str, dict[str, Any]]],
        lines: Iterable[Line],
        until: int | None,
        latest_end: int | None,
        progress: Callable[[Replay], None],
    ) -> int:
        """Write everything; returns the end (``streams.backtest.end_of_run``)."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap_servers,
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * RECORD_BYTES_MAX_INTERNAL,
            **client_options(self._settings),
        )
        await self._producer.start()
        watcher = asyncio.create_task(self._watch_clocks())
        try:
            return await self.write(campaigns, lines, until, latest_end, progress)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await self._producer.stop()

    async def write(
        self,
        campaigns: Iterable[tuple[str, dict[str, Any]]],
        lines: Iterable[Line],
        until: int | None,
        latest_end: int | None,
        progress: Callable[[Replay], None],
    ) -> int:
        """What ``run`` writes, in its order: campaigns, lines with marks between them, the last marks."""
        for key, record in campaigns:
            value = msgspec.json.encode(record)
            await self._append("campaign-history", 0, history_key(key, record, 0), value, [])
            await self._add("campaigns", key.encode(), value, 0, 0)
        await self._write(lines, progress)
        end = end_of_run(self.virtual_now or 0, until, latest_end)
        await self._mark(end, end_of_replay=True)
        await self._flush()
        return end

    async def _write(self, lines: Iterable[Line], progress: Callable[[Replay], None]) -> None:
        marked: int | None = None
        for source, arrived, value in lines:
            self.virtual_now = arrived if self.virtual_now is None else max(self.virtual_now, arrived)
            if marked is None or self.virtual_now - marked >= MARK_EVERY_MS:
                marked = self.virtual_now
                await self._mark(marked)
                await self._flush()
                await self._hold_back(progress)
            self.lines += 1
            if len(value) > LINE_BYTES_MAX:
                await self._too_large(source, value)
                continue
            await self._add(source, _key(value), value, arrived, arrived - self._lateness_ms(source))
            if self.lines % CHECK_EVERY_LINES == 0:
                await self._flush()
                progress(self)

    async def _add(self, source: str, key: bytes, value: bytes, arrived: int, until: int) -> None:
        partition = crc32(key) % self._settings.partitions
        await self._append(source, partition, key, value, [replay_header(arrived, until)])

    async def _append(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        place = (topic, partition)
        batch = self._batches.get(place)
        if batch is None:
            batch = self._batches[place] = self._producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            await self._send(place)
            batch = self._batches[place] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)

    async def _send(self, place: tuple[str, int]) -> None:
        batch = self._batches.pop(place)
        topic = self._settings.topic(place[0])
        self._pending.append(await self._producer.send_batch(batch, topic, partition=place[1]))

    async def _flush(self) -> None:
        for place in list(self._batches):
            await self._send(place)
        await asyncio.gather(*self._pending)
        self._pending.clear()

    async def _mark(self, arrived: int, end_of_replay: bool = False) -> None:
        for source in SOURCES:
            until = arrived if end_of_replay else arrived - self._lateness_ms(source)
            for partition in range(self._settings.partitions):
                await self._append(source, partition, MARK_KEY, b"{}", [replay_header(arrived, until)])

    async def _too_large(self, source: str, value: bytes) -> None:
        message = f"The line has {len(value):,} bytes; the topic takes {LINE_BYTES_MAX:,}. Split it."
        record = Record(source, -1, self.lines, 0, None, value, ())
        out = quarantine_record("replay", 0, record, Rejection("too_large", message))
        await self._append("quarantine", 0, out.key or b"", out.value, list(out.headers))

    async def _hold_back(self, progress: Callable[[Replay], None]) -> None:
        """Wait while the slowest clock is too far behind."""
        assert self.virtual_now is not None
        if self._began is None:
            self._began = self.virtual_now
        while True:
            slowest = min(self._began if clock is None else max(clock, self._began) for clock in self._clocks.values())
            progress(self)
            if self.virtual_now - slowest <= self._ahead_ms:
                return
            await asyncio.sleep(HOLD_S)

    async def _watch_clocks(self) -> None:
        topic = self._settings.topic("progress")
        client = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **client_options(self._settings),
        )
        await client.start()
        try:
            client.assign([TopicPartition(topic, number) for number in self._clocks])
            while True:
                for batch in (await client.getmany(timeout_ms=100)).values():
                    for record in batch:
                        if record.key.startswith(b"decide-") and record.value is not None:
                            row = msgspec.json.decode(record.value)
                            self._clocks[row["partition"]] = row["clock"]
        finally:
            await client.stop()


def _key(value: bytes) -> bytes:
    """Any identifier of the customer, else of the thing; a broken line goes by its bytes."""
    try:
        ids = _ids.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return b"?"
    for name in _Ids.__struct_fields__:
        found = getattr(ids, name)
        if isinstance(found, str) and found:
            return found.encode()
    return b"?"
