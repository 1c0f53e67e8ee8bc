"""Intake's position from a backup and its input logs: behind the last record of each whose outputs were written.

Intake keeps no customer: its state is one position record. What it writes is stamped with the time until which sources
were complete, which nobody knows afterwards; so its outputs are not made again, only known again. Its orders
(``control``) it reads again from the backup on: they say the same twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from schemas.topics import MARK_KEY
from streams.backup.rebuild import Rebuilt
from streams.backup.written import Written
from streams.intake.admit import Admission
from streams.intake.feed_limit import FeedLimit
from streams.intake.quarantine import quarantine_record
from streams.intake.route import TO_ALL, Routed
from streams.intake.stamp import arrived_at, replay_times
from streams.intake.task import SOURCES
from streams.intake.validate import Rejection
from streams.ordered import POSITION_KEY
from streams.progress import BEGINNING, Counts
from streams.settings import Settings
from streams.task import Out, Record
from streams.upgrade import POSITION_VERSION
from streams.wire import encode_envelope, partition_of

Logs = Callable[[str, int | None], Iterable[list[Record]]]
"""(topic, first offset or None) -> its committed records, until now."""
LOOKED_AT = 0
"""Of what goes to every partition, one is looked at."""
_REFUSED = Rejection("empty", "")
"""Stands for any: a record is known in quarantine by where it came from."""


def rebuild_intake(settings: Settings, values: dict[bytes, bytes], logs: Logs, written: Written) -> Rebuilt:
    """Rebuild one partition of intake. ``values`` is taken over."""
    rebuilt = Rebuilt(values)
    raw = values.get(POSITION_KEY)
    position = _new_position() if raw is None else msgspec.msgpack.decode(raw)
    for source in SOURCES:
        first = position["offsets"].get(source)
        _Source(settings, source, position, rebuilt).advance(logs(source, first), written)
    values[POSITION_KEY] = msgspec.msgpack.encode(position)
    return rebuilt


def _new_position() -> dict[str, Any]:
    """Of a task that has read nothing."""
    return {
        "version": POSITION_VERSION,
        "mode": None,
        "until": dict.fromkeys(SOURCES, BEGINNING),
        "newest": {},
        "offsets": {},
        "stopped": {},
        "limits": {source: FeedLimit().dump() for source in SOURCES},
        "counts": {},
        "brands": None,
    }


class _Source:
    """One source of one partition: how far it was read."""

    def __init__(self, settings: Settings, source: str, position: dict[str, Any], rebuilt: Rebuilt) -> None:
        self._partitions = settings.partitions
        self._lateness = settings.lateness(source)
        self._by_marks = source in settings.sources_by_marks
        self._replays = position["mode"] == "replay"
        self._source = source
        self._position = position
        self._rebuilt = rebuilt
        self._admission = Admission()

    def advance(self, batches: Iterable[list[Record]], written: Written) -> None:
        """Move the position behind the last record whose outputs were written."""
        counts, until, newest, left = Counts(), BEGINNING, BEGINNING, 0
        for record in (record for batch in batches for record in batch):
            self._rebuilt.records += 1
            until, newest = max(until, self._until(record)), max(newest, arrived_at(record))
            if record.key == MARK_KEY:
                continue
            counts.add(self._source, "received")
            fate, found = self._look_for(record, written)
            if fate is not None:
                counts.add(self._source, fate)
            if found:
                self._settle(record.offset + 1, counts.by_source[self._source], until, newest)
                self._rebuilt.known += 1
                self._rebuilt.unknown += left
                counts, left = Counts(), 0
            elif fate is None:
                left += 1
        self._rebuilt.left += left

    def _until(self, record: Record) -> int:
        replayed = replay_times(record)
        if replayed is not None:
            return replayed[1]
        return BEGINNING if self._replays or self._by_marks else arrived_at(record) - self._lateness

    def _look_for(self, record: Record, written: Written) -> tuple[str | None, bool]:
        """How a record is counted besides as received, and whether what it became is on its topic."""
        if written.take(quarantine_record("intake", record.partition, record, _REFUSED)):
            return "quarantined", True
        replayed = replay_times(record)
        if self._source == "channel-feedback" and replayed is None and self._replays:
            return "ignored", False
        arrived = arrived_at(record) if replayed is None else replayed[0]
        result = self._admission.admit(self._source, record.value, arrived, BEGINNING)
        if result is None:
            return "ignored", False
        if isinstance(result, Rejection):
            return None, False
        return None, True in [written.take(self._out(routed)) for routed in result]

    def _out(self, routed: Routed) -> Out:
        topic, envelope = routed
        customer = envelope.customer
        to = LOOKED_AT if customer == TO_ALL else partition_of(customer, self._partitions)
        return Out(topic, to, customer.encode(), encode_envelope(envelope))

    def _settle(self, offset: int, counts: Mapping[str, int], until: int, newest: int) -> None:
        position, source = self._position, self._source
        position["offsets"][source] = offset
        position["until"][source] = max(until, position["until"].get(source, BEGINNING))
        if not (self._replays or self._by_marks):
            position["newest"][source] = max(newest, position["newest"].get(source, newest))
        own = position["counts"].setdefault(source, {})
        for fate, number in counts.items():
            own[fate] = own.get(fate, 0) + number
