"""The log and the sink's snapshot tell of every customer what was recorded: all are recomputed and must agree."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from schemas.base import rfc3339
from schemas.campaigns import CampaignRecord
from sinks.duckdb_writer import DuckDBWriter
from sinks.ingest import TOPICS
from sinks.protocol import Batch
from streams.campaigns import CampaignSet, load_campaigns, records
from streams.errors import InputError
from streams.explain.compare import compared
from streams.explain.log import from_log
from streams.explain.recording import Recording
from streams.explain.show import in_lines
from streams.explain.snapshot import from_snapshot
from streams.explain.story import accounts
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.wire import partition_of
from tests.decide.memory_log import MemoryLog, all_stages, input_log, run
from tests.decide.test_any_cut import CAMPAIGNS, CATALOGUE_LINES
from tests.explain.memory import KeptLog
from tests.sinks.builders import T0, FakeRecord

SETTINGS = Settings(topic_prefix="memory", partitions=3)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
TOLD = 6
"""Customers that are looked at: those with most decisions."""


@pytest.fixture(scope="module")
def campaigns() -> CampaignSet:
    return load_campaigns(CAMPAIGNS)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, campaigns: CampaignSet) -> MemoryLog:
    directory = tmp_path_factory.mktemp("history")
    simulate_retailer(directory, 40, 60, 5)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:CATALOGUE_LINES]))
    log = input_log(SETTINGS, campaigns, directory)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(2), records_max=40)
    return log


@pytest.fixture(scope="module")
def customers(log: MemoryLog) -> list[str]:
    counts = Counter(msgspec.json.decode(value)["customer_id"] for value in log.values("decisions"))
    return [name for name, _ in counts.most_common(TOLD)]


@pytest.fixture(scope="module")
def snapshot(log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    directory = tmp_path_factory.mktemp("sink")
    writer = DuckDBWriter(directory / "cuepoint.duckdb", "memory")
    batch = Batch()
    for (topic, _), rows in log.records.items():
        if topic in TOPICS:
            found = [FakeRecord(row.partition, row.offset, T0, row.key, row.value) for row in rows]
            batch.records.setdefault(topic, []).extend(found)
            batch.count += len(rows)
    writer.write(batch)
    writer.publish(directory, 1, NOW)
    writer.close()
    return SETTINGS.model_copy(update={"snapshot_dir": directory})


def agrees(recording: Recording) -> int:
    """How many decision records are the same; fails when one differs."""
    comparison = compared(recording, None)
    assert comparison is not None
    assert (comparison.only_recorded, comparison.only_recomputed) == ([], [])
    return comparison.same


def test_the_log_recomputes_what_was_recorded(log: MemoryLog, customers: list[str]) -> None:
    same = [agrees(from_log(name, KeptLog(log, 3), None)) for name in customers]
    assert all(same)


def test_the_snapshot_recomputes_what_was_recorded(snapshot: Settings, customers: list[str]) -> None:
    same = [agrees(from_snapshot(name, snapshot, None)) for name in customers]
    assert all(same)


def test_log_and_snapshot_tell_the_same_story(log: MemoryLog, snapshot: Settings, customers: list[str]) -> None:
    merged = 0
    for name in customers:
        left, right = from_log(name, KeptLog(log, 3), None), from_snapshot(name, snapshot, None)
        merged += len(left.merged)
        assert [event.id for event in left.events] == [event.id for event in right.events]
        assert [(a.campaign, a.status, a.never) for a in accounts(left, None)] == [
            (a.campaign, a.status, a.never) for a in accounts(right, None)
        ]
    assert merged > 0


def test_as_of_a_time_only_what_was_decided_until_then_is_compared(log: MemoryLog, customers: list[str]) -> None:
    whole = from_log(customers[0], KeptLog(log, 3), None)
    first = whole.decisions[0]["decided_at"]
    at = whole.events[0].eff + (whole.until - whole.events[0].eff) // 2
    half = from_log(customers[0], KeptLog(log, 3), at)
    assert half.now == at
    assert 0 < agrees(half) < len(whole.decisions)
    assert first < rfc3339(at)


def test_an_altered_decision_is_found(log: MemoryLog, customers: list[str]) -> None:
    recording = from_log(customers[0], KeptLog(log, 3), None)
    assert recording.recorded is not None
    recording.recorded[0] = {**recording.recorded[0], "reason": "expired"}
    comparison = compared(recording, None)
    assert comparison is not None
    assert (len(comparison.only_recorded), len(comparison.only_recomputed), comparison.excused) == (1, 1, "")


def test_a_log_whose_beginning_is_gone_says_so_and_knows_the_campaigns(
    log: MemoryLog, campaigns: CampaignSet, customers: list[str]
) -> None:
    history = tuple(CampaignRecord.model_validate(record) for _, record in records(campaigns, 0, "test"))
    whole = from_log(customers[0], KeptLog(log, 3), None)
    number, key = partition_of(customers[0], 3), frozenset({customers[0].encode()})
    own = [offset for offset, _, _ in KeptLog(log, 3).records("customer-events", number, key)]
    cut = from_log(customers[0], KeptLog(log, 3, own[2], history), None)
    assert cut.begins is not None
    assert 0 < len(cut.events) < len(whole.events)
    assert sorted(cut.rules.campaigns) == sorted(c.id for c in campaigns.campaigns)
    comparison = compared(cut, None)
    assert comparison is not None
    assert comparison.excused
    text = " ".join(" ".join(in_lines(cut, accounts(cut, None), comparison, None, 5, 100)).split())
    assert f"It begins on {rfc3339(cut.begins)[:10]}" in text
    assert "The log begins later" in text


def test_a_log_in_which_nothing_was_decided_is_refused(log: MemoryLog) -> None:
    empty = MemoryLog()
    with pytest.raises(InputError, match="Nothing of c1 is decided yet"):
        from_log("c1", KeptLog(empty, 3), None)


def test_a_snapshot_before_any_decision_is_refused(tmp_path: Path) -> None:
    writer = DuckDBWriter(tmp_path / "cuepoint.duckdb", "memory")
    writer.publish(tmp_path, 1, NOW)
    writer.close()
    with pytest.raises(InputError, match="no time until which all is decided"):
        from_snapshot("c1", SETTINGS.model_copy(update={"snapshot_dir": tmp_path}), None)
