"""The decide stage on Kafka records: one partition of ``customer-events`` in, decisions and triggers out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas.cloudevents import trigger_headers
from schemas.envelope import Envelope
from streams import metrics
from streams.decide.partition import BROADCAST, Partition
from streams.decide.records import Made
from streams.decide.state import CustomerState, decode_state, encode_state
from streams.ordered import OrderedTask, Position
from streams.progress import Counts, progress_record
from streams.reorder import ReorderBuffer, key_of
from streams.task import Effects, Out
from streams.wire import decode_envelope, encode_envelope, partition_of

CUSTOMER = b"c|"
RULE = b"r|"
CACHE_MAX = 100_000
"""Decoded customer states kept in memory; beyond it they are decoded again when needed."""

_encoder = msgspec.json.Encoder()


class DecideTask(OrderedTask):
    """One partition number of decide."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        prefix: str,
        cache_max: int = CACHE_MAX,
        spill_dir: Path | None = None,
    ) -> None:
        super().__init__("customer-events", partition, ("intake", "identity"))
        self.partitions = partitions
        self.prefix = prefix
        self.hand_over = True
        self.counts = Counts()
        self._cache_max = cache_max
        self._table: dict[str, bytes] = {}
        self._bytes = 0
        self._fold = Partition(self._fetch, self._customers, ReorderBuffer(directory=spill_dir))
        self._fold.on_accepted = self._count

    def accept(self, event: Envelope, offset: int, again: bool) -> None:
        """See ``OrderedTask``. Control records count where they are read."""
        if event.type == "control":
            self._control(event.data)
        elif again:
            self._fold.take_again(event, offset)
        else:
            self._fold.take(event, offset)

    def advance(self, clock: int, steps: int) -> int:
        """See ``OrderedTask``."""
        return self._fold.advance(clock, steps)

    def first_waiting(self) -> int | None:
        """See ``OrderedTask``."""
        return self._fold.first_waiting()

    def through(self) -> Sequence[Any]:
        """See ``OrderedTask``."""
        return self._fold.through

    def extra(self) -> dict[str, Any]:
        """Counts and mode."""
        return {"counts": self.counts.dump(), "hand_over": self.hand_over, "live_from": self._fold.fold.live_from}

    def restore(self, entries: Iterable[tuple[bytes, bytes]], position: Position | None) -> None:
        """Rules and catalogue in their order, then customers with their timers."""
        rules: list[Envelope] = []
        for key, value in entries:
            if key.startswith(RULE):
                rules.append(decode_envelope(value))
            else:
                self._table[key[len(CUSTOMER) :].decode()] = value
        for event in sorted(rules, key=key_of):
            self._fold.rules.apply(event)
        if position is not None:
            self._fold.through = tuple(position.through)
            self.counts.load(position.extra["counts"])
            self.hand_over = position.extra["hand_over"]
            self._fold.fold.live_from = position.extra["live_from"]
        self._bytes = sum(len(value) for value in self._table.values())
        for value in self._table.values():
            self._fold.restore(decode_state(value))

    def collect(self, effects: Effects) -> None:
        """See ``OrderedTask``."""
        fold = self._fold
        for event in fold.outgoing:
            key = event.customer
            effects.records.append(
                Out("customer-events", partition_of(key, self.partitions), key.encode(), encode_envelope(event))
            )
        fold.outgoing.clear()
        self._collect_decisions(effects, fold.fold.made)
        fold.fold.made.clear()
        for event in fold.kept_rules:
            effects.state.append((rule_key(event), encode_envelope(event)))
        fold.kept_rules.clear()
        for customer in fold.states.dirty:
            value = encode_state(fold.states.live[customer])
            self._bytes += len(value) - len(self._table.get(customer, b""))
            self._table[customer] = value
            effects.state.append((CUSTOMER + customer.encode(), value))
        fold.states.dirty.clear()
        if len(fold.states.live) > self._cache_max:
            fold.states.live.clear()
        effects.records.append(self._progress())
        self._report()

    def _collect_decisions(self, effects: Effects, made: list[Made]) -> None:
        """Hand over what was decided, but not a send whose cancel is known already."""
        taken_back = {m.decision["decision_id"] for m in made if m.trigger and m.trigger["action"] == "cancel"}
        sent = {m.decision["decision_id"] for m in made if m.trigger and m.trigger["action"] == "send"}
        quiet = taken_back & sent
        for entry in made:
            decision, trigger = entry.decision, entry.trigger
            key = decision["customer_id"].encode()
            metrics.DECISIONS.labels(decision["campaign"], decision["outcome"], decision["reason"]).inc()
            if trigger is not None and self.hand_over and decision["decision_id"] not in quiet:
                decision["handed_over"] = True
                headers = trigger_headers(self.prefix, trigger)
                value = _encoder.encode(trigger)
                effects.records.append(Out(f"triggers.{decision['channel']}", self.partition, key, value, headers))
            effects.records.append(Out("decisions", self.partition, key, _encoder.encode(decision)))

    def _customers(self) -> Iterable[str]:
        return self._table.keys() | self._fold.states.live.keys()

    def _fetch(self, customer: str) -> CustomerState | None:
        value = self._table.get(customer)
        return None if value is None else decode_state(value)

    def _control(self, data: dict[str, Any]) -> None:
        if data["kind"] == "replay":
            self.hand_over = data["hand_over"]
        elif data["kind"] == "live":
            self.hand_over = True
            self._fold.fold.live_from = data["from"]

    def _count(self, event: Envelope, fate: str) -> None:
        if event.type in BROADCAST and partition_of(event.id, self.partitions) != self.partition:
            return
        self.counts.add(event.source, fate)
        if fate == "accepted" and event.eff > event.at:
            self.counts.add(event.source, "late")

    def _report(self) -> None:
        self.counts.report()
        metrics.report_watermarks("decide", self.partition, self.clock.until())
        metrics.STATE_ENTRIES.labels("decide", self.partition).set(len(self._table))
        metrics.STATE_BYTES.labels("decide", self.partition).set(self._bytes)
        metrics.TIMERS.labels(self.partition).set(self._fold.timers)
        metrics.WAITING.labels("decide", self.partition).set(len(self._fold))

    def _progress(self) -> Out:
        return progress_record(
            "decide",
            self.partition,
            self.clock.value,
            self.counts,
            customers=len(self._table),
            timers=self._fold.timers,
            waiting=len(self._fold),
        )


def rule_key(event: Envelope) -> bytes:
    """Changelog key of a version of a campaign, of brand rules or of a product."""
    name = event.data.get("campaign") or event.data.get("product") or ""
    return RULE + f"{event.type}|{event.brand}|{name}|{event.eff}".encode()
