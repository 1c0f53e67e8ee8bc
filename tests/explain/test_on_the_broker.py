"""The log on a real broker is read as the one in memory is, records of aborted transactions left out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.campaigns import load_campaigns
from streams.explain.compare import compared
from streams.explain.kafka_log import kafka_log
from streams.explain.log import from_log
from streams.explain.story import accounts
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics
from tests.decide.memory_log import MemoryLog, all_stages, input_log, run
from tests.decide.test_any_cut import CAMPAIGNS
from tests.explain.memory import KeptLog
from tests.oracle.builders import HOUR, History, t
from tests.sinks.builders import T0, FakeRecord
from tests.sinks.pipeline import produce

NOON = t("2011-03-01T12:00")
OF = {"brand": "online-retail"}


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    ensure_topics(settings)
    yield settings
    delete_topics(settings, prefix=settings.topic_prefix)


def made(settings: Settings, directory: Path) -> MemoryLog:
    """What the stages make of a customer who leaves a cart."""
    history = History()
    history.profile(NOON - HOUR, language="en", **OF)
    history.cart(NOON, "a", customer_id="c1", **OF)
    for source, rows in history.sources.items():
        if rows:
            write(directory / f"{source}.jsonl", rows)
    log = input_log(settings, load_campaigns(CAMPAIGNS), directory)
    run(log, settings, all_stages(settings), random.Random(1))
    return log


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows) + b"\n")


def test_the_broker_tells_what_the_log_in_memory_tells(topics: Settings, tmp_path: Path) -> None:
    log = made(topics, tmp_path)
    for topic in ("customer-events", "decisions"):
        for number in range(topics.partitions):
            rows = log.records.get((topic, number), [])
            kept = [FakeRecord(number, row.offset, T0, row.key, row.value) for row in rows]
            produce(topics, topic, kept[:1], commit=False)
            produce(topics, topic, kept)
    with kafka_log(topics) as read:
        found = from_log("c1", read, None)
    expected = from_log("c1", KeptLog(log, topics.partitions), None)
    comparison = compared(found, None)
    assert comparison is not None
    assert comparison.agrees
    assert comparison.same > 0
    assert found.begins is None
    assert [event.id for event in found.events] == [event.id for event in expected.events]
    assert [(a.campaign, a.status) for a in accounts(found, None)] == [
        (a.campaign, a.status) for a in accounts(expected, None)
    ]
