"""The shadow's task without Kafka: what it takes over, what it brings into force, and where it writes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.campaigns import CampaignSet, load_campaigns
from streams.decide.alarms import CUSTOMER
from streams.decide.rules import Rules
from streams.decide.state import decode_state
from streams.decide.task import RULE, DecideTask
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.task import Out, Task
from streams.what_if.shadow_task import OUTPUTS, ShadowTask, changes
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, run
from tests.oracle.builders import DAY, brand, campaign, t

SETTINGS = Settings(topic_prefix="memory", partitions=2)
CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
NOW = t("2026-03-02")
ONE, TWO = campaign("welcome", "one"), campaign("welcome", "two")
Word = tuple[str, ...]


def in_force(rules: Rules, wanted: CampaignSet, now: int) -> list[tuple[str, str]]:
    """Bring a set into force; type and name of the events that it took."""
    events = list(changes(rules.at(now), wanted, now))
    for event in events:
        assert event.eff == now
        assert rules.apply(event)
    return [(event.type, event.data["campaign"] or event.brand) for event in events]


def test_only_what_differs_comes_into_force() -> None:
    rules = Rules()
    both = CampaignSet((ONE, TWO), (brand(),))
    published = [("brand.published", "acme"), ("campaign.published", "one"), ("campaign.published", "two")]
    assert in_force(rules, both, NOW) == published
    assert in_force(rules, both, NOW + DAY) == []
    later = campaign("welcome", "two", after="5h")
    assert in_force(rules, CampaignSet((later,), (brand(),)), NOW + DAY) == [
        ("campaign.published", "two"),
        ("campaign.withdrawn", "one"),
    ]
    assert sorted(rules.at(NOW + DAY).campaigns) == ["two"]
    assert in_force(rules, CampaignSet((later,), (brand(hold_window="1h"),)), NOW + DAY) == [
        ("brand.published", "acme")
    ]
    assert sorted(rules.at(NOW).campaigns) == ["one", "two"], "what was in force before stays known"


@pytest.fixture(scope="module")
def campaigns() -> CampaignSet:
    return load_campaigns(CAMPAIGNS)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, campaigns: CampaignSet) -> MemoryLog:
    """Everything that the live stages wrote in a small retailer's weeks, merges between partitions among it."""
    directory = tmp_path_factory.mktemp("history")
    simulate_retailer(directory, 60, 60, 3)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:100]))
    log = input_log(SETTINGS, campaigns, directory)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1), records_max=60)
    types = Counter(msgspec.json.decode(value).get("type") for value in log.values("customer-events"))
    assert types["merge.in"] > 0
    return log


READ = 0.8
"""The share of the log that the live stage has read when a shadow begins."""


def words(log: MemoryLog, topic: str) -> Counter[Word]:
    rows = (msgspec.json.decode(value) for value in log.values(topic))
    return Counter((row["decision_id"], row["outcome"], row["reason"], row["decided_at"]) for row in rows)


def read(live: MemoryLog, share: float) -> MemoryLog:
    """A log that holds the first part of the live log of every partition."""
    log = MemoryLog()
    for place, records in live.records.items():
        if place[0] == "customer-events":
            log.records[place] = records[: int(len(records) * share)]
    return log


def decide(
    log: MemoryLog,
    number: int,
    make: Callable[[], Task],
    state: dict[bytes, bytes] | None = None,
    crash_share: float = 0.0,
) -> dict[bytes, bytes]:
    """Run one task over its partition; its changelog."""
    chance = random.Random(number)
    runner = Runner("decide", number, make, log)
    runner.table.update(state or {})
    runner.restart()
    idle = 0
    while idle < 3:
        crash = chance.random() < crash_share
        idle = 0 if runner.round(chance, 200, 300, crash=crash) else idle + 1
    return dict(runner.table)


def shadows(
    live: MemoryLog, states: list[dict[bytes, bytes]], campaigns: CampaignSet, crash_share: float = 0.0
) -> MemoryLog:
    """The log with what a shadow made of it that began with these states."""
    log = read(live, 1.0)
    for number in range(SETTINGS.partitions):
        decide(log, number, lambda: ShadowTask(number, 2, "memory", campaigns), states[number], crash_share)  # noqa: B023
    return log


def copy(log: MemoryLog) -> MemoryLog:
    """The log as it is now."""
    same = MemoryLog()
    same.records = {place: list(records) for place, records in log.records.items()}
    return same


def written(log: MemoryLog, before: MemoryLog) -> set[str]:
    """The topics that have grown."""
    return {place[0] for place, records in log.records.items() if len(records) > len(before.records.get(place, []))}


@pytest.fixture(scope="module")
def on_its_way(live: MemoryLog) -> tuple[list[dict[bytes, bytes]], Counter[Word]]:
    """The live state of each partition on its way, and what was decided until then."""
    states, decided, wrote = list[dict[bytes, bytes]](), Counter[Word](), set[str]()
    for number in range(SETTINGS.partitions):
        log = read(live, READ)
        begun = copy(log)
        states.append(decide(log, number, lambda: DecideTask(number, 2, "memory")))  # noqa: B023
        decided += words(log, "decisions")
        wrote |= written(log, begun)
    assert {"customer-events", "triggers.email"} <= wrote, "the live stage does write to the live topics"
    return states, decided


