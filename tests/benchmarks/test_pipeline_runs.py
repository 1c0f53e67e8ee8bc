"""Small runs of what the pipeline's rows measure: they do the work, and find figures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer

from benchmarks.pipeline import copies, core, mix
from benchmarks.pipeline.decide import Run, restore, run_on, scratch_settings, topics
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.logs import rows_of, write
from benchmarks.pipeline.whole import run_whole
from deploy.local.broker import LocalBroker
from streams.settings import Settings
from streams.simulate.rates import DAY_MS
from streams.simulate.retailer import START_MS
from streams.tools import read_all
from streams.topics_admin import describe

RECORDS = 1_400
COPIES = 2
NOW = START_MS + 300 * DAY_MS


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[mix.Line]:
    """A year of twenty simulated customers."""
    return mix.simulated(tmp_path_factory.mktemp("retailer"), RECORDS)


def found_decisions(settings: Settings) -> Counter[str]:
    client = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
    try:
        return Counter(_name(json.loads(record.value)) for record in read_all(client, settings, "decisions"))
    finally:
        client.close()


def _name(row: dict[str, Any]) -> str:
    return "|".join(str(row[field]) for field in ("customer_id", "decision_id", "outcome", "reason"))


def check(run: Run, *processes: str) -> None:
    """The figures are there, for each process."""
    assert run.events_per_s > 0
    assert run.cpu_us_per_event > 0
    assert set(processes) <= run.cpu_s.keys()
    assert all(run.cpu_s[name] > 0 for name in processes)
    assert all(run.rss_bytes[name] > 10_000_000 for name in processes)


def test_two_workers_of_decide_decide_what_the_dry_run_decided(
    broker: LocalBroker, lines: list[mix.Line], tmp_path: Path
) -> None:
    settings = scratch_settings(broker.bootstrap_servers, "test", tmp_path, partitions=2)
    dry_run = DryRun(settings, mix.shipped_campaigns())
    given = dry_run.run(lines)
    with topics(settings):
        run = run_on(settings, {}, rows_of(given.log), given.events, given.end, workers=2, profile=True)
        found = found_decisions(settings)
    assert not describe(settings)
    check(run, "decide-0", "decide-1")
    assert run.profiles["decide-0"]["kinds"]
    logged = [record for (topic, _), kept in dry_run.log.items() if topic == "decisions" for record in kept]
    assert found == Counter(_name(json.loads(record.value or b"")) for record in logged)
    assert found


def test_copied_customers_are_restored_and_decided_about(
    broker: LocalBroker, lines: list[mix.Line], tmp_path: Path
) -> None:
    settings = scratch_settings(broker.bootstrap_servers, "test", tmp_path, partitions=1)
    dry_run = DryRun(settings, mix.shipped_campaigns())
    dry_run.run(copies.renameable([line for line in lines if line[1] < NOW]), NOW)
    made_before = len(dry_run.log["decisions", 0])
    given = dry_run.run(copies.renameable([line for line in lines if line[1] >= NOW]))
    made = [json.loads(record.value or b"") for record in dry_run.log["decisions", 0][made_before:]]
    with topics(settings):
        size = write(settings, copies.copied_tables("decide", given.tables, COPIES))
        seconds, resident = restore(settings)
        log, events = copies.copied_log(given.log, COPIES), copies.copied_events(given, COPIES)
        check(run_on(settings, {}, log, events, given.end), "decide")
        found = found_decisions(settings)
    assert size > 0 < seconds
    assert resident > 10_000_000
    assert found.total() == COPIES * len(made)
    per_copy = Counter(name.split("|")[0].rpartition("-")[2] for name in found.elements())
    assert per_copy == {copies.name_of(number).decode(): len(made) for number in range(COPIES)}


def test_all_stages_and_the_sink_come_to_an_end(broker: LocalBroker, lines: list[mix.Line], tmp_path: Path) -> None:
    settings = scratch_settings(broker.bootstrap_servers, "test", tmp_path, partitions=2)
    assert broker.pid is not None
    run = run_whole(settings, mix.shipped_campaigns(), lines, broker.pid)
    assert run.events == len(lines)
    check(run, "intake", "identity", "decide", "sink")
    assert run.cpu_s["broker"] > 0


def test_the_core_over_files_counts_records_and_processor_time(tmp_path: Path) -> None:
    found = core.run(mix.directory_of(tmp_path, RECORDS))
    assert found["records"] > RECORDS / 2
    assert found["cpu_s"] > 0
    assert found["decisions"] > 0
