"""One look at a pipeline from outside: stages, lag, watermarks, decisions, quarantine. It needs the broker alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from schemas.decisions import Progress
from schemas.quarantine import HEADER_REASON, HEADER_TOPIC
from schemas.topics import MARK_KEY, STAGES
from streams.consumer_groups import committed_offsets
from streams.errors import BrokerUnavailableError
from streams.operate.pauses import Stop, stops
from streams.settings import Settings
from streams.tools import POLL_MS, partitions_of, read_progress
from streams.wire import END_OF_TIME, decode_mark

MARKS_WINDOW_MS = 60_000
DECISIONS_WINDOW_MS = 10_000
QUARANTINE_WINDOW_MS = 3_600_000
RECORDS_MAX = 20_000
"""Most records of a partition that one look reads: the newest ones."""
NOT_YET = -(1 << 61)


class _Outcome(msgspec.Struct):
    outcome: str


_outcomes = msgspec.json.Decoder(_Outcome)


@dataclass(frozen=True)
class StageView:
    """A stage over all its partitions. ``clock_age_s``: of the slowest one; None: one has none yet."""

    stage: str
    reported: int
    """Partitions that have ever reported."""
    lag: int
    clock_age_s: float | None
    waiting: int
    customers: int
    timers: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """What was seen at ``at_ms`` (milliseconds since the epoch)."""

    at_ms: int
    stages: tuple[StageView, ...]
    watermark_age_s: dict[str, float | None]
    """By source; None: complete to the end. Empty when nobody has written marks lately."""
    decisions_per_s: dict[str, float]
    """By outcome, over the last ten seconds."""
    quarantined: dict[tuple[str, str], int]
    """(topic, reason) -> records of the last hour."""
    stops: tuple[Stop, ...] = ()
    """What somebody has paused."""


def look(client: KafkaConsumer, admin: KafkaAdminClient, settings: Settings, at_ms: int) -> View:
    """Look once. ``client`` reads committed records without a group. Raises BrokerError, KafkaError."""
    progress = read_progress(client, settings)
    decided = Counter(
        _outcomes.decode(record.value).outcome
        for record in _since(client, settings, "decisions", at_ms - DECISIONS_WINDOW_MS)
    )
    refused = Counter(
        (headers[HEADER_TOPIC].decode(), headers[HEADER_REASON].decode())
        for record in _since(client, settings, "quarantine", at_ms - QUARANTINE_WINDOW_MS)
        for headers in [dict(record.headers)]
    )
    return View(
        at_ms,
        tuple(
            _stage(stage, progress, _lag(client, admin, settings, stage), at_ms, settings.partitions)
            for stage in STAGES
        ),
        _watermarks(client, settings, at_ms),
        {outcome: count / (DECISIONS_WINDOW_MS / 1000) for outcome, count in sorted(decided.items())},
        dict(sorted(refused.items())),
        tuple(stops(client, settings)),
    )


def _stage(stage: str, progress: dict[tuple[str, int], Progress], lag: int, at_ms: int, partitions: int) -> StageView:
    rows = [row for (name, _), row in progress.items() if name == stage]
    clocks = [row.clock for row in rows]
    known = [clock for clock in clocks if clock is not None]
    slowest = min(known) if len(known) == partitions else None
    return StageView(
        stage,
        len(rows),
        lag,
        None if slowest is None else (at_ms - slowest) / 1000,
        sum(row.waiting for row in rows),
        sum(row.customers for row in rows),
        sum(row.timers for row in rows),
        tuple(sorted({task for row in rows for task in row.missing})),
    )


def _lag(client: KafkaConsumer, admin: KafkaAdminClient, settings: Settings, stage: str) -> int:
    """Offsets between what the group has committed and the ends of its inputs; all of them when it never committed."""
    group = f"{settings.topic_prefix}-{stage}"
    committed = _committed(admin, group)
    places = [place for topic in STAGES[stage].inputs for place in partitions_of(client, settings, topic)]
    ends, begins = client.end_offsets(places), client.beginning_offsets(places)
    read = {place: max(committed[place].offset if place in committed else 0, begins[place]) for place in places}
    return sum(max(0, ends[place] - read[place]) for place in places)


def _committed(admin: KafkaAdminClient, group: str) -> dict[TopicPartition, Any]:
    """Nothing where nobody answers for the group either: what else is seen is worth a look."""
    try:
        return committed_offsets(admin, group)
    except BrokerUnavailableError:
        return {}


def _watermarks(client: KafkaConsumer, settings: Settings, at_ms: int) -> dict[str, float | None]:
    """By source, how old the oldest watermark is that any partition of the log holds."""
    marks: dict[tuple[int, str, int], dict[str, int]] = {}
    for record in _since(client, settings, "customer-events", at_ms - MARKS_WINDOW_MS, marks_only=True):
        mark = decode_mark(record.value)
        if mark.until:
            marks[record.partition, mark.stage, mark.task] = mark.until
    oldest: dict[str, int] = {}
    for until in marks.values():
        for source, moment in until.items():
            oldest[source] = min(moment, oldest.get(source, END_OF_TIME))
    return {
        source: None if moment == END_OF_TIME else (at_ms - moment) / 1000
        for source, moment in sorted(oldest.items())
        if moment > NOT_YET
    }


def _since(
    client: KafkaConsumer, settings: Settings, topic: str, since_ms: int, marks_only: bool = False
) -> Iterator[Any]:
    """Records that arrived since then, at most the newest ``RECORDS_MAX`` of a partition."""
    places = partitions_of(client, settings, topic)
    client.assign(places)
    ends = client.end_offsets(places)
    found = client.offsets_for_times(dict.fromkeys(places, since_ms))
    for place in places:
        first: TopicPartition | Any = found.get(place)
        client.seek(place, ends[place] if first is None else max(first.offset, ends[place] - RECORDS_MAX))
    while any(client.position(place) < ends[place] for place in places):
        for batch in client.poll(timeout_ms=POLL_MS).values():
            yield from (record for record in batch if (record.key == MARK_KEY) == marks_only)
