"""A channel service written without the kit, and broken in one place: for each rule of the contract the one that fails.

``Plain`` keeps the contract; each fault is named by the rule that it breaks.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener

from schemas.base import rfc3339
from schemas.decisions import Trigger
from sinks.channels.clients import GroupConsumer, group_of
from streams.settings import Settings

SLOW_S = 0.2
"""Time that the service with a fault in rebalances takes for a message of the burst."""


class Plain(ConsumerRebalanceListener):  # type: ignore[misc]
    """A small service in one thread, with its memory in memory."""

    def __init__(self, settings: Settings, channel: str, fault: str = "") -> None:
        self._settings, self._channel, self._fault = settings, channel, fault
        self._answered: dict[str, dict[str, Any]] = {}
        self._cancelled: set[str] = set()
        self._queue: deque[Any] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        servers = settings.bootstrap_servers
        self._producer = KafkaProducer(bootstrap_servers=servers, acks="all")
        self._consumer = GroupConsumer(
            bootstrap_servers=servers,
            group_id=group_of(settings, channel),
            isolation_level="read_uncommitted" if fault == "committed" else "read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=500,
        )
        self._consumer.subscribe([settings.topic(f"triggers.{channel}")], listener=self)

    def __enter__(self) -> Plain:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close(autocommit=False)
        self._producer.close()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._queue.clear()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing."""

    def _run(self) -> None:
        slow = self._fault == "rebalance"
        while not self._stop.is_set():
            polled = self._consumer.poll(timeout_ms=0 if self._queue else 300)
            records = [record.value for batch in polled.values() for record in batch]
            if slow and polled:
                self._consumer.commit()
            if self._fault == "order":
                records.sort(key=lambda value: (_read(value) or {}).get("decision_id", ""))
            for value in records:
                self._note_cancel(_read(value))
            self._queue.extend(records)
            while self._queue:
                if not self._handle(_read(self._queue.popleft())) and self._fault == "unreadable":
                    return
                if slow:
                    time.sleep(SLOW_S)
                    break
            self._producer.flush()
            if polled and not slow:
                self._consumer.commit()

    def _note_cancel(self, trigger: dict[str, Any] | None) -> None:
        if trigger is not None and trigger["action"] == "cancel" and self._fault != "cancel-first":
            self._cancelled.add(trigger["decision_id"])

    def _handle(self, trigger: dict[str, Any] | None) -> bool:
        """Whether it was a trigger."""
        if trigger is None or (self._fault == "unknown-field" and set(trigger) - set(Trigger.model_fields)):
            return trigger is not None
        known = self._answered.get(trigger["decision_id"])
        if trigger["action"] == "cancel":
            if self._fault == "cancel-after" and known is not None and known["status"] == "delivered":
                self._answer(trigger, "dropped")
        elif known is not None and self._fault != "duplicates":
            self._say(trigger, known)
        elif not (self._fault == "answered" and trigger["content_key"] is None):
            late = trigger["valid_until"] < _now() and self._fault != "expiry"
            held_back = trigger["decision_id"] in self._cancelled
            self._answered[trigger["decision_id"]] = self._answer(
                trigger, "dropped" if late or held_back else "delivered"
            )
        return True

    def _answer(self, trigger: dict[str, Any], status: str) -> dict[str, Any]:
        _, colon, name = trigger["customer_id"].partition(":")
        known = not colon or self._fault == "identifier"
        event = {
            "event_id": f"{status}-{trigger['decision_id']}-{time.time_ns()}",
            "type": "feedback",
            "occurred_at": _now(),
            "brand": "another" if self._fault == "feedback" else trigger["brand"],
            "market": trigger["market"],
            "channel": self._channel,
            "status": status,
            "decision_id": trigger["decision_id"],
            **({"customer_id": trigger["customer_id"]} if known else {"anonymous_id": name}),
        }
        self._say(trigger, event)
        return event

    def _say(self, trigger: dict[str, Any], event: dict[str, Any]) -> None:
        topic = self._settings.topic("channel-feedback")
        self._producer.send(topic, key=trigger["customer_id"].encode(), value=json.dumps(event).encode())


def _read(value: bytes | None) -> dict[str, Any] | None:
    try:
        trigger = json.loads(value or b"")
    except ValueError:
        return None
    return trigger if trigger.get("action") in ("send", "cancel") else None


def _now() -> str:
    return rfc3339(time.time_ns() // 1_000_000)
