"""The reference consumer of a trigger topic: what a channel service has to do, on kafka-python.

Read committed only; one group a channel; hand each message over once (by decision id, in a store that outlives the
process); drop what was cancelled or is no longer valid; answer on ``channel-feedback``; commit offsets after the
answers are acknowledged. So a death anywhere repeats at most the reading and the answers, and both are idempotent.
Between the handler's return and the store there is one call: a handler that is itself idempotent on ``decision_id``
closes that gap.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import CommitFailedError, KafkaError
from prometheus_client import Counter
from pydantic import ValidationError

from schemas.base import to_ms
from schemas.customers import FeedbackEvent
from schemas.decisions import Trigger
from sinks.channel_store import ChannelStore, Ended
from sinks.feedback import CHANNELS, answer
from streams.admin_client import connect
from streams.errors import BrokerError, SettingsError
from streams.security import client_options
from streams.settings import Settings

log = logging.getLogger(__name__)

TRIGGERS = Counter("cuepoint_channel_triggers", "Triggers by what became of them.", ("channel", "result"))
POLL_RECORDS_MAX = 500
"""Most triggers taken at once: what is cancelled among them is not sent."""
ACKNOWLEDGE_TIMEOUT_S = 30.0


class Bounced(Exception):
    """A handler raises it when the message could not be delivered. ``permanent``: the address is dead."""

    def __init__(self, detail: str, permanent: bool = True) -> None:
        super().__init__(detail)
        self.permanent = permanent


class Message(NamedTuple):
    """A trigger, with the logical time of its decision (milliseconds since the epoch)."""

    trigger: Trigger
    decided_ms: int


Handler = Callable[[Trigger], None]
"""Sends one message. Returns when it went out; raises Bounced when it could not; anything else stops the consumer."""
Clock = Callable[[Message], int]
"""The channel's time in milliseconds when it takes a message."""


def wall_clock(_: Message) -> int:
    """Now."""
    return time.time_ns() // 1_000_000


def logical_clock(message: Message) -> int:
    """The time of the decision: for replays, in which every trigger is years old."""
    return message.decided_ms


