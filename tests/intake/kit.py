"""Input records by hand, and one intake task to feed them to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from schemas.catalog import FeedContinue, KnownBrands, ReplayMode
from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.intake.stamp import replay_header
from streams.intake.task import SOURCES, IntakeTask
from streams.task import Effects, Record
from streams.wire import Mark, decode_envelope, decode_mark
from tests.oracle.builders import HOUR, History, t

NOON = t("2025-03-03T12:00")
LATENESS_MS = 1_000
PARTITIONS = 3
DAY_PART_MS = 6 * HOUR
ALL = frozenset((*SOURCES, "control"))


def good_records(at: int = NOON) -> dict[str, dict[str, Any]]:
    """One good record of each source of customers' events and of the catalogue."""
    history = History()
    history.order(at, {"mug": 1})
    history.back(at, {"mug": 1})
    history.cart(at, {"mug": 1})
    history.receipt(at, {"mug": 1})
    history.profile(at)
    history.feedback(at, "delivered")
    history.product(at, "mug")
    return {source: records[0] for source, records in history.sources.items()}


def encoded(record: Mapping[str, Any]) -> bytes:
    """A record as it travels."""
    return msgspec.json.encode(record)


class Feed:
    """Offsets and records of one partition of all inputs."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.records: dict[str, list[Record]] = {}

    def add(
        self,
        source: str,
        value: Mapping[str, Any] | bytes | None,
        *,
        appended: int = NOON,
        replayed: tuple[int, int] | None = None,
        key: bytes = b"k",
    ) -> Record:
        """Append a record. ``replayed``: (arrived, complete until), as a replay says."""
        offset = self.next.get(source, 0)
        self.next[source] = offset + 1
        headers = () if replayed is None else (replay_header(*replayed),)
        raw = encoded(value) if isinstance(value, Mapping) else value
        record = Record(source, self.partition, offset, appended, key, raw, headers)
        self.records.setdefault(source, []).append(record)
        return record

    def mark(self, source: str, until: int) -> Record:
        """A replay's mark."""
        return self.add(source, b"{}", replayed=(until, until), key=MARK_KEY)

    def marks(self, until: int) -> list[Record]:
        """A replay's marks on every source."""
        return [self.mark(source, until) for source in SOURCES]

    def control(self, order: BaseModel) -> Record:
        """A control record."""
        return self.add("control", order.model_dump_json().encode())


REPLAY = ReplayMode(kind="replay", sources=[])
BRANDS = KnownBrands(kind="brands", brands=["acme"])


def go_on(source: str) -> FeedContinue:
    """The order to go on with a source."""
    return FeedContinue(kind="continue", source=source)


def new_task(partition: int = 0) -> IntakeTask:
    """A task with a lateness of a second."""
    return IntakeTask(partition, PARTITIONS, lambda _: LATENESS_MS)


def started(feed: Feed, *orders: BaseModel) -> IntakeTask:
    """A task that has read these control records."""
    task = new_task(feed.partition)
    task.take("control", [feed.control(order) for order in orders])
    task.step(100)
    return task


def give(task: IntakeTask, *records: Record, budget: int = 10_000) -> Effects:
    """Records in, one step."""
    for record in records:
        task.take(record.topic, [record])
    return task.step(budget)


def envelopes(effects: Effects) -> list[Envelope]:
    """Events written, without control events; each broadcast once."""
    found = [
        decode_envelope(out.value)
        for out in effects.records
        if out.topic in ("customer-events", "identity-events") and out.key != MARK_KEY and out.value is not None
    ]
    unique = {(event.customer, event.type, event.id): event for event in found if event.type != "control"}
    return list(unique.values())


def marks(effects: Effects) -> list[Mark]:
    """Marks written to the first partition of customer-events."""
    return [
        decode_mark(out.value)
        for out in effects.records
        if out.key == MARK_KEY and out.topic == "customer-events" and out.partition == 0 and out.value is not None
    ]


def reasons(effects: Effects) -> list[str]:
    """Reasons of what went to quarantine."""
    return [dict(out.headers)["cuepoint-reason"].decode() for out in effects.records if out.topic == "quarantine"]


def state_of(effects: Effects) -> list[tuple[bytes, bytes]]:
    """The changelog records as a restore gives them."""
    return [(key, value) for key, value in effects.state if value is not None]


def event(record: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The record with other fields; None removes a field."""
    changed = {**record, **changes}
    return {name: value for name, value in changed.items() if value is not None}
