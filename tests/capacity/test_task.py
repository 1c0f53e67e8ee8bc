"""The task alone: closes when all partitions of decide have passed the cut-off, and loses nothing when it dies."""

from __future__ import annotations

import random
from functools import partial

import msgspec
import pytest

from schemas.topics import MARK_KEY
from streams.capacity.task import TOPIC, CapacityTask
from streams.table import MemoryTable
from streams.task import Out
from streams.wire import Mark, decode_envelope, encode_envelope, encode_mark, partition_of
from tests.capacity.test_fold import NOON, candidate
from tests.decide.memory_log import MemoryLog, Runner

PARTITIONS = 3


def mark(number: int, until: int) -> Out:
    """What one partition of decide says."""
    return Out(TOPIC, 0, MARK_KEY, encode_mark(Mark("decide", number, PARTITIONS, {"decide": until})))


def told(number: int, cutoff: int = NOON) -> Out:
    """A candidate."""
    return Out(TOPIC, 0, b"acme|calls", encode_envelope(candidate(number, cutoff=cutoff)))


def log_of(*records: Out) -> MemoryLog:
    log = MemoryLog()
    for record in records:
        log.append(record)
    return log


def worked(log: MemoryLog) -> Runner:
    runner = Runner("capacity", 0, partial(CapacityTask, 0, PARTITIONS), log)
    while runner.step(1_000):
        pass
    return runner


def answers(log: MemoryLog) -> list[tuple[str, bool]]:
    """Customer and word, in the order of each partition."""
    found = [decode_envelope(value) for value in log.values("customer-events")]
    return sorted((event.customer, event.data["chosen"]) for event in found)


def test_it_waits_for_the_last_partition_of_decide() -> None:
    log = log_of(told(1), mark(0, NOON), mark(1, NOON), mark(2, NOON - 1))
    runner = worked(log)
    assert answers(log) == []
    log.append(mark(2, NOON))
    runner.step(1_000)
    assert answers(log) == [("c1", True)]


def test_an_answer_goes_to_the_customers_partition() -> None:
    log = log_of(*(told(number) for number in range(9)), *(mark(number, NOON) for number in range(PARTITIONS)))
    worked(log)
    for (topic, place), records in log.records.items():
        if topic == "customer-events":
            assert all(partition_of((record.key or b"").decode(), PARTITIONS) == place for record in records)


def test_its_table_is_empty_of_candidates_when_all_are_answered_and_its_progress_is_told() -> None:
    log = log_of(told(1), told(2, NOON + 1), *(mark(number, NOON) for number in range(PARTITIONS)))
    runner = worked(log)
    assert [key for key in runner.table if key.startswith(b"c|")] == [b"c|" + candidate(2, cutoff=NOON + 1).id.encode()]
    progress = msgspec.json.decode(log.values("progress")[-1])
    assert (progress["stage"], progress["clock"], progress["waiting"]) == ("capacity", NOON, 1)


def test_without_a_record_there_is_nothing_to_commit() -> None:
    task = CapacityTask(0, PARTITIONS)
    task.load(MemoryTable())
    task.tick(0, frozenset({TOPIC}))
    assert task.step(100).empty
    assert task.start_offsets() == {}


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_any_step_it_gives_the_same_answers_once(seed: int) -> None:
    chance = random.Random(seed)
    records = [told(number, NOON + number % 4) for number in range(40)]
    chance.shuffle(records)
    records += [mark(number, NOON + at) for at in (0, 2, 3) for number in range(PARTITIONS)]
    calm = log_of(*records)
    worked(calm)
    stormy = log_of(*records)
    runner = Runner("capacity", 0, partial(CapacityTask, 0, PARTITIONS), stormy)
    quiet = 0
    while quiet < 5:
        moved = runner.round(chance, 9, chance.choice((1, 3, 50)), crash=chance.random() < 0.4)
        quiet = 0 if moved else quiet + 1
    assert len(answers(calm)) == 40
    assert sum(word for _, word in answers(calm)) == 8
    for place in range(PARTITIONS):
        key = ("customer-events", place)
        assert [r.value for r in stormy.records[key]] == [r.value for r in calm.records[key]]
