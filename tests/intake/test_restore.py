"""A task that is restored from what it wrote goes on as if nothing had happened, wherever it was cut."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.base import rfc3339
from schemas.catalog import KnownBrands
from schemas.topics import MARK_KEY
from streams.intake.task import SOURCES, IntakeTask
from streams.table import MemoryTable
from streams.task import Effects
from tests.intake.kit import BRANDS, DAY_PART_MS, NOON, REPLAY, Feed, event, good_records, new_task, state_of
from tests.oracle.builders import MINUTE

GOOD = good_records()
RESTARTS = 6
DEATH_SHARE = 0.3
Written = Counter[tuple[str, int, bytes | None, bytes | None]]


def history(seed: int, length: int) -> Feed:
    """Control records, then good, bad, late and marking records of all sources, in the order of a replay."""
    random, feed = Random(seed), Feed()
    feed.control(BRANDS)
    feed.control(REPLAY)
    for number in range(length):
        arrived = NOON + number * random.choice((0, MINUTE, DAY_PART_MS))
        source = random.choice(list(GOOD))
        at = arrived - random.choice((0, MINUTE, 3 * DAY_PART_MS))
        good = event(GOOD[source], event_id=f"e{number}", occurred_at=rfc3339(at))
        kind = random.random()
        if kind < 0.15:
            feed.marks(arrived)
        elif kind < 0.3:
            feed.add(source, random.choice((b"{", None, b"{}")), replayed=(arrived, arrived - MINUTE))
        elif kind < 0.35:
            feed.control(KnownBrands(kind="brands", brands=random.choice((["acme"], ["zest"], ["acme", "zest"]))))
        else:
            feed.add(source, good, replayed=(arrived, arrived - MINUTE))
    feed.marks(NOON + 100 * length * DAY_PART_MS)
    return feed


class Run:
    """Drives a task over a feed with any batches and budgets, and so many restarts."""

    def __init__(self, feed: Feed, seed: int, restarts: int) -> None:
        self.feed = feed
        self.random = Random(seed)
        self.restarts_left = restarts
        self.written: Written = Counter()
        self.marks: list[int] = []
        self._state: list[tuple[bytes, bytes]] = []
        self._read: dict[str, int] = {}
        self.task: IntakeTask = new_task()

    def finish(self) -> Run:
        """Feed everything; control first, so that both runs know the same brands."""
        for topics in (("control",), SOURCES):
            while self._left(topics):
                self._dies()
                for topic in topics:
                    records = self.feed.records.get(topic, [])
                    start = self._read.get(topic, 0)
                    batch = records[start : start + self.random.randint(1, 20)]
                    self.task.take(topic, batch)
                    self._read[topic] = start + len(batch)
                self._work()
        return self

    def _left(self, topics: tuple[str, ...]) -> bool:
        return any(self._read.get(topic, 0) < len(self.feed.records.get(topic, [])) for topic in topics)

    def _work(self) -> None:
        while True:
            effects = self.task.step(self.random.choice((1, 7, 1_000)))
            if not effects.empty and self._dies():
                return  # the transaction was aborted: nothing of it was written
            self._commit(effects)
            if not effects.more:
                return

    def _commit(self, effects: Effects) -> None:
        for out in effects.records:
            if out.key != MARK_KEY and out.topic != "progress":
                self.written[out.topic, out.partition, out.key, out.value] += 1
        if effects.state:
            self._state = state_of(effects)

    def _dies(self) -> bool:
        if not self.restarts_left or self.random.random() > DEATH_SHARE:
            return False
        self.restarts_left -= 1
        self.task = new_task()
        self.task.load(MemoryTable(dict(self._state)))
        starts = self.task.start_offsets()
        self._read = {topic: starts.get(topic, 0) for topic in (*SOURCES, "control")}
        if self._read["control"] < len(self.feed.records["control"]):
            self.task.take("control", self.feed.records["control"][self._read["control"] :])
            self._read["control"] = len(self.feed.records["control"])
        return True


@settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 32), st.integers(5, 120))
def test_any_cut_writes_the_same(seed: int, length: int) -> None:
    feed = history(seed, length)
    whole = Run(feed, seed, 0).finish()
    cut = Run(feed, seed + 1, RESTARTS).finish()
    assert cut.written == whole.written
    assert cut.task.counts.by_source == whole.task.counts.by_source
    assert max(whole.written.values()) == 1
