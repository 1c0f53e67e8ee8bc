"""What the tests of channel services share: triggers as decide writes them, handlers that record, answers read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from schemas.base import rfc3339
from schemas.cloudevents import trigger_headers
from schemas.customers import FeedbackEvent
from schemas.decisions import Trigger
from sinks.channels import Handler, Message, Outcome
from streams.settings import Settings
from streams.tools import consumer, read_all
from streams.wire import partition_of
from tests.sinks.builders import DAY, T0, FakeRecord, decision_id

TOPICS = ("triggers.email", "channel-feedback", "channel-dead-letters")


def values(name: str, action: str = "send", **fields: Any) -> dict[str, Any]:
    """The fields of a trigger of the decision ``name``."""
    return {
        "action": action,
        "decision_id": decision_id(name),
        "brand": "shop",
        "market": "GB",
        "customer_id": "c1",
        "campaign": "cart",
        "occasion": "cart_abandoned",
        "step": 1,
        "reason": "due",
        "valid_from": rfc3339(T0),
        "valid_until": rfc3339(T0 + DAY),
        **fields,
    }


def trigger(name: str, action: str = "send", partitions: int = 4, **fields: Any) -> FakeRecord:
    """A record of a trigger topic."""
    made = values(name, action, **fields)
    value = Trigger.model_validate(made).model_dump_json().encode()
    customer = made["customer_id"]
    return FakeRecord(partition_of(customer, partitions), 0, T0, customer.encode(), value, trigger_headers("p", made))


def message(name: str, **fields: Any) -> Message:
    """A trigger as a handler gets it."""
    return Message(Trigger.model_validate(values(name, **fields)), T0, T0 + DAY)


class Recorder(Handler):
    """Notes what it is asked to send; ``reply`` may raise, or say otherwise than ``delivered``."""

    def __init__(self, reply: Callable[[Message], Outcome | None] = lambda _: None) -> None:
        self.sent: list[str] = []
        self.taken_back: list[tuple[str, str]] = []
        self._reply = reply

    def send(self, message: Message) -> Outcome:
        outcome = self._reply(message)
        self.sent.append(message.trigger.decision_id)
        return outcome or "delivered"

    def cancel(self, message: Message, outcome: Outcome) -> bool:
        self.taken_back.append((message.trigger.decision_id, outcome))
        return True


def answers(settings: Settings) -> list[FeedbackEvent]:
    """Everything on channel-feedback, valid all of it."""
    with consumer(settings) as client:
        return [
            FeedbackEvent.model_validate_json(record.value) for record in read_all(client, settings, "channel-feedback")
        ]


def statuses(events: Iterable[FeedbackEvent]) -> set[tuple[str | None, str, str | None]]:
    """Decision, status and detail of each answer."""
    return {(event.decision_id, event.status, event.detail) for event in events}
