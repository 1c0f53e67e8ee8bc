"""One message: whether it may go, the handler's call, and what is remembered of it. No Kafka here.

Over SMTP, HTTP or any other way out an effect and the note of it cannot be one transaction. The setting
``channel_delivery`` says what a death between the two does:

- ``at_least_once``: the note follows the effect. After such a death the message goes once more.
- ``at_most_once``: the note "sending" comes first. After such a death nobody knows whether the message left; it is not
  sent again, and answered ``accepted`` only, so that its place under the frequency caps stays taken.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from schemas.decisions import Trigger
from sinks.channels import metrics
from sinks.channels.handler import Bounced, Clock, Handler, Message, Outcome, Refused, Retry
from sinks.channels.store import ACCEPTED, SENDING, TRIED, UNKNOWN, Entry, Store
from streams.settings import Settings

log = logging.getLogger(__name__)

DIED = "the process died while it was being sent"


class Done(NamedTuple):
    """The message needs no more tries. ``gave_up``: why it is a dead letter, if it is one."""

    entry: Entry
    gave_up: str | None = None


class Again(NamedTuple):
    """The message is to be tried again after so many seconds."""

    after_s: float


class Sender:
    """Asks the store, calls the handler, notes what became of it."""

    def __init__(self, settings: Settings, channel: str, handler: Handler, store: Store, clock: Clock) -> None:
        self._once = settings.channel_delivery == "at_most_once"
        self._attempts_max = settings.channel_attempts_max
        self._backoff_s = (settings.channel_backoff_s, settings.channel_backoff_s_max)
        self._channel = channel
        self._handler = handler
        self._store = store
        self._clock = clock

    def send(self, message: Message, attempt: int) -> Done | Again:
        """Try number ``attempt``, from 1."""
        trigger, now_ms = message.trigger, self._clock(message)
        known = self._store.get(trigger.decision_id)
        if known is not None and known.status not in (SENDING, TRIED):
            self._count("duplicate")
            return Done(known)
        if known is not None and known.status == SENDING and self._once:
            return self._end(trigger, UNKNOWN, now_ms, DIED, gave_up=DIED)
        if self._store.cancelled(trigger.decision_id):
            return self._end(trigger, "dropped", now_ms, "cancelled")
        if now_ms > message.valid_until_ms:
            return self._end(trigger, "dropped", now_ms, "expired")
        if self._once:
            self._note(_entry(trigger, SENDING, now_ms))
            self._store.sync()
        try:
            outcome = self._call(message, now_ms)
        except Bounced as bounced:
            return self._end(trigger, "bounced", now_ms, str(bounced), permanent=bounced.permanent)
        except Refused as refused:
            return self._end(trigger, "dropped", now_ms, f"refused: {refused}", gave_up=str(refused))
        except Retry as retry:
            return self._again(trigger, attempt, now_ms, str(retry), retry.after_s)
        except Exception as error:
            log.exception("a handler failed", extra={"channel": self._channel, "decision_id": trigger.decision_id})
            problem = f"{type(error).__name__}: {error}"
            if self._once:
                return self._end(trigger, UNKNOWN, now_ms, problem, gave_up=problem)
            return self._again(trigger, attempt, now_ms, problem, None)
        if outcome == ACCEPTED:
            self._count(ACCEPTED)
            return Done(self._note(_entry(trigger, ACCEPTED, now_ms)._replace(trigger=trigger.model_dump_json())))
        return self._end(trigger, outcome, now_ms)

    def cancel(self, message: Message) -> Entry | None:
        """A cancel whose note the store has: take back what has gone already.

        Returns the entry that has to be answered about again: what was accepted only is dropped now.
        """
        entry = self._store.get(message.trigger.decision_id)
        if entry is None or entry.status in ("dropped", "bounced", TRIED):
            self._count("cancel")
            return None
        taken_back = self._taken_back(message, ACCEPTED if entry.status == ACCEPTED else "delivered")
        self._count("cancel" if taken_back else "cancel_too_late")
        if not taken_back or entry.status != ACCEPTED:
            return None
        ended = entry._replace(status="dropped", detail="cancelled", at_ms=self._clock(message), trigger=None)
        return self._note(ended)

    def _taken_back(self, message: Message, outcome: Outcome) -> bool:
        try:
            return self._handler.cancel(message, outcome)
        except Exception:  # the message stays sent: a cancel is no promise, and must not stop the others
            log.exception("a handler failed to take a message back", extra={"channel": self._channel})
            return False

    def _call(self, message: Message, now_ms: int) -> str:
        with metrics.HANDLER_SECONDS.labels(self._channel).time():
            outcome = self._handler.send(message)
        metrics.AGE_SECONDS.labels(self._channel).observe(max(0, now_ms - message.decided_ms) / 1_000)
        return outcome

    def _again(self, trigger: Trigger, attempt: int, now_ms: int, detail: str, after_s: float | None) -> Done | Again:
        if attempt >= self._attempts_max:
            why = f"given up after {attempt} tries: {detail}"
            return self._end(trigger, "dropped", now_ms, why, gave_up=why)
        if self._once:
            self._note(_entry(trigger, TRIED, now_ms, detail))
        metrics.RETRIES.labels(self._channel).inc()
        first, most = self._backoff_s
        return Again(max(after_s or 0.0, min(most, first * 2 ** (attempt - 1))))

    def _end(
        self,
        trigger: Trigger,
        status: str,
        at_ms: int,
        detail: str | None = None,
        permanent: bool = True,
        gave_up: str | None = None,
    ) -> Done:
        self._count(detail if detail in ("cancelled", "expired") else status)
        return Done(self._note(_entry(trigger, status, at_ms, detail, permanent)), gave_up)

    def _note(self, entry: Entry) -> Entry:
        self._store.put(entry, time.time_ns() // 1_000_000)
        return entry

    def _count(self, result: str) -> None:
        metrics.TRIGGERS.labels(self._channel, result).inc()


def _entry(trigger: Trigger, status: str, at_ms: int, detail: str | None = None, permanent: bool = True) -> Entry:
    about = (trigger.brand, trigger.market, trigger.customer_id)
    return Entry(trigger.decision_id, status, detail, permanent, at_ms, at_ms, *about)
