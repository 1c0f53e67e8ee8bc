"""Backup, restore and rehearsal on a real broker, with the work of the stages done beforehand, without workers."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from sinks.consumer import SinkConsumer
from sinks.duckdb_writer import DuckDBWriter
from streams.backup.check import damages, look_at, refusals
from streams.backup.create import create
from streams.backup.manifest import read_manifest
from streams.backup.rehearse import differing, rehearse
from streams.backup.rehearse_database import rehearse_database
from streams.backup.restore import check_target, restore_state
from streams.broker_logs import committed_ends, copy_of_state
from streams.campaigns import CampaignSet, load_campaigns
from streams.errors import StateError
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.tools import consumer, producer
from streams.topics_admin import delete_topics, ensure_topics
from tests.backup.test_rebuild import CAMPAIGNS, turns
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, make_task
from tests.e2e.kit import small_settings

CHANGELOGS = [stage.changelog for stage in STAGES.values()]
TURNS_AFTER = 700


@pytest.fixture
def settings(broker: LocalBroker, prefix: str, tmp_path: Path) -> Settings:
    return small_settings(broker, prefix, tmp_path)


def append(settings: Settings, log: MemoryLog, known: dict[tuple[str, int], int]) -> None:
    """Write what is new in the log to the topics: offsets there are those in memory."""
    with producer(settings) as client:
        for (topic, number), records in log.records.items():
            for record in records[known.get((topic, number), 0) :]:
                client.send(settings.topic(topic), record.value, record.key, list(record.headers), partition=number)
            known[topic, number] = len(records)


def keep(settings: Settings, runners: list[Runner]) -> None:
    """Write the state of the stages to their changelogs."""
    with producer(settings) as client:
        for runner in runners:
            for key, value in runner.table.items():
                client.send(settings.topic(runner.stage.changelog), value, key, partition=runner.partition)


def publish(settings: Settings) -> None:
    """What the sink would have written and published by now."""

    async def read() -> None:
        reader = SinkConsumer(settings, writer)
        await reader.start()
        try:
            while True:
                batch = await reader.collect()
                if batch.positions:
                    writer.write(batch)
                if reader.caught_up():
                    return
        finally:
            await reader.stop()

    writer = DuckDBWriter(settings.duckdb_path, settings.topic_prefix, settings.hash_key)
    try:
        asyncio.run(read())
        writer.publish(settings.snapshot_dir, settings.snapshots_kept, datetime.now(UTC))
    finally:
        writer.close()


def history(settings: Settings, directory: Path) -> MemoryLog:
    campaigns: CampaignSet = load_campaigns(CAMPAIGNS)
    simulate_retailer(directory, 40, 45, 3)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:100]))
    return input_log(settings, campaigns, directory)


def test_state_that_was_lost_comes_back_and_the_rehearsal_agrees(settings: Settings, tmp_path: Path) -> None:
    chance, log = random.Random(2), history(settings, tmp_path / "history")
    runners = [
        Runner(stage, number, partial(make_task, stage, number, settings), log)
        for stage, number in all_stages(settings)
    ]
    known: dict[tuple[str, int], int] = {}
    ensure_topics(settings)
    while not log.values("decisions"):
        turns(runners, chance, 5)
    append(settings, log, known)
    keep(settings, runners)
    publish(settings)
    folder = create(settings, tmp_path / "backups", datetime.now(UTC))
    backup = folder, read_manifest(folder)
    assert list(damages(*backup)) == list(refusals(backup[1], look_at(settings))) == []

    before = len(log.values("decisions"))
    turns(runners, chance, TURNS_AFTER)
    assert before < len(log.values("decisions")), "some was decided before the backup, some after"
    append(settings, log, known)
    publish(settings)
    with pytest.raises(StateError, match="is not empty"):
        check_target(settings, list(STAGES))
    delete_topics(settings, prefix=settings.topic_prefix, only=CHANGELOGS)
    ensure_topics(settings, CHANGELOGS)
    check_target(settings, list(STAGES))
    said: list[str] = []
    restore_state(settings, backup, list(STAGES), said.append)
    assert not [words for words in said if "come out otherwise" in words or "still to be made" in words]

    with consumer(settings) as client:
        for runner in runners:
            place = (runner.stage.changelog, runner.partition)
            end = committed_ends(client, settings, [place])[place]
            assert differing(copy_of_state(client, settings, place, end), runner.table) == ()
    for start in (backup, None):
        assert [finding for finding in rehearse(settings, start) if not finding.agrees] == []
    tables = rehearse_database(settings, backup)
    assert all(table.agrees for table in tables)
    assert {table.table for table in tables if table.live} >= {"raw.customer_events", "raw.decisions"}
