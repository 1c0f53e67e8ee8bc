"""Campaigns published while customers have state: each customer is armed once, in slices, wherever a task dies.

The history is that of ``test_any_cut``; half of the campaigns come in the middle of it, all at the same moment, a
changed one comes later, and another change was planned long before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from schemas.envelope import Envelope
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet, known_brands, load_campaigns, records
from streams.decide.alarms import CUSTOMER
from streams.decide.partition import PLANNED_MS, Partition
from streams.decide.state import STATE_VERSION, CustomerState, encode_state
from streams.ordered import POSITION_KEY
from streams.replay.files import merged
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.task import Out
from tests.decide.memory_log import MemoryLog, MemoryReplay, Runner, all_stages, make_task, outcome_set, run
from tests.decide.test_any_cut import CAMPAIGNS, CATALOGUE_LINES

SETTINGS = Settings(topic_prefix="memory", partitions=3)
Line = tuple[str, int, bytes]


class LateCampaigns:
    """A history with campaigns among its lines."""

    def __init__(self, directory: Path) -> None:
        simulate_retailer(directory, 60, 60, 5)
        catalogue = directory / "catalog.jsonl"
        catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:CATALOGUE_LINES]))
        content = load_campaigns(CAMPAIGNS)
        half = len(content.campaigns) // 2
        self.early = CampaignSet(content.campaigns[:half], content.brands)
        first = content.campaigns[0]
        changed = first.model_copy(update={"priority": first.priority + 1})
        cart = next(campaign for campaign in self.early.campaigns if campaign.id == "cart-reminder")
        slower = [step.model_copy(update={"after": step.after * 2}) for step in cart.steps]
        planned = cart.model_copy(update={"steps": slower})
        lines = list(merged(directory))
        middle, later = (lines[len(lines) * part // 8][1] for part in (4, 6))
        self.lines: list[Line] = sorted(
            [
                *lines,
                *self._published(CampaignSet(content.campaigns[half:], ()), middle),
                *self._published(CampaignSet((changed,), ()), later),
                *self._published(
                    CampaignSet((planned,), ()), lines[len(lines) * 5 // 8][1], told=lines[len(lines) // 8][1]
                ),
            ],
            key=lambda line: line[1],
        )

    def expected(self) -> BacktestResult:
        """The backtest."""
        return backtest_lines(self.lines, self.early, SETTINGS.replay_lateness)

    def log(self) -> MemoryLog:
        """The input topics."""
        log = MemoryLog()
        brands = msgspec.json.encode({"kind": "brands", "brands": sorted(known_brands(self.early))})
        for partition in range(SETTINGS.partitions):
            log.append(Out("control", partition, b"brands", brands))
            log.append(Out("control", partition, b"mode", b'{"kind":"replay","sources":[],"hand_over":true}'))
        replay = MemoryReplay(SETTINGS, log)
        asyncio.run(replay.write(records(self.early, 0, "test"), self.lines, None, None, lambda _: None))
        return log

    @staticmethod
    def _published(content: CampaignSet, at: int, told: int | None = None) -> Iterator[Line]:
        """``at``: when they come into force; ``told``: when they arrive, if that is earlier."""
        for _, record in records(content, at, "test"):
            yield "campaigns", at if told is None else told, msgspec.json.encode(record)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> LateCampaigns:
    return LateCampaigns(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def expected(history: LateCampaigns) -> BacktestResult:
    return history.expected()


def test_late_campaigns_decide_something(history: LateCampaigns, expected: BacktestResult) -> None:
    early = {campaign.id for campaign in history.early.campaigns}
    decided = {decision["campaign"] for decision in expected.decisions}
    assert decided & early
    assert decided - early


@pytest.mark.parametrize(("budget", "crash_share"), [(100_000, 0.0), (7, 0.0), (7, 0.1), (40, 0.3)])
def test_the_decisions_are_those_of_the_backtest(
    history: LateCampaigns, expected: BacktestResult, budget: int, crash_share: float
) -> None:
    log = history.log()
    chance = random.Random(budget)
    run(log, SETTINGS, all_stages(SETTINGS), chance, budget=budget, crash_share=crash_share, tight=crash_share > 0)
    assert outcome_set(log) == expected.outcomes
    assert len(log.values("decisions")) == len(expected.decisions)


class FinishedLog(MemoryLog):
    """It has all that decide sends to itself already."""

    def append(self, out: Out) -> None:
        pass


def states_of(log: MemoryLog, partition: int, budget: int, restarts: bool) -> tuple[dict[bytes, bytes], int]:
    """The customers in decide's table when all of ``customer-events`` is worked off, and how often the task died: after
    each step that armed some customers and not all."""
    own = FinishedLog()
    own.records = log.records
    runner = Runner("decide", partition, partial(make_task, "decide", partition, SETTINGS, restarts), own)
    died_at: list[object] = []
    while runner.step(budget):
        if POSITION_KEY not in runner.table:
            continue
        rearming = msgspec.msgpack.decode(runner.table[POSITION_KEY])["extra"]["rearming"]
        if restarts and rearming is not None and rearming not in died_at:
            died_at.append(rearming)
            runner.restart()
    return {key: value for key, value in runner.table.items() if key.startswith(CUSTOMER)}, len(died_at)


def test_a_death_after_every_slice_leaves_every_customer_byte_for_byte(history: LateCampaigns) -> None:
    log = history.log()
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1))
    for partition in range(SETTINGS.partitions):
        whole, _ = states_of(log, partition, 1_000_000, restarts=False)
        assert len(whole) > 20
        again, deaths = states_of(log, partition, 6, restarts=True)
        assert again == whole
        assert deaths >= 6


class Armed:
    """A partition over many stored customers, that notes who is armed and when."""

    def __init__(self, customers: int) -> None:
        self.stored = {f"c{number:03}": encode_state(CustomerState(STATE_VERSION, f"c{number:03}"))
                       for number in range(customers)}  # fmt: skip
        self.armed: list[tuple[str, int]] = []
        self.fetched = 0
        self.partition = Partition(lambda _: None, self.scan)
        self.partition.fold.rearm = self.rearm  # type: ignore[method-assign]

    def scan(self, behind: str) -> Iterator[tuple[str, bytes]]:
        for customer, value in sorted(self.stored.items()):
            if customer > behind:
                self.fetched += 1
                yield customer, value

    def rearm(self, state: CustomerState, now: int) -> None:
        self.armed.append((state.customer, now))

    def publish(self, at: int, number: int = 0) -> None:
        rules = {"brand": "acme", "currency": "GBP", "zone": "Europe/London", "language": "en", "hold_window": number}
        event = Envelope(f"e{number}", "brand.published", "campaigns", "all", at, at, brand="acme")
        event.data = {"campaign": "acme", "version": str(number), "rules": rules}
        self.partition.take(event, number)


def test_customers_are_armed_in_slices_that_hold_no_more_than_their_steps() -> None:
    found = Armed(50)
    found.publish(10)
    assert found.partition.advance(20, 11) == 11, "the event and ten customers"
    assert len(found.armed) == 10
    assert found.partition.telling.rearming == (10, "c009")
    assert found.fetched <= 11
    assert not found.partition.states.live, "who got no timer is not kept"
    assert found.partition.advance(20, 30) == 30
    assert found.partition.advance(20, 30) == 10
    assert found.armed == [(f"c{number:03}", 10) for number in range(50)]
    assert found.partition.telling.rearming is None
    assert found.partition.through == (20,)


def test_rules_that_change_at_the_same_moment_arm_once_and_others_each_time() -> None:
    found = Armed(5)
    for number in range(4):
        found.publish(10, number)
    found.publish(11, 4)
    found.partition.advance(20, 1_000)
    assert [now for _, now in found.armed] == [10] * 5 + [11] * 5


def test_rules_at_the_clock_do_not_wait_for_it_to_move() -> None:
    found = Armed(5)
    found.publish(10, 0)
    found.publish(20, 1)
    found.partition.advance(20, 1_000)
    assert [now for _, now in found.armed] == [10] * 5


def test_planned_rules_hold_no_read_position_back_and_come_into_force_once() -> None:
    found, at = Armed(5), 10 * PLANNED_MS
    found.partition.advance(20, 1)
    found.publish(at, 1)
    found.publish(at, 1)
    assert found.partition.first_waiting() is None
    assert [event.eff for event in found.partition.kept_rules] == [at], "they are kept with the state"
    found.publish(20 + PLANNED_MS, 2)
    assert found.partition.first_waiting() == 2, "what comes soon is read again"
    found.partition.advance(at, 1_000)
    assert found.partition.rules.at(at).version == 1
    assert found.partition.planned
    found.partition.advance(at + 1, 1_000)
    assert [now for _, now in found.armed] == [20 + PLANNED_MS] * 5 + [at] * 5
    assert found.partition.rules.at(at).version == 2
    assert not found.partition.planned
    found.partition.take_again(Envelope("e1", "brand.published", "campaigns", "all", at, at, brand="acme"), 1)
    assert not len(found.partition), "it was in force before"


def test_rules_behind_the_clock_arm_before_the_next_event() -> None:
    found = Armed(5)
    found.partition.advance(20, 1)
    found.publish(10)
    assert not found.armed
    found.partition.take(Envelope("late", "cart.updated", "web-sessions", "none:x", 5, 5, brand="acme"), 9)
    assert [now for _, now in found.armed] == [20] * 5