@pytest.mark.parametrize("crash_share", [0.0, 0.1])
def test_from_the_beginning_under_the_live_campaigns_it_decides_what_the_live_stage_decides(
    crash_share: float, live: MemoryLog, campaigns: CampaignSet
) -> None:
    log = shadows(live, [{}, {}], campaigns, crash_share)
    assert words(log, "shadow-decisions") == words(live, "decisions") != Counter()
    assert written(log, read(live, 1.0)) == set(OUTPUTS.values())


@pytest.mark.parametrize("crash_share", [0.0, 0.1])
def test_begun_with_a_copy_of_the_live_state_it_decides_the_rest(
    crash_share: float,
    live: MemoryLog,
    campaigns: CampaignSet,
    on_its_way: tuple[list[dict[bytes, bytes]], Counter[Word]],
) -> None:
    states, decided = on_its_way
    log = shadows(live, states, campaigns, crash_share)
    rest = words(live, "decisions") - decided
    assert words(log, "shadow-decisions") == rest != Counter()
    assert written(log, read(live, 1.0)) == set(OUTPUTS.values())


def decided_by(log: MemoryLog) -> list[dict[str, Any]]:
    return [msgspec.json.decode(value) for value in log.values("shadow-decisions")]


def renamed(campaigns: CampaignSet) -> CampaignSet:
    """The offer of a second purchase has another name; its decisions are then those of another campaign."""
    kept = [each for each in campaigns.campaigns if each.id != "second-purchase"]
    (second,) = (each for each in campaigns.campaigns if each not in kept)
    return replace(campaigns, campaigns=(*kept, second.model_copy(update={"id": "second-again"})))


def timers(table: dict[bytes, bytes], name: str) -> set[Word]:
    """Customer, episode, step and due time of the timers that a campaign has in a table."""
    states = [decode_state(value) for key, value in table.items() if key.startswith(CUSTOMER)]
    return {
        (state.customer, *timer.split("|")[2:], str(due))
        for state in states
        for timer, due in state.timers.items()
        if timer.split("|")[1] == name
    }


def since(table: dict[bytes, bytes]) -> int:
    position = msgspec.msgpack.decode(table[POSITION_KEY])
    return int(position["extra"].get("shadow_since", position["through"][0]))


def test_other_campaigns_come_into_force_where_it_begins(
    live: MemoryLog, campaigns: CampaignSet, on_its_way: tuple[list[dict[bytes, bytes]], Counter[Word]]
) -> None:
    """One campaign is gone, another is new: before anything more is read, whoever waits for the one has a timer of the
    other. Started again it brings nothing into force any more, and remembers when it began."""

    def make() -> ShadowTask:
        return ShadowTask(0, 2, "memory", renamed(campaigns))

    begun = on_its_way[0][0]
    waiting = timers(begun, "second-purchase")
    table = decide(read(live, READ), 0, make, begun)
    again = timers(table, "second-again")
    assert set() != waiting <= again
    assert {due for *_, due in again - waiting} <= {str(since(table))}, "what the other had behind it is due now"
    rules = {key for key in table if key.startswith(RULE)} - begun.keys()
    assert [key.split(b"|")[1:4:2] for key in sorted(rules)] == [
        [b"campaign.published", b"second-again"],
        [b"campaign.withdrawn", b"second-purchase"],
    ]
    log = read(live, 1.0)
    later = decide(log, 0, make, table)
    assert {key for key in later if key.startswith(RULE + b"campaign")} == {
        key for key in table if key.startswith(RULE + b"campaign")
    }
    last = decide(read(live, 1.0), 0, make, later)
    assert since(last) == since(later) == since(table) == since(begun)
    made = Counter((row["campaign"], row["outcome"]) for row in decided_by(log))
    assert made["second-purchase", "sent"] == 0
    assert made["second-again", "sent"] > 0


def test_campaigns_that_are_published_live_are_not_its_own(live: MemoryLog, campaigns: CampaignSet) -> None:
    """The log begins with the live campaigns."""
    rows = decided_by(shadows(live, [{}, {}], renamed(campaigns)))
    names = {row["campaign"] for row in rows}
    assert "second-again" in names
    assert "second-purchase" not in names


def test_nothing_is_handed_over_whatever_the_log_says(live: MemoryLog, campaigns: CampaignSet) -> None:
    rows = decided_by(shadows(live, [{}, {}], campaigns))
    assert not any(row["handed_over"] for row in rows)
    assert any(msgspec.json.decode(value)["handed_over"] for value in live.values("decisions"))


def test_what_the_live_stage_may_come_to_write_elsewhere_is_not_written(campaigns: CampaignSet) -> None:
    """Whatever topic a step of the live stage names: only those that have a shadow topic go out."""
    task = ShadowTask(0, 2, "memory", campaigns)
    wild = [Out(topic, 0, b"k", b"v") for topic in ("triggers.email", "customer-events", "decisions", "brand-new")]
    inner = DecideTask.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecideTask, "step", lambda self, budget: replace(inner(self, budget), records=list(wild)))
        assert [out.topic for out in task.step(10).records] == ["shadow-decisions"]
