"""What a channel answers about a trigger: a FeedbackEvent whose id is derived, so that an answer sent twice is one."""

from __future__ import annotations

import hashlib
from typing import Protocol, get_args

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.base import from_ms
from schemas.customers import Channel, FeedbackEvent
from sinks.channels import metrics
from sinks.channels.handler import DETAIL_CHARACTERS_MAX
from sinks.channels.store import Entry
from streams.errors import BrokerError
from streams.identity.names import identifier_of
from streams.settings import Settings

_IDENTIFIERS = {"email": "email_hash", "card": "loyalty_card_id", "device": "device_id", "anon": "anonymous_id"}
CHANNELS: tuple[str, ...] = get_args(Channel)
FINAL = frozenset({"delivered", "bounced", "dropped"})
"""The answers of which each send gets one."""
ACKNOWLEDGE_TIMEOUT_S = 30.0


class Subject(Protocol):
    """What an answer is about: a trigger, or what the store knows of it."""

    @property
    def decision_id(self) -> str:
        """Decision."""

    @property
    def brand(self) -> str:
        """Brand."""

    @property
    def market(self) -> str | None:
        """Market."""

    @property
    def customer_id(self) -> str:
        """Customer."""


def feedback_id(decision_id: str, status: str) -> str:
    """First 32 hex digits of SHA-256 over ``feedback|decision id|status``."""
    return hashlib.sha256(f"feedback|{decision_id}|{status}".encode()).hexdigest()[:32]


def answer(
    subject: Subject, channel: str, status: str, at_ms: int, detail: str | None = None, permanent: bool = True
) -> FeedbackEvent | None:
    """The feedback event of a trigger; None when it names no market, without which no event is valid.

    A customer who is not yet known (``anon:…``) is named by the identifier.
    """
    if subject.market is None:
        return None
    kind, colon, value = identifier_of(subject.customer_id).partition(":")
    customer = {_IDENTIFIERS[kind]: value} if colon else {"customer_id": subject.customer_id}
    return FeedbackEvent.model_validate(
        {
            "event_id": feedback_id(subject.decision_id, status),
            "type": "feedback",
            "occurred_at": from_ms(at_ms),
            "brand": subject.brand,
            "market": subject.market,
            "channel": channel,
            "status": status,
            "decision_id": subject.decision_id,
            "permanent": permanent,
            "detail": detail and detail[:DETAIL_CHARACTERS_MAX],
            **customer,
        }
    )


class Answers:
    """Writes answers to ``channel-feedback``, keyed by customer; they count once ``flush`` has returned."""

    def __init__(self, settings: Settings, channel: str, producer: KafkaProducer) -> None:
        self._servers = settings.bootstrap_servers
        self._topic = settings.topic("channel-feedback")
        self._channel = channel
        self._producer = producer
        self._pending: list[FeedbackEvent] = []

    def about(self, entry: Entry) -> None:
        """What the store knows of a message: that it was accepted, and how it ended."""
        self.say(entry, "accepted", entry.accepted_ms)
        if entry.status in FINAL:
            self.say(entry, entry.status, entry.at_ms, entry.detail, entry.permanent)

    def say(self, subject: Subject, status: str, at_ms: int, detail: str | None = None, permanent: bool = True) -> None:
        """One answer, written with the next ``flush``."""
        event = answer(subject, self._channel, status, at_ms, detail, permanent)
        if event is not None:
            self._pending.append(event)

    def flush(self) -> None:
        """Write them. Raises BrokerError when they are not acknowledged within ACKNOWLEDGE_TIMEOUT_S."""
        pending, self._pending = self._pending, []
        try:
            sent = [
                self._producer.send(
                    self._topic,
                    key=(event.customer_id or event.event_id).encode(),
                    value=event.model_dump_json(exclude_none=True).encode(),
                )
                for event in pending
            ]
            for future in sent:
                future.get(timeout=ACKNOWLEDGE_TIMEOUT_S)
        except KafkaError as error:
            raise BrokerError(
                f"The answers of channel {self._channel} were not acknowledged by {self._servers} "
                f"({type(error).__name__}: {error}): nothing was committed; start it again once the broker answers."
            ) from error
        for event in pending:
            metrics.ANSWERS.labels(self._channel, event.status).inc()
