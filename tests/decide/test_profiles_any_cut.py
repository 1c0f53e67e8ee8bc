"""The topic ``customer-profile``: byte-identical for the same log, however it is cut and wherever a task dies, and in
the end what the backtest says."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.profiles import PublicProfile
from schemas.topics import STAGES
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns
from streams.decide.task import PROFILE
from streams.replay.files import merged
from streams.runtime.rocks_files import open_rocks
from streams.runtime.store import Store
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.simulate.retailer import START_MS
from streams.table import wake_of
from streams.task import Task
from streams.wire import partition_of
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, make_task, run
from tests.oracle.builders import DAY, HOUR, History

SETTINGS = Settings(topic_prefix="memory", partitions=3)
CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
TOPIC = "customer-profile"
BRAND = "online-retail"
EVERY = 7
"""One customer in so many is erased, another is merged into the next."""


@pytest.fixture(scope="module")
def campaigns() -> CampaignSet:
    shipped = load_campaigns(CAMPAIGNS)
    return CampaignSet(shipped.campaigns, tuple(one.model_copy(update={"profile": True}) for one in shipped.brands))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated customers who consent to marketing onsite where they do by e-mail; some of them end, some merge."""
    directory, told = tmp_path_factory.mktemp("history"), History()
    simulate_retailer(directory, 60, 60, 3)
    customers = [msgspec.json.decode(line) for line in (directory / "customers.jsonl").read_bytes().splitlines()]
    names: list[str] = []
    for record in customers:
        words = [word for word in record.get("consents", ()) if word["channel"] == "email"]
        record["consents"] = [*record.get("consents", ()), *({**word, "channel": "onsite"} for word in words)]
        names += [record["customer_id"]] if record["customer_id"] not in names else []
    for number, name in enumerate(names[:-1]):
        at = START_MS + (50 + number % 9) * DAY + number * HOUR // 7
        if number % EVERY == 0:
            told.erased(at, name)["brand"] = BRAND
        elif number % EVERY == 3:
            ids = {"merged_id": name, "customer_id": names[number + 1]}
            told.add("customers", "customer.merged", at, brand=BRAND, **ids)
    rows = sorted([*customers, *told.sources["customers"]], key=lambda record: str(record["occurred_at"]))
    (directory / "customers.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return directory


@pytest.fixture(scope="module")
def expected(history: Path, campaigns: CampaignSet) -> BacktestResult:
    return backtest_lines(merged(history), campaigns, SETTINGS.replay_lateness)


@pytest.fixture(scope="module")
def whole_run(history: Path, campaigns: CampaignSet) -> MemoryLog:
    log = input_log(SETTINGS, campaigns, history)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1))
    return log


def told(log: MemoryLog) -> list[tuple[int, bytes | None, bytes | None]]:
    """Partition, key and value of every record of the topic, partition by partition."""
    places = sorted(place for place in log.records if place[0] == TOPIC)
    return [(place[1], record.key, record.value) for place in places for record in log.records[place]]


def compacted(log: MemoryLog) -> dict[str, dict[str, Any]]:
    """What a reader of the whole topic holds in the end."""
    last: dict[str, dict[str, Any]] = {}
    for _, key, value in told(log):
        assert key is not None
        if value is None:
            del last[key.decode()]
        else:
            last[key.decode()] = msgspec.json.decode(value)
    return last


def test_the_history_shows_every_kind_of_change(whole_run: MemoryLog, expected: BacktestResult) -> None:
    rows = told(whole_run)
    tombstones = [key for _, key, value in rows if value is None]
    assert len(tombstones) > 5
    assert len(rows) > 3 * len({key for _, key, _ in rows}), "profiles change"
    assert {row["stage"] for row in expected.profiles.values()} >= {"active", "at_risk", "loyal"}
    assert any(row["visits"] > 1 for row in expected.profiles.values())
    assert any(row["affinities"] for row in expected.profiles.values())


def test_a_replay_ends_with_the_profiles_of_the_backtest(whole_run: MemoryLog, expected: BacktestResult) -> None:
    assert compacted(whole_run) == expected.profiles


