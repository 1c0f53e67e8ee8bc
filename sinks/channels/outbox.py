"""What a handler says of messages outside ``send``: how accepted ones ended, and what customers did with them."""

from __future__ import annotations

import time
from typing import Literal

from schemas.decisions import Trigger
from sinks.channels import metrics
from sinks.channels.answers import FINAL, Answers
from sinks.channels.store import ACCEPTED, Entry, Store
from streams.errors import InputError

Final = Literal["delivered", "bounced", "dropped"]
Later = Literal["opened", "clicked", "unsubscribed", "complained", "call_outcome"]


class Outbox:
    """The accepted messages of a channel. Given to ``Handler.tick``; not thread safe."""

    def __init__(self, channel: str, store: Store, answers: Answers) -> None:
        self._channel = channel
        self._store = store
        self._answers = answers

    def accepted(self) -> list[Trigger]:
        """What the channel has taken and not sent yet, in the order in which it came."""
        entries = self._store.accepted()
        return [Trigger.model_validate_json(entry.trigger or "", extra="ignore") for entry in entries]

    def end(
        self, decision_id: str, status: Final, at_ms: int, detail: str | None = None, permanent: bool = True
    ) -> None:
        """An accepted message has ended; the answer goes to ``channel-feedback`` after the tick.

        What has ended already keeps its first word. Raises InputError for a decision that was never taken.
        """
        entry = self._known(decision_id)
        if entry.status == ACCEPTED:
            entry = entry._replace(status=status, detail=detail, permanent=permanent, at_ms=at_ms, trigger=None)
            self._store.put(entry, time.time_ns() // 1_000_000)
            metrics.TRIGGERS.labels(self._channel, status).inc()
        if entry.status in FINAL:
            self._answers.about(entry)

    def report(self, decision_id: str, status: Later, at_ms: int, detail: str | None = None) -> None:
        """What the customer did. Of each status the first word counts: the event's id is that of decision and status.

        Raises InputError for a decision that was never taken.
        """
        self._answers.say(self._known(decision_id), status, at_ms, detail)

    def _known(self, decision_id: str) -> Entry:
        entry = self._store.get(decision_id)
        if entry is None:
            raise InputError(
                f"Channel {self._channel} has no message with decision_id {decision_id!r}, or has forgotten it; name "
                "one that this service has taken in the last weeks."
            )
        return entry
