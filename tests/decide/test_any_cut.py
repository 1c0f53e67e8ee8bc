"""Guarantee (a): the same log gives the same decisions, however it is cut into batches and wherever a task dies."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from schemas.decisions import Decision, Trigger
from schemas.topics import STAGES
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns
from streams.replay.files import merged
from streams.runtime.rocks_files import open_rocks
from streams.runtime.store import Store
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.table import wake_of
from streams.task import Task
from tests.decide.memory_log import MemoryLog, all_stages, input_log, outcome_set, run

SETTINGS = Settings(topic_prefix="memory", partitions=3)
CATALOGUE_LINES = 300
"""Enough for offers that fit; a restart reads all of it."""
CAMPAIGNS = Path(__file__).parents[2] / "campaigns"


@pytest.fixture(scope="module")
def campaigns() -> CampaignSet:
    return load_campaigns(CAMPAIGNS)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("history")
    simulate_retailer(directory, 60, 60, 3)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:CATALOGUE_LINES]))
    return directory


@pytest.fixture(scope="module")
def expected(history: Path, campaigns: CampaignSet) -> BacktestResult:
    return backtest_lines(merged(history), campaigns, SETTINGS.replay_lateness)


@pytest.fixture(scope="module")
def whole_run(history: Path, campaigns: CampaignSet) -> MemoryLog:
    log = input_log(SETTINGS, campaigns, history)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1))
    return log


def test_all_stages_make_the_decisions_of_the_backtest(whole_run: MemoryLog, expected: BacktestResult) -> None:
    assert outcome_set(whole_run) == expected.outcomes
    assert len(whole_run.values("decisions")) == len(expected.decisions)
    assert {decision["outcome"] for decision in expected.decisions} >= {"sent", "suppressed", "held"}


@pytest.mark.parametrize("seed", range(3))
def test_crashes_anywhere_in_all_stages_change_nothing(
    seed: int, history: Path, campaigns: CampaignSet, expected: BacktestResult
) -> None:
    log = input_log(SETTINGS, campaigns, history)
    chance = random.Random(seed)
    run(log, SETTINGS, all_stages(SETTINGS), chance, records_max=120, budget=150, crash_share=0.15, tight=seed > 0)
    assert outcome_set(log) == expected.outcomes
    assert len(log.values("decisions")) == len(expected.decisions)


@pytest.mark.parametrize(
    ("records_max", "budget", "crash_share", "kept"),
    [
        (1, 1_000, 0.0, "everything"),
        (7, 1_000, 0.02, "nothing"),
        (5_000, 100_000, 0.0, "everything"),
        (5_000, 100_000, 0.0, "nothing"),
        (60, 1_000, 0.08, "everything"),
        (60, 13, 0.08, "nothing"),
        (200, 50, 0.01, "everything"),
        (200, 50, 0.01, "in RocksDB"),
        (60, 1_000, 0.08, "in RocksDB"),
    ],
)
def test_decide_alone_is_byte_identical(
    whole_run: MemoryLog, records_max: int, budget: int, crash_share: float, kept: str, tmp_path: Path
) -> None:
    """``kept``: what stays in memory between two steps; what does not, comes from the table again."""

    def open_store(stage: str, partition: int, task: Task) -> Store:
        settings = Settings(topic_prefix="memory", state_dir=tmp_path)
        return open_rocks(settings, STAGES[stage], partition, "topic", wake_of(task))

    again = MemoryLog()
    places = [place for place in whole_run.records if place[0] == "customer-events"]
    again.records = {place: list(whole_run.records[place]) for place in places}
    lengths = {place: len(again.records[place]) for place in places}
    tasks = [("decide", number) for number in range(SETTINGS.partitions)]
    chance = random.Random(records_max)
    outputs = {topic for topic, _ in whole_run.records if topic == "decisions" or topic.startswith("triggers.")}
    run(
        again,
        SETTINGS,
        tasks,
        chance,
        records_max=records_max,
        budget=budget,
        crash_share=crash_share,
        tight=kept != "everything",
        open_store=open_store if kept == "in RocksDB" else None,
    )
    for topic in outputs:
        assert again.values(topic) == whole_run.values(topic), topic
    assert all(len(again.records[place]) >= lengths[place] for place in places)


def test_every_decision_and_trigger_follows_its_contract(whole_run: MemoryLog) -> None:
    for value in whole_run.values("decisions"):
        Decision.model_validate_json(value)
    sent: Counter[tuple[str, str]] = Counter()
    for topic in {topic for topic, _ in whole_run.records if topic.startswith("triggers.")}:
        for value in whole_run.values(topic):
            trigger = Trigger.model_validate_json(value)
            sent[trigger.decision_id, trigger.action] += 1
    assert sent
    assert set(sent.values()) == {1}


def test_counts_add_up(whole_run: MemoryLog, expected: BacktestResult) -> None:
    for source, row in expected.counts.by_source.items():
        parts = sum(row.get(fate, 0) for fate in ("accepted", "duplicate", "ignored", "quarantined"))
        assert row["received"] == parts, source