def test_every_record_follows_the_contract_and_lies_where_its_customer_does(whole_run: MemoryLog) -> None:
    for partition, key, value in told(whole_run):
        assert key is not None
        brand, customer = key.decode().split(":")
        assert partition == partition_of(customer, SETTINGS.partitions)
        if value is not None:
            assert PublicProfile.model_validate_json(value).brand == brand


def test_no_two_records_of_a_customer_in_a_row_say_the_same(whole_run: MemoryLog) -> None:
    last: dict[bytes | None, Any] = {}
    for _, key, value in told(whole_run):
        found = None if value is None else {**msgspec.json.decode(value), "as_of": None}
        assert found != last.get(key), key
        last[key] = found


@pytest.mark.parametrize("seed", range(2))
def test_crashes_anywhere_in_all_stages_change_nothing(
    seed: int, history: Path, campaigns: CampaignSet, expected: BacktestResult
) -> None:
    log, chance = input_log(SETTINGS, campaigns, history), random.Random(seed)
    run(log, SETTINGS, all_stages(SETTINGS), chance, records_max=120, budget=150, crash_share=0.15, tight=seed > 0)
    assert compacted(log) == expected.profiles


@pytest.mark.parametrize(
    ("records_max", "budget", "crash_share", "kept"),
    [
        (7, 1_000, 0.02, "nothing"),
        (5_000, 100_000, 0.0, "everything"),
        (60, 13, 0.08, "nothing"),
        (60, 1_000, 0.08, "everything"),
        (60, 1_000, 0.08, "in RocksDB"),
    ],
)
def test_the_same_log_gives_the_same_bytes(
    whole_run: MemoryLog, records_max: int, budget: int, crash_share: float, kept: str, tmp_path: Path
) -> None:
    def open_store(stage: str, partition: int, task: Task) -> Store:
        settings = Settings(topic_prefix="memory", state_dir=tmp_path)
        return open_rocks(settings, STAGES[stage], partition, "topic", wake_of(task))

    again = MemoryLog()
    again.records = {p: list(records) for p, records in whole_run.records.items() if p[0] == "customer-events"}
    run(
        again,
        SETTINGS,
        [("decide", number) for number in range(SETTINGS.partitions)],
        random.Random(records_max),
        records_max=records_max,
        budget=budget,
        crash_share=crash_share,
        tight=kept != "everything",
        open_store=open_store if kept == "in RocksDB" else None,
    )
    assert told(again) == told(whole_run)


def test_the_table_keeps_a_hash_for_each_profile_and_nothing_else(
    whole_run: MemoryLog, expected: BacktestResult
) -> None:
    again, found = MemoryLog(), dict[str, dict[str, str]]()
    again.records = {p: list(records) for p, records in whole_run.records.items() if p[0] == "customer-events"}
    for number in range(SETTINGS.partitions):
        runner = Runner("decide", number, lambda number=number: make_task("decide", number, SETTINGS), again)  # type: ignore[misc]
        while runner.step(1_000):
            pass
        keys = [key for key in runner.table if key.startswith(PROFILE)]
        found |= {key[len(PROFILE) :].decode(): msgspec.json.decode(runner.table[key]) for key in keys}
    assert {f"{brand}:{name}" for name, brands in found.items() for brand in brands} == set(expected.profiles)
    assert {len(told) for brands in found.values() for told in brands.values()} == {24}


def test_the_last_word_about_who_was_erased_or_merged_away_is_a_tombstone(whole_run: MemoryLog, history: Path) -> None:
    lines = [msgspec.json.decode(line) for line in (history / "customers.jsonl").read_bytes().splitlines()]
    erased = {row["customer_id"] for row in lines if row["type"] == "customer.erased"}
    merged_away = {row["merged_id"] for row in lines if row["type"] == "customer.merged"}
    last = compacted(whole_run)
    gone = {key.decode().split(":")[1] for _, key, value in told(whole_run) if value is None and key is not None}
    assert gone & erased
    assert gone & merged_away
    assert not {f"{BRAND}:{name}" for name in erased | merged_away} & last.keys()
