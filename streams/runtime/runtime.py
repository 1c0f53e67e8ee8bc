"""The partitions of one stage on one worker: assignment, wakes, the heartbeat that ticks them, and failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from schemas.topics import Stage
from streams.errors import BrokerError, BrokerUnavailableError, CuepointError
from streams.runtime import metrics
from streams.runtime.failures import as_sentence
from streams.runtime.inbox import Batch, Seek
from streams.runtime.partition import FetchState, LogBounds, Partition
from streams.settings import Settings
from streams.task import Task

log = logging.getLogger(__name__)

HEARTBEAT_S_MAX = 0.1
WAKE_LOST_S = 1.0
"""A wake that began no round within this time was cleared from Faust's buffers by a rebalance: it is sent again."""
ROUND_S_MAX = 120.0
"""A round that takes longer means that the partition hangs: not live, and the worker stops."""
FETCHER_SILENT_S_MAX = 60.0
"""Without a fetch response for so long (an empty log gives ten a second), the client or the broker hangs."""
REBALANCE_S_MAX = 180.0
"""The group gives its members 60 s to come together; a worker that waits for three times as long is lost."""


class Transport(Protocol):
    """The consumer's side that reads; see ``streams.runtime.transport``."""

    async def bounds(self, topics: Iterable[str], partition: int) -> Mapping[str, LogBounds]:
        """Bounds of input logs, asked of the broker."""

    async def seek(self, partition: int, seeks: Mapping[str, Seek]) -> None:
        """Move read positions, by topic."""

    def fetch_state(self, topic: str, partition: int) -> FetchState | None:
        """End of the log by the last fetch response."""

    def want(self, wanted: frozenset[tuple[str, int]]) -> None:
        """The (topic, partition) pairs to deliver records of."""

    @property
    def fetcher_silent_s(self) -> float:
        """Seconds without a fetch response for some partition that wants one."""


