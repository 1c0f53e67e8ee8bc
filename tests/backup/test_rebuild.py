"""All state is lost somewhere in the middle, and rebuilt from a backup and the logs: nothing is lost or doubled.

The stages' tasks run on logs in memory; what is lost, when, and how transactions were cut is random.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from schemas.topics import CHANNELS, MARK_KEY
from streams.backup.intake import rebuild_intake
from streams.backup.rebuild import Rebuilt, rebuild, replayed
from streams.backup.rehearse import differing, read_until, rests
from streams.backup.written import TOPICS, Written, name_of
from streams.campaigns import CampaignSet, load_campaigns
from streams.intake.stamp import arrived_header
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.task import Out, Record
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, make_task, run

SETTINGS = Settings(topic_prefix="memory", partitions=2)
CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
BATCH = 200
RECORDS_MAX, ROUNDS_SHARE = 40, 0.2
"""Of turns before the loss: most are single transactions, so that a stage is lost with work under way."""
Place = tuple[str, int]


@pytest.fixture(scope="module")
def campaigns() -> CampaignSet:
    return load_campaigns(CAMPAIGNS)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, campaigns: CampaignSet) -> MemoryLog:
    """What the sources sent in a small retailer's weeks."""
    directory = tmp_path_factory.mktemp("history")
    simulate_retailer(directory, 40, 45, 3)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:100]))
    return input_log(SETTINGS, campaigns, directory)


def copy(log: MemoryLog) -> MemoryLog:
    same = MemoryLog()
    same.records = {place: list(records) for place, records in log.records.items()}
    return same


@pytest.fixture(scope="module")
def undisturbed(inputs: MemoryLog) -> MemoryLog:
    """Everything that the stages make of it when nothing happens."""
    log = copy(inputs)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(1), records_max=100)
    types = Counter(msgspec.json.decode(value).get("type") for value in log.values("customer-events"))
    assert types["merge.in"] > 0, "merges travel between partitions"
    return log


def written_in(log: MemoryLog, since: dict[Place, int]) -> Written:
    found = Written()
    for place, records in log.records.items():
        if place[0] in TOPICS:
            found.note(records[since.get(place, 0) :])
    return found


def from_log(
    log: MemoryLog, topic: str, number: int, start: int | None, end: int | None = None
) -> Iterator[list[Record]]:
    records = log.records.get((topic, number), [])[start or 0 : end]
    for first in range(0, len(records), BATCH):
        yield records[first : first + BATCH]


def turns(runners: list[Runner], chance: random.Random, number: int) -> None:
    for _ in range(number):
        runner, budget = chance.choice(runners), chance.choice((1, 7, 100))
        if chance.random() < ROUNDS_SHARE:
            runner.round(chance, RECORDS_MAX, budget, crash=False)
        else:
            runner.step(budget)


def rebuilt(log: MemoryLog, runner: Runner, values: dict[bytes, bytes], written: Written) -> Rebuilt:
    stage, number = runner.stage, runner.partition
    if stage.name == "intake":
        return rebuild_intake(SETTINGS, values, lambda topic, start: from_log(log, topic, number, start), written)
    (topic,) = stage.inputs
    make = partial(make_task, stage.name, number, SETTINGS)
    return rebuild(make, values, topic, lambda start: from_log(log, topic, number, start), written)


def names(log: MemoryLog, *topics: str) -> Counter[int]:
    """Outputs by what they are known by; without marks, and without intake's orders, which may be said again."""
    found = Counter[int]()
    for (topic, number), records in log.records.items():
        if topic in topics:
            told = [record for record in records if b'"type":"control"' not in (record.value or b"")]
            known = (name_of(topic, number, record.key, record.value) for record in told)
            found.update(name for name in known if name is not None)
    return found


def sent(log: MemoryLog) -> Counter[tuple[str, str]]:
    rows = [msgspec.json.decode(value) for channel in CHANNELS for value in log.values(f"triggers.{channel}")]
    return Counter((row["decision_id"], row["action"]) for row in rows)


