"""Triggers that a channel gave up: bytes untouched on ``channel-dead-letters``, why in the headers.

They are there to be looked at, not to be sent again: their send was answered ``dropped``, so Cuepoint has given the
customer's place under the frequency caps to the next message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.topics import MARK_KEY
from sinks.channels import metrics
from sinks.channels.answers import ACKNOWLEDGE_TIMEOUT_S
from streams.errors import BrokerError, ChannelError
from streams.settings import Settings
from streams.tools import consumer, read_all

TOPIC = "channel-dead-letters"
RUN_MAX = 20
"""So many in a row, and the consumer stops: then it is the service that is broken, not the messages."""
REASONS = {
    "unreadable": "The record keeps to no contract that this consumer knows.",
    "gave_up": "The handler refused it, or every try failed.",
}


class DeadLetter(NamedTuple):
    """A trigger that was given up."""

    channel: str
    reason: str
    problem: str
    place: str
    """Topic, partition and offset that it came from."""
    at_ms: int
    value: bytes | None


class DeadLetters:
    """Writes them, and stops a consumer that makes nothing else."""

    def __init__(self, settings: Settings, channel: str, producer: KafkaProducer) -> None:
        self._topic = settings.topic(TOPIC)
        self._channel = channel
        self._producer = producer
        self._run = 0
        self._pending: list[Any] = []
        self._last = ""

    def add(self, record: Any, reason: str, problem: str) -> None:
        """A record that is given up; written with the next ``flush``."""
        self._run += 1
        self._last = problem
        metrics.DEAD_LETTERS.labels(self._channel, reason).inc()
        place = f"{record.topic}-{record.partition}-{record.offset}"
        headers = {"channel": self._channel, "reason": reason, "problem": problem, "place": place}
        self._pending.append(
            self._producer.send(
                self._topic,
                value=record.value,
                key=record.key or place.encode(),
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
        )

    def fine(self) -> None:
        """A message ended otherwise."""
        self._run = 0

    def flush(self) -> None:
        """Wait for them. Raises BrokerError, and ChannelError after RUN_MAX in a row."""
        pending, self._pending = self._pending, []
        try:
            for future in pending:
                future.get(timeout=ACKNOWLEDGE_TIMEOUT_S)
        except KafkaError as error:
            raise BrokerError(
                f"Dead letters could not be written to {self._topic} ({type(error).__name__}: {error}): nothing was "
                "committed; start it again once the broker answers."
            ) from error

    def check(self) -> None:
        """Raise ChannelError after RUN_MAX in a row."""
        if self._run >= RUN_MAX:
            raise ChannelError(
                f"Channel {self._channel} gave up {self._run} messages in a row, the last one because of: "
                f"{self._last}. It stops, so that not every message is lost; mend the service and start it again."
            )


def read_dead_letters(settings: Settings, channel: str | None = None) -> Iterator[DeadLetter]:
    """Every dead letter that the topic still has, of one channel or of all. Raises BrokerError."""
    with consumer(settings) as client:
        for record in read_all(client, settings, TOPIC):
            said = {name: value.decode() for name, value in record.headers}
            if record.key != MARK_KEY and channel in (None, said["channel"]):
                yield DeadLetter(
                    said["channel"], said["reason"], said["problem"], said["place"], record.timestamp, record.value
                )
