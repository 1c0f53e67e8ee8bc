"""The identity stage on records: the clock, order, lateness, marks, and restarts at any cut."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.identity.task import IdentityTask
from streams.table import MemoryTable
from streams.task import Effects, Record
from streams.wire import decode_mark
from tests.identity.kit import END, TOPIC, link, mark, record, resolved, seen, sent, shown

IDENTIFIERS = ("anon:A", "anon:B", "card:L", "device:D")
CUSTOMERS = ("c1", "c2")
RESTARTS = 6
DEATH_SHARE = 0.3
PROFILE = settings(
    max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def new_task() -> IdentityTask:
    return IdentityTask(0, 2)


def give(task: IdentityTask, *records: Record, budget: int = 1_000) -> Effects:
    task.take(TOPIC, records)
    return task.step(budget)


def marks_of(effects: Effects) -> list[tuple[int, dict[str, int]]]:
    return [
        (out.partition, decode_mark(out.value).until)
        for out in effects.records
        if out.key == MARK_KEY and out.value is not None
    ]


def test_events_wait_for_the_clock() -> None:
    task = new_task()
    assert not sent(give(task, record(0, seen("anon:A", 10, "e1")), mark(1, 10)))
    assert shown(sent(give(task, mark(2, 11)))) == [("e1", "anon:A")]


def test_the_clock_waits_for_every_upstream_task() -> None:
    task = new_task()
    assert not sent(give(task, record(0, seen("anon:A", 10, "e1")), mark(1, 20, task=0, of=2)))
    assert sent(give(task, mark(2, 11, task=1, of=2)))


def test_marks_go_on_to_every_partition_after_the_data() -> None:
    effects = give(new_task(), record(0, seen("anon:A", 10, "e1")), mark(1, 11))
    assert marks_of(effects) == [(0, {"web-sessions": 11}), (1, {"web-sessions": 11})]
    names = [out.topic for out in effects.records if out.key != MARK_KEY]
    assert names == ["customer-events", "progress"]
    assert effects.records[0].topic == "customer-events"


def test_a_mark_says_no_more_than_what_was_worked_off() -> None:
    events = [record(number, seen("anon:A", 10 * number, f"e{number}")) for number in range(10)]
    task = new_task()
    give(task, *events)
    effects = give(task, mark(10, 1_000), budget=4)
    assert effects.more
    applied = sent(effects)
    assert 0 < len(applied) < 10
    reached = marks_of(effects)[0][1]["web-sessions"]
    assert reached == applied[-1].eff
    assert [event.eff for event in sent(task.step(1_000))] == [number * 10 for number in range(len(applied), 10)]


def test_an_event_behind_the_clock_applies_where_it_is_read() -> None:
    task = new_task()
    give(task, mark(0, 100))
    late = seen("anon:A", 5, "late", eff=50)
    later = give(task, record(1, late), record(2, link("anon:A", "c1", 60, "login")))
    assert shown(sent(later)) == [("late", "anon:A"), ("merge.expected", "c1"), ("merge.out", "anon:A")]
    assert sent(later)[0].eff == 50


def test_an_event_behind_the_clock_is_not_applied_twice() -> None:
    task = new_task()
    state = dict(give(task, record(0, seen("anon:A", 90, "waits", eff=200)), mark(1, 100)).state)
    late = record(2, seen("anon:A", 5, "late", eff=50))
    effects = give(task, late)
    assert shown(sent(effects)) == [("late", "anon:A")]
    state.update(effects.state)
    again = new_task()
    again.load(MemoryTable({key: value for key, value in state.items() if value is not None}))
    assert again.start_offsets() == {TOPIC: 0}
    effects = give(again, record(0, seen("anon:A", 90, "waits", eff=200)), mark(1, 100), late, mark(3, 300))
    assert shown(sent(effects)) == [("waits", "anon:A")]


def events_of(random: Random, length: int) -> list[Envelope]:
    """Events and links of few people; some links of one event, as an order with a card and a device makes them."""
    found = []
    for number in range(length):
        at = random.randrange(0, 40)
        identifier = random.choice(IDENTIFIERS)
        if random.random() < 0.3:
            chosen = random.sample(IDENTIFIERS, random.randint(1, 3))
            found += [link(name, random.choice(CUSTOMERS), at, f"e{number:03}") for name in chosen]
        else:
            found.append(seen(identifier, at, f"e{number:03}"))
    return found


@PROFILE
@given(st.integers(0, 1 << 32), st.integers(1, 40))
def test_the_order_of_arrival_within_the_lateness_does_not_matter(seed: int, length: int) -> None:
    random = Random(seed)
    events = events_of(random, length)
    shuffled = random.sample(events, len(events))
    assert Counter(resolved(*events)) == Counter(resolved(*shuffled))


@PROFILE
@given(st.integers(0, 1 << 32), st.integers(1, 60))
def test_a_restart_at_any_cut_changes_nothing(seed: int, length: int) -> None:
    random = Random(seed)
    log: list[Record] = []
    clock = 0
    for one in sorted(events_of(random, length), key=lambda one: one.at + random.choice((0, 0, 5, 20))):
        one.eff = max(one.eff, clock)
        log.append(record(len(log), one))
        if random.random() < 0.3:
            clock = max(clock, one.eff - random.randrange(0, 10))
            log.append(mark(len(log), clock))
    log.append(mark(len(log), END))
    whole = Run(log, seed, 0).finish()
    cut = Run(log, seed, RESTARTS).finish()
    assert cut.written == whole.written
    event(f"{RESTARTS - cut.restarts_left} restarts")


class Run:
    """Drives a task over a log with any batches and budgets, and so many restarts."""

    def __init__(self, log: list[Record], seed: int, restarts: int) -> None:
        self.log = log
        self.random = Random(seed)
        self.restarts_left = restarts
        self.written: list[tuple[str, str]] = []
        self._state: dict[bytes, bytes | None] = {}
        self._read = 0
        self.task = new_task()

    def finish(self) -> Run:
        """Feed everything."""
        while self._read < len(self.log):
            batch = self.log[self._read : self._read + self.random.randint(1, 15)]
            self.task.take(TOPIC, batch)
            self._read += len(batch)
            self._work()
        return self

    def _work(self) -> None:
        more = True
        while more:
            effects = self.task.step(self.random.choice((1, 2, 5, 1_000)))
            if not effects.empty and self._dies():
                return  # the transaction was aborted
            self.written += shown(sent(effects))
            self._state.update(effects.state)
            more = effects.more
            if self._dies():
                return  # it was committed

    def _dies(self) -> bool:
        if not self.restarts_left or self.random.random() > DEATH_SHARE:
            return False
        self.restarts_left -= 1
        self.task = new_task()
        self.task.load(MemoryTable({key: value for key, value in self._state.items() if value is not None}))
        self._read = self.task.start_offsets().get(TOPIC, 0)
        return True