class ChannelConsumer:
    """Consumes ``triggers.<channel>``. Not thread safe, but for ``stop``.

    Raises SettingsError for an unknown channel, BrokerError when there is no broker, PlatformError when the store
    (``<state_dir>/channel-<channel>.sqlite`` by default) cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        channel: str,
        handler: Handler,
        *,
        store: Path | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        if channel not in CHANNELS:
            raise SettingsError(f"There is no channel {channel!r}; channels are {', '.join(CHANNELS)}.")
        connect(settings).close()
        self._settings = settings
        self._channel = channel
        self._handler = handler
        self._clock = clock
        self._stop = threading.Event()
        self._store = ChannelStore(store or settings.state_dir / f"channel-{channel}.sqlite")
        self._consumer = KafkaConsumer(
            settings.topic(f"triggers.{channel}"),
            bootstrap_servers=settings.bootstrap_servers,
            group_id=f"{settings.topic_prefix}-channel-{channel}",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            max_poll_records=POLL_RECORDS_MAX,
            **client_options(settings),
        )
        self._producer = KafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            **client_options(settings),
        )

    def run(self, idle_s_max: float | None = None, polled: Callable[[], None] = lambda: None) -> int:
        """Consume until ``stop``, or until nothing has come for ``idle_s_max`` seconds; returns triggers taken.

        Waiting for partitions (a dead member of the group keeps them until its session times out) is not idleness.
        ``polled`` is called after each poll.
        """
        taken, last = 0, time.monotonic()
        while not self._stop.is_set():
            count = self.poll_once()
            polled()
            taken += count
            if count or not self._consumer.assignment():
                last = time.monotonic()
            elif idle_s_max is not None and time.monotonic() - last >= idle_s_max:
                break
        return taken

    def poll_once(self, timeout_ms: int = 500) -> int:
        """Take what is there, at most ``POLL_RECORDS_MAX``: hand over, answer, commit. Returns triggers taken.

        Raises BrokerError when answers are not acknowledged: nothing is committed then, and all of it comes again.
        """
        polled = self._consumer.poll(timeout_ms=timeout_ms)
        messages = [message for records in polled.values() for message in self._decode(records)]
        for message in messages:
            if message.trigger.action == "cancel":
                self._store.cancel(message.trigger.decision_id)
        answers = [event for message in messages for event in self._take(message)]
        self._answer(answers)
        if polled:
            self._commit()
        return len(messages)

    def stop(self) -> None:
        """Let ``run`` end after the poll under way. Safe from any thread and from a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Leave the group and release everything."""
        self._consumer.close(autocommit=False)
        self._producer.close()
        self._store.close()

    def __enter__(self) -> ChannelConsumer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decode(self, records: Iterable[object]) -> list[Message]:
        messages = []
        for record in records:
            try:
                trigger = Trigger.model_validate_json(record.value or b"")  # type: ignore[attr-defined]
            except ValidationError as error:
                TRIGGERS.labels(self._channel, "invalid").inc()
                log.error("a trigger is not of the contract", extra={"channel": self._channel, "problem": str(error)})
                continue
            messages.append(Message(trigger, _decided_ms(dict(record.headers), trigger)))  # type: ignore[attr-defined]
        return messages

    def _take(self, message: Message) -> list[FeedbackEvent]:
        trigger = message.trigger
        ended = self._store.ended(trigger.decision_id)
        if trigger.action == "cancel":
            too_late = ended is not None and ended.status == "delivered"
            TRIGGERS.labels(self._channel, "cancel_too_late" if too_late else "cancel").inc()
            return []
        if ended is None:
            ended = self._hand_over(message)
            self._store.end(trigger.decision_id, ended)
            TRIGGERS.labels(self._channel, ended.detail if ended.status == "dropped" else ended.status).inc()
        else:
            TRIGGERS.labels(self._channel, "duplicate").inc()
        events = (
            answer(trigger, self._channel, "accepted", ended.at_ms),
            answer(trigger, self._channel, ended.status, ended.at_ms, ended.detail, ended.permanent),
        )
        return [event for event in events if event is not None]

    def _hand_over(self, message: Message) -> Ended:
        trigger, now_ms = message.trigger, self._clock(message)
        if self._store.cancelled(trigger.decision_id):
            return Ended("dropped", "cancelled", True, now_ms)
        if now_ms > _ms(trigger.valid_until):
            return Ended("dropped", "expired", True, now_ms)
        try:
            self._handler(trigger)
        except Bounced as bounced:
            return Ended("bounced", str(bounced), bounced.permanent, now_ms)
        return Ended("delivered", None, True, now_ms)

    def _answer(self, events: Iterable[FeedbackEvent]) -> None:
        topic = self._settings.topic("channel-feedback")
        try:
            pending = [
                self._producer.send(
                    topic,
                    key=(event.customer_id or event.event_id).encode(),
                    value=event.model_dump_json(exclude_none=True).encode(),
                )
                for event in events
            ]
            for future in pending:
                future.get(timeout=ACKNOWLEDGE_TIMEOUT_S)
        except KafkaError as error:
            raise BrokerError(
                f"The answers of channel {self._channel} were not acknowledged by {self._settings.bootstrap_servers} "
                f"({type(error).__name__}: {error}): nothing was committed; start it again once the broker answers."
            ) from error

    def _commit(self) -> None:
        try:
            self._consumer.commit()
        except CommitFailedError:  # another consumer of the group has the partition now, and takes the messages again
            log.warning("partitions were taken over before the commit", extra={"channel": self._channel})


def _decided_ms(headers: dict[str, bytes], trigger: Trigger) -> int:
    decided = headers.get("ce_time")
    return _ms(decided.decode() if decided else trigger.valid_from)


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
