"""The life of one partition number on this worker: fence, restore, seek, rounds.

Rounds of one partition never overlap; rounds of different partitions do, since each has its own producer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from aiokafka.errors import KafkaError

from schemas.topics import Stage
from streams.errors import StateError
from streams.runtime import metrics
from streams.runtime.budget import Budget
from streams.runtime.failpoints import failpoint
from streams.runtime.inbox import Batch, Inbox, Seek
from streams.runtime.restore import restore
from streams.runtime.store import Store, open_store
from streams.runtime.transactions import PartitionProducer
from streams.settings import Settings
from streams.task import Record, Task

log = logging.getLogger(__name__)

FETCH_AGE_S_MAX = 1.0
"""A topic counts as read to its end only when the broker said so within this time."""


class LogBounds(NamedTuple):
    """First offset kept and next offset to be written, of one input partition."""

    begin: int
    end: int


class FetchState(NamedTuple):
    """What the last fetch response said of an input partition."""

    end: int
    age_s: float


class Reader(Protocol):
    """What a partition needs from the transport. All names are without prefix."""

    async def bounds(self, topics: Iterable[str], partition: int) -> Mapping[str, LogBounds]:
        """Ask the broker for the bounds of input logs."""

    async def seek(self, partition: int, seeks: Mapping[str, Seek]) -> None:
        """Read on from these offsets, by topic; batches from there carry the seek's number."""

    def fetch_state(self, topic: str, partition: int) -> FetchState | None:
        """The end of the log by the last fetch response; None before the first."""

    def wants_changed(self) -> None:
        """Some inbox wants more records now, or no more."""

    def wake(self, partition: int) -> None:
        """Send the agent a message that begins a round."""