class StageRuntime:
    """Owns the partitions. Lives in the worker's event loop; only ``Transport`` crosses threads."""

    def __init__(self, stage: Stage, settings: Settings, make_task: Callable[[int], Task]) -> None:
        self.stage = stage
        self.settings = settings
        self.partitions: dict[int, Partition] = {}
        self.failure: BaseException | None = None
        self.on_failure: Callable[[BaseException], None] = lambda error: None
        self.assigned_once = False
        self.rebalancing = True
        self.stopping = False
        self.paused = False
        self.wakes: asyncio.Queue[int] = asyncio.Queue()
        self.transport: Transport | None = None
        self._make_task = make_task
        self._woken_at: dict[int, float] = {}
        self._wanted: frozenset[tuple[str, int]] = frozenset()
        self._generation = 0
        self._rebalancing_since = time.monotonic()
        self._background: dict[asyncio.Task[None], int] = {}

    @property
    def reader(self) -> Transport:
        """The transport; set when the consumer is made."""
        assert self.transport is not None
        return self.transport

    # -- called by the transport and the agent

    def deliver(self, topic: str, number: int, batch: Batch) -> None:
        """A fetched batch: into the partition's queue, or refused and sought back."""
        partition = self.partitions.get(number)
        if partition is None:
            return
        seek = partition.accept(topic, batch)
        if seek is not None:
            self._spawn(number, partition.seek_back(topic, seek))
            return
        inbox = partition.inboxes[topic]
        if not inbox.open:
            self.wants_changed()
        if inbox.waiting:
            self.wake(number)

    def begin_round(self, number: int) -> None:
        """The agent got a wake."""
        self._woken_at.pop(number, None)
        partition = self.partitions.get(number)
        if partition is not None and not self.paused:
            partition.begin_round(self.fail)

    # -- called by the switch

    def pause(self, paused: bool) -> None:
        """Begin no round and read nothing, or go on. A round that is under way ends with its current transaction."""
        self.paused = paused
        for partition in self.partitions.values():
            partition.paused = paused
        self.wants_changed()

    # -- called by partitions (``partition.Reader``)

    async def bounds(self, topics: Iterable[str], partition: int) -> Mapping[str, LogBounds]:
        """See ``Transport``."""
        return await self.reader.bounds(topics, partition)

    async def seek(self, partition: int, seeks: Mapping[str, Seek]) -> None:
        """See ``Transport``."""
        await self.reader.seek(partition, seeks)

    def fetch_state(self, topic: str, partition: int) -> FetchState | None:
        """See ``Transport``."""
        return self.reader.fetch_state(topic, partition)

    def wants_changed(self) -> None:
        """Tell the transport which inboxes are open."""
        wanted = frozenset(
            (topic, number)
            for number, partition in self.partitions.items()
            if partition.ready and not self.paused
            for topic, inbox in partition.inboxes.items()
            if inbox.open
        )
        if wanted != self._wanted:
            self._wanted = wanted
            self.reader.want(wanted)

    def wake(self, partition: int) -> None:
        """Queue one message that begins a round, unless one is on its way."""
        if partition not in self._woken_at:
            self._woken_at[partition] = time.monotonic()
            self.wakes.put_nowait(partition)

    # -- the consumer group

    async def on_revoked(self, *_: Any, **__: Any) -> None:
        """A rebalance begins: running rounds finish, none begins until partitions are assigned."""
        if not self.rebalancing:
            self._rebalancing_since = time.monotonic()
        self.rebalancing = True
        await self._quiesce()

    async def on_assigned(self, app: Any, assigned: Iterable[Any], **__: Any) -> None:
        """The assignment of this worker: drop what is gone, keep what stayed, open what is new.

        A partition has stayed only when no generation of the group was missed: in a missed one somebody else may have
        had it, and has fenced the producer here.
        """
        if self.failure is not None or self.stopping:
            return
        numbers = self._numbers(assigned)
        missed_none = app.consumer_generation_id == self._generation + 1
        self._generation = app.consumer_generation_id
        metrics.REBALANCES.labels(self.stage.name).inc()
        metrics.PARTITIONS_ASSIGNED.labels(self.stage.name).set(len(numbers))
        log.info("partitions assigned", extra={"stage": self.stage.name, "partitions": sorted(numbers)})
        gone = [self._drop(number) for number in list(self.partitions) if number not in numbers or not missed_none]
        await asyncio.gather(*gone)
        self._woken_at.clear()
        self._wanted = frozenset()
        self.reader.want(frozenset())
        for number in sorted(numbers):
            kept = self.partitions.get(number)
            if kept is None:
                self._open(number)
                continue
            kept.halted = False  # now, since the next rebalance may begin before the seek is done
            if kept.ready:
                self._spawn(number, kept.resume())
        self.rebalancing = False
        self.assigned_once = True

    async def stop(self) -> None:
        """Finish running rounds, then close every producer."""
        if self.stopping:
            return
        self.stopping = True
        await self._quiesce()
        await asyncio.gather(*(self._drop(number) for number in list(self.partitions)))

    def fail(self, error: BaseException) -> None:
        """Stop the worker because of ``error``; only the first one counts."""
        if self.failure is not None or (self.stopping and isinstance(error, asyncio.CancelledError)):
            return
        error = as_sentence(error, self.settings, self.stage.name)
        self.failure = error
        for partition in self.partitions.values():
            partition.halted = True
        known = isinstance(error, CuepointError)
        log.error(
            "worker stops: %s",
            error if known else repr(error),
            extra={"stage": self.stage.name, "error": type(error).__name__},
            exc_info=None if known else error,
        )
        self.on_failure(error)

    # -- supervision

    @property
    def ready(self) -> bool:
        """Assigned, restored, not rebalancing. True with no partition when there are more workers than partitions."""
        return (
            self.assigned_once
            and not self.rebalancing
            and not self.stopping
            and self.failure is None
            and all(partition.ready for partition in self.partitions.values())
        )

    def stalled(self) -> str | None:
        """Why the worker no longer gets on, or None."""
        now = time.monotonic()
        for number, partition in self.partitions.items():
            if partition.round_began is not None and now - partition.round_began > ROUND_S_MAX:
                return f"the round of partition {number} has not ended for {now - partition.round_began:.0f} s"
        if self.rebalancing:
            waited_s = now - self._rebalancing_since
            return f"it was assigned no partitions for {waited_s:.0f} s" if waited_s > REBALANCE_S_MAX else None
        silent_s = self.transport.fetcher_silent_s if self.transport is not None else 0.0
        if silent_s > FETCHER_SILENT_S_MAX:
            return f"nothing was read for {silent_s:.0f} s, not even an empty answer"
        return None

    async def heartbeat(self) -> None:
        """Wakes partitions whose tick is due, repeats lost wakes, and notices a stall. Runs until cancelled."""
        pause = min(HEARTBEAT_S_MAX, self.settings.tick_interval_ms / 1000)
        while not self.stopping:
            await asyncio.sleep(pause)
            ready = 0
            for number, partition in self.partitions.items():
                if not partition.ready:
                    continue
                ready += 1
                if time.monotonic() - self._woken_at.get(number, time.monotonic()) > WAKE_LOST_S:
                    del self._woken_at[number]
                if partition.round_began is None and partition.due and not (self.rebalancing or self.paused):
                    self.wake(number)
            metrics.PARTITIONS_READY.labels(self.stage.name).set(ready)
            stalled = self.stalled()
            if stalled is not None:
                self.fail(
                    BrokerUnavailableError(f"The worker hangs: {stalled}. Start it again when the broker is well.")
                )

    # -- inside

    def _numbers(self, assigned: Iterable[Any]) -> set[int]:
        by_topic: dict[str, set[int]] = {self.settings.topic(name): set() for name in self.stage.inputs}
        for tp in assigned:
            if tp.topic in by_topic:
                by_topic[tp.topic].add(tp.partition)
        first, *others = by_topic.values()
        if any(numbers != first for numbers in others):
            found = {topic: sorted(numbers) for topic, numbers in by_topic.items()}
            self.fail(
                BrokerError(
                    f"The inputs of {self.stage.name} were not assigned together: {found}. Run all workers of the "
                    "stage with the same version and the same topic prefix."
                )
            )
        return first

    def _open(self, number: int) -> None:
        partition = Partition(self.settings, self.stage, number, self._make_task, self)
        partition.paused = self.paused
        self.partitions[number] = partition
        self._spawn(number, partition.open())

    async def _drop(self, number: int) -> None:
        partition = self.partitions.pop(number)
        under_way = [task for task, owner in self._background.items() if owner == number]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        await partition.close()

    async def _quiesce(self) -> None:
        rounds = [asyncio.ensure_future(partition.quiesce()) for partition in self.partitions.values()]
        if not rounds:
            return
        _, late = await asyncio.wait(rounds, timeout=self.settings.session_timeout_s * 0.9)
        if late:
            self.fail(
                BrokerUnavailableError(
                    "A transaction did not end before its partition had to go to another worker: the broker is away or "
                    "very slow. The next owner does it again; start this worker again."
                )
            )

    def _spawn(self, number: int, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._background[task] = number
        task.add_done_callback(self._background_done)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        del self._background[task]
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            assert error is not None
            self.fail(error)
