"""A channel's consumer: reads ``triggers.<channel>``, sends each message once, answers on ``channel-feedback``.

Read committed only, one group a channel. Each round: poll, note cancels, send, answer, commit. Offsets are committed
after the answers are acknowledged, and only up to the first message that has not ended; so a death anywhere repeats at
most the reading and the answers, and both are idempotent. What a death between sending and noting does is the setting
``channel_delivery`` (``sinks.channels.sending``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import CommitFailedError

from schemas.base import to_ms
from schemas.decisions import Trigger
from sinks.channels import metrics
from sinks.channels.answers import CHANNELS, Answers
from sinks.channels.clients import answer_producer, trigger_consumer
from sinks.channels.dead_letters import TOPIC as DEAD_LETTER_TOPIC
from sinks.channels.dead_letters import DeadLetters
from sinks.channels.flights import Flight, Offsets, Waiting
from sinks.channels.handler import Clock, Handler, Message, wall_clock
from sinks.channels.outbox import Outbox
from sinks.channels.sending import Again, Sender
from sinks.channels.store import KEPT_MS, SqliteStore, Store
from streams.errors import SettingsError
from streams.settings import Settings
from streams.topics_admin import check_topics

log = logging.getLogger(__name__)

POLL_MS = 500
WORK_S_MAX = 30.0
"""Longest time between two polls that handlers may take together; the rest of a batch follows after the next poll."""
WAITING_MAX = 10_000
"""Most messages that wait for another try; while there are so many, nothing more is read."""
FORGET_EVERY_S = 3_600.0


class ChannelConsumer:
    """Consumes ``triggers.<channel>``. Not thread safe, but for ``stop``.

    Raises SettingsError for an unknown channel, BrokerError when there is no broker or a topic is missing,
    PlatformError when the store (``<state_dir>/channel-<channel>.sqlite`` by default) cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        channel: str,
        handler: Handler,
        *,
        store: Store | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        if channel not in CHANNELS:
            raise SettingsError(f"There is no channel {channel!r}; channels are {', '.join(CHANNELS)}.")
        topic = f"triggers.{channel}"
        check_topics(settings, [topic, "channel-feedback", DEAD_LETTER_TOPIC])
        self._channel = channel
        self._handler = handler
        self._topic = settings.topic(topic)
        self._stop = threading.Event()
        self._store = store or SqliteStore(settings.state_dir / f"channel-{channel}.sqlite")
        self._producer = answer_producer(settings)
        self._answers = Answers(settings, channel, self._producer)
        self._dead = DeadLetters(settings, channel, self._producer)
        self._sender = Sender(settings, channel, handler, self._store, clock)
        self.outbox = Outbox(channel, self._store, self._answers)
        self._offsets, self._waiting = Offsets(), Waiting()
        self._queue: deque[Flight] = deque()
        self._revoked = _Revoked()
        self._forgot_at = -FORGET_EVERY_S
        self._consumer = trigger_consumer(settings, channel)
        self._consumer.subscribe([self._topic], listener=self._revoked)

    def run(self, idle_s_max: float | None = None, polled: Callable[[], None] = lambda: None) -> int:
        """Consume until ``stop``, or until nothing has come or waited for ``idle_s_max`` seconds; returns the triggers.

        Waiting for partitions (a dead member of the group keeps them until its session times out) is not idleness.
        ``polled`` is called after each round.
        """
        taken, last = 0, time.monotonic()
        while not self._stop.is_set():
            count = self.poll_once()
            polled()
            taken += count
            if count or self.busy or not self._consumer.assignment():
                last = time.monotonic()
            elif idle_s_max is not None and time.monotonic() - last >= idle_s_max:
                break
        return taken

    def poll_once(self, timeout_ms: int = POLL_MS) -> int:
        """One round; returns triggers read.

        Raises BrokerError when answers are not acknowledged (nothing is committed then, and all of it comes again), and
        ChannelError when one message after the other had to be given up.
        """
        read = self._read(timeout_ms)
        self._work()
        self._handler.tick(self.outbox)
        self._answers.flush()
        self._dead.flush()
        self._commit()
        self._dead.check()
        metrics.WAITING.labels(self._channel).set(len(self._waiting))
        return read

    @property
    def busy(self) -> bool:
        """Whether messages that were read have not ended: they wait for their first try, or for another."""
        return bool(self._queue) or len(self._waiting) > 0

    def stop(self) -> None:
        """Let ``run`` end after the message in hand; the rest comes to the next consumer. Safe from any thread and from
        a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Leave the group and release everything."""
        with ExitStack() as last_first:
            last_first.callback(self._store.close)
            last_first.callback(self._handler.close)
            last_first.callback(self._producer.close)
            last_first.callback(self._consumer.close, autocommit=False)

    def __enter__(self) -> ChannelConsumer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, timeout_ms: int) -> int:
        busy = bool(self._queue) or len(self._waiting) >= WAITING_MAX
        assigned = self._consumer.assignment()
        (self._consumer.pause if busy else self._consumer.resume)(*assigned)
        due = self._waiting.next_due()
        if due is not None:
            timeout_ms = min(timeout_ms, max(0, int((due - time.monotonic()) * 1000)))
        polled = self._consumer.poll(timeout_ms=0 if self._queue else timeout_ms)
        self._forget_partitions()
        now_ms = time.time_ns() // 1_000_000
        flights = [flight for records in polled.values() for flight in self._decoded(records)]
        for flight in flights:
            if flight.message.trigger.action == "cancel":
                self._store.cancel(flight.message.trigger.decision_id, now_ms)
        self._queue.extend(flights)
        if time.monotonic() - self._forgot_at >= FORGET_EVERY_S:
            self._forgot_at = time.monotonic()
            self._store.forget(now_ms - KEPT_MS)
        return sum(map(len, polled.values()))

    def _decoded(self, records: Iterable[Any]) -> Iterable[Flight]:
        for record in records:
            self._offsets.begin(record.partition, record.offset)
            try:
                yield Flight(_message(record), record)
            except (ValueError, TypeError) as error:
                log.error("a trigger is not of the contract", extra={"channel": self._channel, "problem": str(error)})
                metrics.TRIGGERS.labels(self._channel, "invalid").inc()
                self._dead.add(record, "unreadable", str(error))
                self._offsets.end(record.partition, record.offset)

    def _work(self) -> None:
        until = time.monotonic() + WORK_S_MAX
        for first in self._waiting.due(time.monotonic()):
            following: Flight | None = first
            while following is not None and not self._stop.is_set() and self._tried(following):
                following = self._waiting.pop(following.customer)
        while self._queue and not self._stop.is_set() and time.monotonic() < until:
            flight = self._queue.popleft()
            if flight.message.trigger.action == "cancel":
                self._cancelled(flight)
            elif flight.customer in self._waiting or not self._tried(flight):
                self._waiting.add(flight)

    def _tried(self, flight: Flight) -> bool:
        """Whether the message has ended with this try."""
        flight.tries += 1
        result = self._sender.send(flight.message, flight.tries)
        if isinstance(result, Again):
            flight.due = time.monotonic() + result.after_s
            return False
        if result.gave_up is None:
            self._dead.fine()
        else:
            self._dead.add(flight.record, "gave_up", result.gave_up)
        self._answers.about(result.entry)
        self._offsets.end(flight.record.partition, flight.record.offset)
        return True

    def _cancelled(self, flight: Flight) -> None:
        entry = self._sender.cancel(flight.message)
        if entry is not None:
            self._answers.about(entry)
        self._offsets.end(flight.record.partition, flight.record.offset)

    def _commit(self) -> None:
        positions = self._offsets.committable()
        if not positions:
            return
        self._store.sync()
        places = {number: TopicPartition(self._topic, number) for number in positions}
        offsets = {
            places[number]: OffsetAndMetadata(self._ended_at(places[number], offset), "", -1)
            for number, offset in positions.items()
        }
        try:
            self._consumer.commit(offsets)
        except CommitFailedError:  # another consumer of the group has the partition now, and takes the messages again
            log.warning("partitions were taken over before the commit", extra={"channel": self._channel})

    def _ended_at(self, place: TopicPartition, offset: int) -> int:
        """Where to go on: behind the transaction markers too, once everything before them has ended."""
        if self._offsets.all_ended(place.partition) and place in self._consumer.assignment():
            return max(offset, self._consumer.position(place) or 0)
        return offset

    def _forget_partitions(self) -> None:
        """What came of partitions that were taken away comes again, to whoever has them now."""
        lost = self._revoked.lost()
        self._offsets.forget(lost)
        self._waiting.forget(lost)
        self._queue = deque(flight for flight in self._queue if flight.record.partition not in lost)


class _Revoked(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what is taken away. Called in the client's own thread, in which nothing may block: no commit here."""

    def __init__(self) -> None:
        self._partitions: list[int] = []
        self._lock = threading.Lock()

    def lost(self) -> set[int]:
        """What was taken away since the last call."""
        with self._lock:
            lost, self._partitions = set(self._partitions), []
        return lost

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """See kafka-python."""
        with self._lock:
            self._partitions += [place.partition for place in revoked]

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """See kafka-python."""


def _message(record: Any) -> Message:
    """Fields that a later version adds are ignored. Raises ValueError or TypeError for what is no trigger."""
    trigger = Trigger.model_validate_json(record.value or b"", extra="ignore")
    decided = dict(record.headers).get("ce_time", trigger.valid_from.encode()).decode()
    return Message(trigger, _ms(decided), _ms(trigger.valid_until))


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