class Partition:
    """One partition number: its producer, its task, and the records that wait for the next round."""

    def __init__(
        self, settings: Settings, stage: Stage, number: int, make_task: Callable[[int], Task], reader: Reader
    ) -> None:
        self.number = number
        self.ready = False
        self.halted = False
        self.paused = False
        self.round_began: float | None = None
        self.inboxes = {topic: Inbox(stage.name, topic, number, settings.batch_records_max) for topic in stage.inputs}
        self._settings = settings
        self._stage = stage
        self._make_task = make_task
        self._reader = reader
        self._task: Task | None = None
        self._store: Store | None = None
        self._producer = PartitionProducer(settings, stage, number)
        self._round: asyncio.Task[None] | None = None
        self._unfinished = False
        self._budget = Budget(settings.transaction_steps_max)
        self._tick_at = 0.0
        self._not_before = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._rounds = metrics.ROUNDS.labels(stage.name, number)
        self._batch_records = metrics.BATCH_RECORDS.labels(stage.name)
        self._state_entries = metrics.STATE_ENTRIES.labels(stage.name, number)
        self._state_bytes = metrics.STATE_BYTES.labels(stage.name, number)
        self._queue_records = metrics.QUEUE_RECORDS.labels(stage.name, number)

    async def open(self) -> None:
        """Fence older owners, restore the table, and make the task say where reading starts. Raises StateError."""
        began = time.monotonic()
        await self._producer.start()
        failpoint("after_fence")
        self._task = self._make_task(self.number)
        self._store = await open_store(self._settings, self._stage, self.number, self._task)
        records = await restore(self._settings, self._stage, self.number, self._store)
        self._task.load(self._store)
        self._hold(self._task.held())
        await self._start_reading(self._task.start_offsets())
        log.info(
            "partition ready",
            extra={
                "stage": self._stage.name,
                "partition": self.number,
                "keys": self._store.entries,
                "records": records,
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    async def close(self) -> None:
        """Drop task and queue, and close store and producer. No round may be running."""
        self.ready = False
        self.halted = True
        self._task = None
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._alarm is not None:
            self._alarm.cancel()
        for inbox in self.inboxes.values():
            inbox.clear()
        self._queue_records.set(0)
        await self._producer.stop()

    async def resume(self) -> None:
        """After a rebalance that left the partition here: read on where the last accepted batch ended."""
        await self._seek()
        self._reader.wants_changed()

    async def quiesce(self) -> None:
        """Let the running round finish its transaction, and begin no other; then the group knows what was read."""
        self.halted = True
        if self._round is not None:
            await asyncio.wait([self._round])
        with suppress(KafkaError):  # who has lost the partition has nothing to tell; an error comes again with a round
            await self._producer.commit_offsets()

    def accept(self, topic: str, batch: Batch) -> Seek | None:
        """Queue a fetched batch, or refuse it; returns the seek back when none is on its way."""
        if not self.ready:
            return None
        inbox = self.inboxes[topic]
        return None if inbox.accept(batch) else inbox.read_again(batch)

    async def seek_back(self, topic: str, seek: Seek) -> None:
        """Read a refused range again. Raises StateError when the log has lost it meanwhile."""
        bounds = (await self._reader.bounds([topic], self.number))[topic]
        if bounds.begin > seek.offset:
            raise StateError(
                f"{self._settings.topic(topic)} partition {self.number}: offsets {seek.offset} to {bounds.begin - 1} "
                "were deleted by retention before they were read. Raise the topic's retention, then start the worker "
                "again."
            )
        if bounds.end < seek.offset:
            raise StateError(self._topic_is_shorter(topic, seek.offset, bounds.end))
        await self._reader.seek(self.number, {topic: seek})

    @property
    def due(self) -> bool:
        """True when a round has something to do."""
        if self._unfinished or time.monotonic() >= self._tick_at:
            return True
        return any(inbox.waiting for inbox in self.inboxes.values())

    def begin_round(self, failed: Callable[[BaseException], None]) -> None:
        """Start a round unless one is running, or the partition is not at work."""
        if not self.ready or self.halted or self.paused or self._round is not None or not self.due:
            return
        wait_s = 0.0 if self._unfinished else self._not_before - time.monotonic()
        if wait_s > 0:
            if self._alarm is None:
                self._alarm = asyncio.get_running_loop().call_later(wait_s, self._ring)
            return
        self._not_before = time.monotonic() + self._settings.round_interval_ms / 1000
        self.round_began = time.monotonic()
        self._round = asyncio.get_running_loop().create_task(self._run_round())
        self._round.add_done_callback(lambda done: self._round_done(done, failed))

    def _ring(self) -> None:
        self._alarm = None
        self._reader.wake(self.number)

    def _round_done(self, done: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
        self._round = None
        self.round_began = None
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None:
            failed(error)
        elif self.ready and not (self.halted or self.paused) and self.due:
            self._reader.wake(self.number)

    async def _run_round(self) -> None:
        task = self._task
        assert task is not None
        try:
            taken = self._take(task)
            self._tick(task)
            self._rounds.inc()
            self._batch_records.observe(taken)
            await self._work(task)
        except BaseException:
            await self._producer.abort()
            raise
        self._hold(task.held())

    def _take(self, task: Task) -> int:
        taken = 0
        for topic, inbox in self.inboxes.items():
            records: list[Record] = inbox.drain()
            if records:
                task.take(topic, records)
                taken += len(records)
        if taken:
            self._reader.wants_changed()
        self._queue_records.set(sum(len(inbox.records) for inbox in self.inboxes.values()))
        return taken

    def _tick(self, task: Task) -> None:
        now = time.monotonic()
        if now < self._tick_at:
            return
        self._tick_at = now + self._settings.tick_interval_ms / 1000
        if self._store is not None:
            self._state_entries.set(self._store.entries)
            self._state_bytes.set(self._store.size_bytes)
        caught_up = set()
        for topic, inbox in self.inboxes.items():
            state = self._reader.fetch_state(topic, self.number)
            if state is None:
                continue
            inbox.lag.set(max(0, state.end - inbox.next_offset))
            if inbox.next_offset >= state.end and abs(state.age_s) <= FETCH_AGE_S_MAX and not inbox.records:
                caught_up.add(topic)
        task.tick(time.time_ns() // 1_000_000, frozenset(caught_up))

    async def _work(self, task: Task) -> None:
        store = self._store
        assert store is not None
        while True:
            began = time.monotonic()
            effects = task.step(self._budget.steps)
            self._budget.took(time.monotonic() - began, effects.more)
            if not effects.empty:
                await self._producer.commit(effects)
                failpoint("before_store")
                store.write(effects, self._producer.changelog_end)
                failpoint("after_store")
            elif self._producer.offsets_due:
                await self._producer.commit_offsets()
            self._unfinished = effects.more
            if not effects.more or self.halted or self.paused:
                return
            await asyncio.sleep(0)

    def _hold(self, topics: frozenset[str]) -> None:
        changed = False
        for topic, inbox in self.inboxes.items():
            held = topic in topics
            changed |= held != inbox.held
            inbox.held = held
        if changed:
            self._reader.wants_changed()

    async def _start_reading(self, starts: Mapping[str, int]) -> None:
        bounds = await self._reader.bounds(self.inboxes, self.number)
        positions = {}
        for topic, (begin, end) in bounds.items():
            start = starts.get(topic, begin)
            if start > end:
                raise StateError(self._topic_is_shorter(topic, start, end))
            if start < begin:
                metrics.RECORDS_EXPIRED.labels(self._stage.name, topic, self.number).inc(begin - start)
                log.warning(
                    "retention deleted records before they were read",
                    extra={"topic": topic, "partition": self.number, "from_offset": start, "to_offset": begin},
                )
            positions[topic] = max(start, begin)
        for topic, position in positions.items():
            self.inboxes[topic].next_offset = position
        self._producer.begins_at(positions)
        self.ready = True
        await self._seek()
        self._reader.wants_changed()
        self._reader.wake(self.number)

    async def _seek(self) -> None:
        await self._reader.seek(self.number, {topic: inbox.begin_seek() for topic, inbox in self.inboxes.items()})

    def _topic_is_shorter(self, topic: str, read: int, end: int) -> str:
        return (
            f"The state of {self._stage.name} partition {self.number} has read {self._settings.topic(topic)} up to "
            f"offset {read}, but the topic ends at {end}: it was deleted and made again, or lost data. Restore the "
            "topic, or start with a new topic prefix."
        )