def counts(log: MemoryLog) -> dict[str, object]:
    """What each task of intake and decide says last that it has counted."""
    rows = [msgspec.json.decode(value) for value in log.values("progress")]
    return {f"{row['stage']} {row['partition']}": row["counts"] for row in rows if row["stage"] in ("intake", "decide")}


@pytest.mark.parametrize(
    ("seed", "backup_at", "lost_at"), [(2, 0, 200), (3, 100, 250), (4, 200, 205), (7, 50, 180), (8, 0, 240)]
)
def test_what_was_lost_is_rebuilt_and_the_stages_go_on_as_if_nothing_had_happened(
    seed: int, backup_at: int, lost_at: int, inputs: MemoryLog, undisturbed: MemoryLog
) -> None:
    chance, log = random.Random(seed), copy(inputs)
    runners = [
        Runner(stage, number, partial(make_task, stage, number, SETTINGS), log)
        for stage, number in all_stages(SETTINGS)
    ]
    turns(runners, chance, backup_at)
    backups = [dict(runner.table) for runner in runners]
    since = {place: len(records) for place, records in log.records.items()}
    turns(runners, chance, lost_at - backup_at)
    written, on_the_way = written_in(log, since), copy(log)
    assert set(names(log, "decisions")) < set(names(undisturbed, "decisions")), "something is still to be decided"
    for runner, values in zip(runners, backups, strict=True):
        found = rebuilt(on_the_way, runner, values, written)
        assert found.unknown == 0, f"{runner.stage.name} {runner.partition} comes out otherwise"
        runner.table.clear()
        runner.table.update(found.values)
        runner.restart()
    assert log.records == on_the_way.records, "a rebuild writes nothing"

    idle = 0
    while idle < 3 * len(runners):
        runner = chance.choice(runners) if idle == 0 else runners[idle % len(runners)]
        idle = 0 if runner.round(chance, 150, 300, crash=False) else idle + 1
    topics = ("decisions", "customer-events", "identity-events", "capacity-candidates", "quarantine")
    for topic in topics:
        assert names(log, topic) == names(undisturbed, topic), topic
    assert counts(log) == counts(undisturbed)
    assert max(sent(log).values()) == 1
    for runner in runners:
        if runner.stage.name != "intake":
            again = dict[bytes, bytes]()
            (topic,) = runner.stage.inputs
            assert rests(runner.stage.name, runner.table)
            end = read_until(runner.stage.name, runner.table)
            make = partial(make_task, runner.stage.name, runner.partition, SETTINGS)
            for _ in replayed(make, again, topic, lambda start: from_log(log, topic, runner.partition, start, end)):  # noqa: B023
                pass
            assert differing(again, runner.table) == ()


def test_marks_and_the_last_word_on_a_key_tell_nothing() -> None:
    written = Written()
    assert written.take(Out("customer-events", 0, MARK_KEY, b"{}")) is None
    assert written.take(Out("progress", 0, b"decide-0", b"{}")) is None
    written.note([Record("quarantine", 0, 5, 0, b"orders-0-3", b"broken", ())])
    assert written.take(Out("quarantine", 0, b"orders-0-3", b"")) is True
    assert written.take(Out("quarantine", 0, b"orders-0-3", b"")) is False, "it is there once"


def test_a_record_that_was_moved_counts_from_when_it_first_came() -> None:
    written, values = Written(), dict[bytes, bytes]()
    written.note([Record("quarantine", 0, 0, 0, b"orders-0-0", b"broken", ())])
    moved = Record("orders", 0, 0, 9_000_000, None, b"broken", (arrived_header(4_000_000),))
    found = rebuild_intake(SETTINGS, values, lambda topic, _: [[moved]] if topic == "orders" else [], written)
    assert found.known == 1
    position = msgspec.msgpack.decode(values[POSITION_KEY])
    assert position["newest"]["orders"] == 4_000_000
    assert position["until"]["orders"] == 4_000_000 - SETTINGS.lateness("orders")
