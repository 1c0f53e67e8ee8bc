"""News of a popular product: everybody who wants it is told, in slices, wherever the log is cut or a task dies.

Forty customers want a few products that change again and again; some of them are merged, some erased.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from schemas.topics import STAGES
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet
from streams.decide.task import WATCHER
from streams.ordered import POSITION_KEY
from streams.replay.files import merged
from streams.runtime.rocks_files import open_rocks
from streams.runtime.store import Store
from streams.settings import Settings
from streams.table import wake_of
from streams.task import Task
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, make_task, outcome_set, run
from tests.decide.test_rules_change import FinishedLog
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t

SETTINGS = Settings(topic_prefix="memory", partitions=2)
START = t("2026-03-01")
PEOPLE = [f"c{number}" for number in range(1, 41)]
CAMPAIGNS = CampaignSet(
    (
        campaign("price_drop", after="0s", options={"min_percent": 10}),
        campaign("back_in_stock", after="1h"),
        campaign("complementary_offer", after="1d"),
        campaign("replenishment", after="0s", options={"min_intervals": 1}),
    ),
    (brand(),),
)


def story() -> History:
    history, chance = History(), random.Random(1)
    for person in PEOPLE:
        history.profile(START, person)
    for product in ("p1", "p2", "x1"):
        history.product(START, product, prices=_price("10.00"))
    for number, person in enumerate(PEOPLE):
        at = START + HOUR + number * MINUTE
        who = {"customer_id": person} if number % 3 else {"anonymous_id": f"visitor-{person}"}
        for product in ("p1", "p2")[: chance.randint(1, 2)]:
            history.add("web-sessions", "product.viewed", at, session_id="s", product_id=product, **who)
        if "anonymous_id" in who:
            history.identified(at + DAY, person, **who)
        if number % 4 == 0:
            history.order(at + DAY, "p2", f"o-{person}", customer_id=person)
    for day, fields in enumerate(
        (
            {"prices": _price("9.00")},
            {"prices": _price("8.00"), "available": False},
            {"prices": _price("8.00"), "accessories": ["x1"]},
            {"prices": _price("11.00"), "usual_days": 9},
            {"prices": _price("5.00"), "usual_days": 12},
        )
    ):
        for product in ("p1", "p2"):
            history.product(START + (day + 2) * DAY, product, **fields)
    history.merged(START + 4 * DAY, "c2", "c1")
    history.merged(START + 5 * DAY, "c3", "c1")
    history.erased(START + 3 * DAY, "c5")
    return history


def _price(amount: str) -> list[dict[str, str]]:
    return [{"market": "GB", "currency": "GBP", "amount": amount}]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("news")
    for source, records in story().sources.items():
        records.sort(key=lambda record: str(record["occurred_at"]))
        (path / f"{source}.jsonl").write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


@pytest.fixture(scope="module")
def expected(directory: Path) -> BacktestResult:
    return backtest_lines(merged(directory), CAMPAIGNS, lambda _: 0)


@pytest.fixture(scope="module")
def whole_run(directory: Path) -> MemoryLog:
    log = input_log(SETTINGS, CAMPAIGNS, directory)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1))
    return log


def test_the_backtest_decides_as_the_oracle_does(expected: BacktestResult) -> None:
    found = oracle_decisions(story().sources, CAMPAIGNS.campaigns, CAMPAIGNS.brands, LATENESS)
    assert expected.outcomes == found
    sent = {row["campaign"] for row in expected.decisions if row["outcome"] == "sent"}
    assert sent == {"price-drop", "back-in-stock", "complementary-offer", "replenishment"}
    assert len(found) > 100


@pytest.mark.parametrize(("budget", "crash_share", "seeds"), [(100_000, 0.0, 1), (5, 0.0, 1), (3, 0.4, 5)])
def test_any_cut_and_any_death_give_the_decisions_of_the_backtest(
    directory: Path, expected: BacktestResult, budget: int, crash_share: float, seeds: int
) -> None:
    """A step that is lost lies near the beginning of its round: small rounds let it fall into the midst of news."""
    tight, records_max = crash_share > 0, 8 if crash_share else 500
    for seed in range(seeds):
        log, chance = input_log(SETTINGS, CAMPAIGNS, directory), random.Random(seed)
        stages = all_stages(SETTINGS)
        run(log, SETTINGS, stages, chance, records_max=records_max, budget=budget, crash_share=crash_share, tight=tight)
        assert outcome_set(log) == expected.outcomes
        assert len(log.values("decisions")) == len(expected.decisions)


@pytest.mark.parametrize("in_rocks", [False, True])
def test_a_death_after_every_slice_leaves_the_table_byte_for_byte(
    whole_run: MemoryLog, in_rocks: bool, tmp_path: Path
) -> None:
    def open_store(stage: str, partition: int, task: Task) -> Store:
        settings = Settings(topic_prefix="memory", state_dir=tmp_path)
        return open_rocks(settings, STAGES[stage], partition, "topic", wake_of(task))

    for partition in range(SETTINGS.partitions):
        whole, _ = worked_off(whole_run, partition, 1_000_000)
        again, deaths = worked_off(whole_run, partition, 3, dying=True, open_store=open_store if in_rocks else None)
        assert again == whole
        assert deaths > 10
        assert any(key.startswith(WATCHER) for key in whole)


def worked_off(
    log: MemoryLog,
    partition: int,
    budget: int,
    dying: bool = False,
    open_store: Callable[[str, int, Task], Store] | None = None,
) -> tuple[dict[bytes, bytes], int]:
    """Decide's table, without its position, when all of ``customer-events`` is worked off, and how often the task died.
    ``dying``: whenever some customers have heard of a change and not all."""
    own = FinishedLog()
    stores: list[Store] = []
    own.records = log.records

    def opened(stage: str, partition: int, task: Task) -> Store:
        assert open_store is not None
        stores.append(open_store(stage, partition, task))
        return stores[-1]

    make = partial(make_task, "decide", partition, SETTINGS, dying)
    runner = Runner("decide", partition, make, own, None if open_store is None else opened)
    died_at: list[object] = []
    while runner.step(budget):
        position = (stores[-1].get if stores else runner.table.get)(POSITION_KEY)
        news = None if position is None else msgspec.msgpack.decode(position)["extra"]["news"]
        if dying and news is not None and news not in died_at:
            died_at.append(news)
            runner.restart()
    rows = dict(stores[-1].scan(b"")) if stores else runner.table
    if stores:
        stores[-1].close()
    return {key: value for key, value in rows.items() if key != POSITION_KEY}, len(died_at)


def test_nobody_is_left_in_the_index_who_was_erased_or_merged_away(whole_run: MemoryLog) -> None:
    tables = [worked_off(whole_run, partition, 1_000_000)[0] for partition in range(SETTINGS.partitions)]
    entered = {
        customer
        for table in tables
        for key, value in table.items()
        if key.startswith(WATCHER)
        for customer in msgspec.msgpack.decode(value)
    }
    assert entered >= {"c1", "c4", "c6"}
    assert not entered & {"c2", "c3", "c5"}
    assert not any(customer.startswith("anon:") for customer in entered), "they get no message about a product"
