"""The intake stage on Kafka records: one partition number of all sources in, stamped and routed envelopes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from schemas.base import to_ms
from schemas.catalog import ControlRecord, FeedContinue, KnownBrands, LiveMode, Pause, ReplayMode
from schemas.envelope import Envelope
from schemas.topics import INPUTS, MARK_KEY
from streams import metrics
from streams.errors import FeedError
from streams.intake.admit import Admission
from streams.intake.feed_limit import FeedLimit
from streams.intake.quarantine import quarantine_record
from streams.intake.route import TO_ALL
from streams.intake.stamp import arrived_at, replay_times
from streams.intake.validate import Rejection
from streams.ordered import POSITION_KEY, mark_records
from streams.progress import BEGINNING, TELL_MS, Counts, progress_record
from streams.task import Effects, Out, Record, Table
from streams.upgrade import POSITION_VERSION, read_position
from streams.wire import Mark, encode_envelope, partition_of

CONTROL = "control"
SOURCES = tuple(topic.name for topic in INPUTS if topic.name != CONTROL)
ALIGN_AHEAD_MS = 3 * 86_400_000
"""How far a source may run before the slowest one, in event time; beyond it, it waits."""
CHUNK_RECORDS = 500
"""Records of one source that are worked off before the slowest source is looked for again."""
INBOX_MAX = 20_000
"""Records of one source taken and not yet worked off, beyond which no more are wanted."""

_control: TypeAdapter[Any] = TypeAdapter(ControlRecord)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class IntakeTask:
    """One partition number of intake."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        lateness_ms: Callable[[str], int],
        by_marks: Iterable[str] = (),
    ) -> None:
        """``by_marks``: sources that say themselves, live, how far they are complete; they hold no clock."""
        self.partition = partition
        self.partitions = partitions
        self.admission = Admission()
        self.counts = Counts()
        self._lateness = {source: lateness_ms(source) for source in SOURCES}
        self._mode: str | None = None
        self._by_marks = frozenset(by_marks)
        self._newest: dict[str, int] = {}
        """Live, when the newest record of each other source arrived."""
        self._until: dict[str, int] = dict.fromkeys(SOURCES, BEGINNING)
        self._told: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        self._limits = {source: FeedLimit() for source in SOURCES}
        self._stopped: dict[str, str] = {}
        self._inbox: dict[str, deque[Record]] = {topic.name: deque() for topic in INPUTS}
        self._may_mark = True
        self._tell_due = True
        self._unsaved = False
        self._told_clock = BEGINNING
        self._untold = False
        """Something was written without a record of the progress."""
        self._idle_with_stop = False

    def load(self, table: Table) -> None:
        """See ``streams.task.Task``. Intake keeps one record: its position."""
        stored = table.get(POSITION_KEY)
        if stored is None:
            return
        state = read_position(stored, _decoder, f"intake partition {self.partition}")
        self._untold = True
        self._mode = state["mode"]
        self._until.update(state["until"])
        self._newest = state.get("newest", {})
        self._offsets = state["offsets"]
        self._stopped = state["stopped"]
        self._limits = {source: FeedLimit.load(state["limits"][source]) for source in SOURCES}
        self.counts.load(state["counts"])
        self.admission.brands = None if state["brands"] is None else frozenset(state["brands"])

    def start_offsets(self) -> Mapping[str, int]:
        """See ``streams.task.Task``."""
        return self._offsets

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """See ``streams.task.Task``."""
        self._inbox[topic].extend(records)

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """Live, a source that is read to its end is complete until now less its lateness."""
        self._idle_with_stop = bool(self._stopped) and CONTROL in caught_up
        if self._mode == "live":
            for source in SOURCES:
                if source in caught_up and not self._inbox[source] and source not in self._by_marks:
                    self._raise_until(source, now_ms - self._lateness[source])
        self._may_mark = self._tell_due = True
        self._unsaved = self._unsaved or self._untold

    def held(self) -> frozenset[str]:
        """Before the mode is known, everything but control; then what is full."""
        if self._mode is None or self._stopped:
            return frozenset(SOURCES)
        return frozenset(source for source in SOURCES if len(self._inbox[source]) > INBOX_MAX)

    def step(self, budget: int) -> Effects:
        """See ``streams.task.Task``. Raises FeedError when a feed is broken and nobody said to go on."""
        effects = Effects()
        self._read_control(effects)
        if self._stopped and self._idle_with_stop:
            source, why = next(iter(self._stopped.items()))
            raise FeedError(
                f"Source {source}, partition {self.partition}: {why}. They are in quarantine (cuepoint quarantine "
                f"list). Correct the source, then go on with: cuepoint quarantine continue {source}"
            )
        if self._mode is not None and not self._stopped:
            effects.more = self._work(effects, budget)
        self._mark(effects)
        if self._unsaved:
            effects.state.append((POSITION_KEY, self._position()))
            effects.offsets.update(self._offsets)
            self._tell(effects)
            self._unsaved = False
        return effects

    def _tell(self, effects: Effects) -> None:
        """The progress: when the clock has moved on or a feed stops the worker, else with the next tick."""
        clock = self._clock()
        self._untold = not (self._tell_due or self._stopped or clock >= self._told_clock + TELL_MS)
        if not self._untold:
            self._told_clock, self._tell_due = clock, False
            effects.records.append(progress_record("intake", self.partition, clock, self.counts))
            self._report()

    def _work(self, effects: Effects, budget: int) -> bool:
        """Work off sources, the slowest first; True when the budget ended it."""
        while budget > 0:
            waiting = [source for source in SOURCES if self._inbox[source]]
            if not waiting:
                return False
            source = min(waiting, key=lambda name: self._until[name])
            horizon = min(self._until.values()) + ALIGN_AHEAD_MS
            if self._mode == "replay" and self._until[source] > horizon:
                return False
            inbox = self._inbox[source]
            for _ in range(min(len(inbox), CHUNK_RECORDS, budget)):
                self._record(source, inbox.popleft(), effects)
                budget -= 1
                if self._stopped:
                    return True
        return True

    def _record(self, source: str, record: Record, effects: Effects) -> None:
        self._offsets[source] = record.offset + 1
        self._unsaved = True
        replayed = None
        arrived, until = record.timestamp_ms, BEGINNING
        if self._mode == "live":
            arrived = arrived_at(record)
            until = self._live_until(source, record, arrived)
        elif (replayed := replay_times(record)) is not None:
            arrived, until = replayed
        if until > self._until[source]:
            self._until[source] = until
        if record.key == MARK_KEY:
            return
        self.counts.add(source, "received")
        if source == "channel-feedback" and replayed is None and self._mode == "replay":
            self.counts.add(source, "ignored")
            return
        result = self.admission.admit(source, record.value, arrived, self._until[source])
        if isinstance(result, Rejection):
            self._reject(source, record, result, effects)
            return
        broken = self._limits[source].good()
        if broken is not None:
            self._stopped[source] = broken
        if result is None:
            self.counts.add(source, "ignored")
            return
        for topic, envelope in result:
            self._send(effects, topic, envelope)

    def _live_until(self, source: str, record: Record, arrived: int) -> int:
        if source in self._by_marks:
            said = replay_times(record)
            return BEGINNING if said is None else said[1]
        self._newest[source] = max(arrived, self._newest.get(source, arrived))
        return arrived - self._lateness[source]

    def _send(self, effects: Effects, topic: str, envelope: Envelope) -> None:
        value, customer = encode_envelope(envelope), envelope.customer
        partitions = range(self.partitions) if customer == TO_ALL else (partition_of(customer, self.partitions),)
        for partition in partitions:
            effects.records.append(Out(topic, partition, customer.encode(), value))

    def _reject(self, source: str, record: Record, rejection: Rejection, effects: Effects) -> None:
        self.counts.add(source, "quarantined")
        metrics.QUARANTINED.labels(source, rejection.reason).inc()
        effects.records.append(quarantine_record("intake", self.partition, record, rejection))
        broken = self._limits[source].rejected()
        if broken is not None:
            self._stopped[source] = broken

    def _read_control(self, effects: Effects) -> None:
        inbox = self._inbox[CONTROL]
        while inbox:
            record = inbox.popleft()
            self._offsets[CONTROL] = record.offset + 1
            self._unsaved = True
            if record.value is None or record.key == MARK_KEY:
                continue
            try:
                self._obey(_control.validate_json(record.value), effects)
            except ValidationError as error:
                rejection = Rejection("invalid_field", f"Not a control record: {error.errors()[0]['msg']}.")
                effects.records.append(quarantine_record("intake", self.partition, record, rejection))

    def _obey(self, order: object, effects: Effects) -> None:
        if isinstance(order, KnownBrands):
            self.admission.brands = frozenset(order.brands)
        elif isinstance(order, FeedContinue):
            self._stopped.pop(order.source, None)
            self._limits[order.source] = FeedLimit()
            self._idle_with_stop = False
        elif isinstance(order, ReplayMode):
            self._mode = "replay"
            self._broadcast_mode({"kind": "replay", "hand_over": order.hand_over}, effects)
        elif isinstance(order, LiveMode):
            self._mode = "live"
            from_ms = to_ms(order.from_time)
            for source in SOURCES:
                if source not in self._by_marks:
                    self._newest.setdefault(source, from_ms)
            self._broadcast_mode({"kind": "live", "from": from_ms}, effects)
        elif isinstance(order, Pause):
            self._pass_on_pause(order, effects)

    def _pass_on_pause(self, order: Pause, effects: Effects) -> None:
        """To this partition's number alone: every intake partition has read it."""
        data = order.model_dump(mode="json", include={"kind", "what", "name", "brand", "paused"})
        name = f"control/{order.key}/{order.at.isoformat()}"
        envelope = Envelope(id=name, type="control", source=CONTROL, customer=TO_ALL, at=0, eff=0, data=data)
        effects.records.append(Out("customer-events", self.partition, TO_ALL.encode(), encode_envelope(envelope)))

    def _broadcast_mode(self, data: dict[str, Any], effects: Effects) -> None:
        name = f"control/{data['kind']}/{data.get('from', 0)}"
        envelope = Envelope(id=name, type="control", source=CONTROL, customer=TO_ALL, at=0, eff=0, data=data)
        self._send(effects, "customer-events", envelope)

    def _raise_until(self, source: str, until: int) -> None:
        if until > self._until[source]:
            self._until[source] = until
            self._unsaved = True

    def _clock(self) -> int:
        free = self._free()
        return min((until for source, until in self._until.items() if source not in free), default=BEGINNING)

    def _free(self) -> frozenset[str]:
        return self._by_marks if self._mode == "live" else frozenset()

    def _mark(self, effects: Effects) -> None:
        """Pass on what is complete, after the data; live at most once a tick."""
        if self._mode is None or self._until == self._told or (self._mode == "live" and not self._may_mark):
            return
        if self._mode == "replay" and self._told and self._clock() <= min(self._told.values()):
            return
        self._told = dict(self._until)
        self._may_mark = False
        mark = Mark("intake", self.partition, self.partitions, self._told, sorted(self._free()), dict(self._newest))
        effects.records += mark_records(mark, ("identity-events", "customer-events"), self.partitions)

    def _report(self) -> None:
        self.counts.report()
        metrics.report_watermarks("intake", self.partition, self._until)
        for (source, field), number in self.admission.unknown_fields.items():
            metrics.UNKNOWN_FIELDS.labels(source, field).inc(number)
        self.admission.unknown_fields.clear()

    def _position(self) -> bytes:
        return _encoder.encode(
            {
                "version": POSITION_VERSION,
                "mode": self._mode,
                "until": self._until,
                "newest": self._newest,
                "offsets": self._offsets,
                "stopped": self._stopped,
                "limits": {source: limit.dump() for source, limit in self._limits.items()},
                "counts": self.counts.dump(),
                "brands": None if self.admission.brands is None else sorted(self.admission.brands),
            }
        )
