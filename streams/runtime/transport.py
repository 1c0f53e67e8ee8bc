"""Batch transport: a subclass of Faust's aiokafka driver that hands whole fetches to partition queues.

Two things leave Faust's way, and only inside its own extension points:

* The consumer thread reads whole fetches into the queue of their partition number (``ConsumerThread._read``), and only
  one small *wake* message per partition number travels through conductor, stream and agent. So records that arrive
  while a transaction is under way join the next batch, and no event pays Faust's cost per event.
* The runtime owns read positions. Faust's seeks to committed offsets, its offset commits and its table recovery
  find nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.runtime.fetched import take_fetched
from streams.runtime.inbox import Batch, Seek
from streams.runtime.partition import FetchState, LogBounds
from streams.runtime.runtime import StageRuntime
from streams.security import client_options
from streams.task import Record

FETCH_WAIT_MS_MAX = 100
"""How long the broker holds a fetch that finds nothing; also how fresh "read to the end" is on an idle topic."""
FETCH_BYTES_MAX = 1_048_576
IDLE_S = 0.5
COALESCE_S = 0.008
"""Pause after a small delivery, so that a trickle of events does not make a fetch for each: fetches and rounds share
the interpreter lock. A choice, not a measured optimum."""
COALESCE_RECORDS_MAX = 500
_new_tuple = tuple.__new__


def _records(topic: str, partition: int, batch: Any, begin: int) -> list[Record]:
    """The records of one of the broker's batches from ``begin`` on. Each field is a call into the client's C code."""
    return [
        _new_tuple(
            Record,
            (
                topic,
                partition,
                raw.offset,
                raw.timestamp,
                raw.key,
                raw.value,
                tuple(held) if (held := raw.headers) else (),
            ),
        )
        for raw in batch
        if raw.offset >= begin
    ]


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread with a reading loop of its own beside the thread's method queue."""

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        # Here and not in on_start: the worker's loop asks and wants before the thread has begun.
        self.runtime: StageRuntime = self.app.runtime
        self.read_at = time.monotonic()
        self._names = {self.runtime.settings.topic(name): name for name in self.runtime.stage.inputs}
        self._wanted: frozenset[TopicPartition] = frozenset()
        self._seeks: dict[TopicPartition, int] = {}
        self._answers: dict[TopicPartition, tuple[float | None, float]] = {}
        self._waiter: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        """Start aiokafka's consumer and the reading loop, in the thread."""
        await super().on_start()
        self._reading = self.thread_loop.create_task(self._read())

    async def on_thread_stop(self) -> None:
        """Stop reading before the consumer stops.

        While no broker answers, the client's own stop raises the cancellation of a fetch as if it were meant for its
        caller; the thread would then never say that it has stopped.
        """
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.gather(super().on_thread_stop(), return_exceptions=True)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id or None,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            check_crcs=conf.broker_check_crcs,
            **client_options(self.runtime.settings),
        )

    def want(self, wanted: frozenset[TopicPartition]) -> None:
        """Read these partitions and no others. From any thread."""
        self._wanted = wanted
        self.thread_loop.call_soon_threadsafe(self._wake_reader)

    def _wake_reader(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def seek_now(self, seeks: Mapping[TopicPartition, Seek]) -> None:
        """Move read positions; a partition that was just revoked is left out. In the thread, without suspending.

        A seek that was overtaken by a later one is left out too: its partition reads from the later one already.
        """
        consumer = self._ensure_consumer()
        for tp, seek in seeks.items():
            if seek.number < self._seeks.get(tp, 0):
                continue
            try:
                consumer.seek(tp, seek.offset)
            except IllegalStateError:
                continue
            self._seeks[tp] = seek.number

    async def log_bounds(self, tps: list[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        """Bounds of input logs, asked of the broker. In the thread."""
        consumer = self._ensure_consumer()
        begins = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        return {tp: LogBounds(begins[tp], ends[tp]) for tp in tps}

    def fetch_state(self, tp: TopicPartition) -> FetchState | None:
        """The end of the log by the last fetch response. From any thread: it reads two attributes."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        state = assignment.state_value(tp) if assignment is not None else None
        if state is None or state.highwater is None or state.timestamp is None:
            return None
        return FetchState(state.highwater, time.time() - state.timestamp / 1000)

    def silent_s(self) -> float:
        """Seconds since the reading loop went round, or since a partition that is wanted had its last fetch response,
        whichever is longer. Ask often: what is counted is the time between two questions. From any thread."""
        now = time.monotonic()
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        before, self._answers = self._answers, {}
        for tp in self._wanted:
            state = assignment.state_value(tp) if assignment is not None else None
            answered = state.timestamp if state is not None else None
            known = before.get(tp)
            self._answers[tp] = known if known is not None and known[0] == answered else (answered, now)
        return now - min([self.read_at, *(since for _, since in self._answers.values())])

    async def _read(self) -> None:
        """Deliver what was fetched, until cancelled. An error stops the worker."""
        try:
            consumer = self._ensure_consumer()
            while True:
                self.read_at = time.monotonic()
                _check_tasks(consumer)
                with consumer._subscription.fetch_context():
                    rebalancing = consumer._subscription.reassignment_in_progress
                    delivered = None if rebalancing else await self._deliver_fetched(consumer)
                    if delivered is None:
                        await self._wait(consumer)
                    else:
                        await asyncio.sleep(COALESCE_S if delivered < COALESCE_RECORDS_MAX else 0)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.parent_loop.call_soon_threadsafe(self.runtime.fail, error)

    async def _wait(self, consumer: AIOKafkaConsumer) -> None:
        """Until a fetch response or a change of wants. Raises what the coordinator reports (authorisation)."""
        self._waiter = consumer._fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([self._waiter], timeout=IDLE_S)
        if done:
            self._waiter.result()
        else:
            self._waiter.cancel()

    async def _deliver_fetched(self, consumer: AIOKafkaConsumer) -> int | None:
        """Hand over what was fetched; how many records, or None when no position moved."""
        fetcher = consumer._fetcher
        assignment = consumer._subscription.subscription.assignment
        delivered: int | None = None
        for tp in [tp for tp in fetcher._records if tp in self._wanted]:
            state = assignment.state_value(tp)
            if state is None or not state.has_valid_position:
                continue
            topic = self._names[tp.topic]
            begin = state.position
            # It does not suspend while no rebalance is under way, so begin and end belong to the records.
            batches = await take_fetched(fetcher, tp, partial(_records, topic, tp.partition))
            records = list(chain.from_iterable(batches))
            end = state.position if state.has_valid_position else begin
            if records or end != begin:
                delivered = (delivered or 0) + len(records)
                batch = Batch(begin, end, records, self._seeks.get(tp, 0))
                self.parent_loop.call_soon_threadsafe(self.runtime.deliver, topic, tp.partition, batch)
        return delivered


def _check_tasks(consumer: AIOKafkaConsumer) -> None:
    """Raise what has ended one of the client's own tasks, or what its coordinator reports and waits to be asked for.

    The client says it only to whoever reads through ``getmany``, or waits for a fetch at that very moment. A reader who
    misses it waits for ever, outside of the group, and looks alive.
    """
    consumer._coordinator.check_errors()
    for task in (consumer._fetcher._fetch_task, consumer._client._sync_task):
        if task is not None and task.done():
            task.result()
            raise KafkaError("a task of the Kafka client has ended")


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer: yields wakes instead of records, and leaves read positions to the runtime."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.runtime: StageRuntime = self.app.runtime
        self.runtime.transport = self
        self._wakes_sent = 0

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Wakes, as messages of the stage's first topic. One that is dropped in a rebalance is sent again."""
        wakes = self.runtime.wakes
        try:
            number = await asyncio.wait_for(wakes.get(), timeout)
        except TimeoutError:
            return
        while self.flow_active and not self.should_stop:
            self._wakes_sent += 1
            yield self._wake(number)
            if wakes.empty():
                return
            number = wakes.get_nowait()

    def _wake(self, number: int) -> tuple[TP, ConsumerMessage]:
        topic = self.runtime.settings.topic(self.runtime.stage.inputs[0])
        tp = TP(topic, number)
        generation = self.app.consumer_generation_id
        return tp, ConsumerMessage(
            topic, number, self._wakes_sent, time.time(), 0, None, None, number, None, tp=tp, generation_id=generation
        )

    # -- streams.runtime.runtime.Transport

    def want(self, wanted: frozenset[tuple[str, int]]) -> None:
        """Deliver records of these (topic, partition) pairs and no others."""
        self._thread.want(frozenset(self._tp(topic, number) for topic, number in wanted))

    async def seek(self, partition: int, seeks: Mapping[str, Seek]) -> None:
        """Move read positions, by topic; what is fetched from them carries the seek's number."""
        tps = {self._tp(topic, partition): seek for topic, seek in seeks.items()}
        await self._thread.call_thread(self._thread.seek_now, tps)

    async def bounds(self, topics: Iterable[str], partition: int) -> Mapping[str, LogBounds]:
        """First kept and next offset of input logs, asked of the broker."""
        names = list(topics)
        tps = [self._tp(topic, partition) for topic in names]
        found = await self._thread.call_thread(self._thread.log_bounds, tps)
        return {topic: found[tp] for topic, tp in zip(names, tps, strict=True)}

    def fetch_state(self, topic: str, partition: int) -> FetchState | None:
        """The end of the log by the last fetch response; None before the first."""
        state: FetchState | None = self._thread.fetch_state(self._tp(topic, partition))
        return state

    @property
    def fetcher_silent_s(self) -> float:
        """Seconds without a fetch response for some partition that wants one."""
        return float(self._thread.silent_s())

    def _tp(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self.runtime.settings.topic(topic), partition)

    # -- what Faust would do with offsets, and the runtime does instead

    async def wait_empty(self) -> None:
        """A rebalance or a stop waits here for running rounds; there are no acks to wait for."""
        await self.runtime.on_revoked()

    async def perform_seek(self) -> None:
        """Not to committed offsets: each partition's task says where to read on."""

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Faust seeks changelogs before its recovery, which has nothing to recover."""

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Of changelogs, for Faust's recovery: nothing to recover."""
        return dict.fromkeys(partitions, 0)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Of changelogs, for Faust's recovery: nothing to recover."""
        return dict.fromkeys(partitions, 0)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Offsets are committed in the transactions of the rounds."""
        return True

    async def verify_all_partitions_active(self) -> None:
        """Faust's detector watches commits that are never made; ``StageRuntime.stalled`` watches rounds instead."""


class Producer(driver.Producer):  # type: ignore[misc]
    """Faust's own producer: it is started with the app and writes nothing, but it connects."""

    def _settings_auth(self) -> Mapping[str, Any]:
        return client_options(self.app.runtime.settings)


class Transport(driver.Transport):  # type: ignore[misc]
    """The driver that ``app.transport`` is set to."""

    Consumer = Consumer
    Producer = Producer


class WakeSchema(faust.Schema):  # type: ignore[misc]
    """A wake is no bytes: nothing to decode."""

    def compile(self, app: Any, **_: Any) -> Any:
        """The coroutine that makes a stream's event of a message."""
        create_event = app.create_event

        async def decode(message: ConsumerMessage, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, message.headers, message)

        return decode
