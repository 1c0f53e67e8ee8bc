"""Partitions come and go all the time: nothing is read twice, nothing is left out, and nobody starves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

from streams.runtime.inbox import Batch, Inbox, Seek
from streams.settings import Settings
from streams.task import Record
from tests.faults.rebalance_storm import rolling_restart, storm

LOG = 60
"""Records of the log that is read below; the offset of each is its number."""


def test_a_storm_of_workers_loses_and_doubles_nothing(settings: Settings, tmp_path: Path) -> None:
    figures = storm(settings.bootstrap_servers, settings.topic_prefix, tmp_path, changes=8, between_s=(0.5, 2.0))
    print(f"\n{figures}")
    assert figures.counted.clean
    assert figures.rebalances > 1
    assert figures.changes.total() == 8


def test_a_rolling_restart_of_static_members_moves_no_partition(settings: Settings, tmp_path: Path) -> None:
    seen_by_others, counted = rolling_restart(settings.bootstrap_servers, settings.topic_prefix, tmp_path)
    assert seen_by_others == 0
    assert counted.clean


class Reader:
    """The consumer thread as an inbox sees it: what it has fetched and what it is asked for cross on their way."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.position = 0
        self.seek = 0
        self.delivered: list[Batch] = []
        self.asked: list[Seek] = [inbox.begin_seek()]
        self.carry_out(0)

    def fetch(self, count: int) -> None:
        """Read on."""
        end = min(LOG, self.position + count)
        if end > self.position:
            records = [Record("numbers", 0, offset, 0, None, None, ()) for offset in range(self.position, end)]
            self.delivered.append(Batch(self.position, end, records, self.seek))
            self.position = end

    def deliver(self, _: int = 0) -> None:
        """The inbox gets the oldest batch."""
        if self.delivered:
            batch = self.delivered.pop(0)
            if not self.inbox.accept(batch):
                again = self.inbox.read_again(batch)
                self.asked += [again] if again is not None else []

    def clear(self, count: int) -> None:
        """A rebalance drops the oldest batches that were not delivered yet, and keeps the later ones."""
        del self.delivered[:count]

    def rebalance(self, offset: int) -> None:
        """The client goes back to what is committed, and the partition is told to read on where it was."""
        self.position = min(offset, self.inbox.next_offset)
        self.asked.append(self.inbox.begin_seek())

    def carry_out(self, which: int) -> None:
        """One of the seeks that are asked for; they may overtake each other."""
        if self.asked:
            seek = self.asked.pop(which % len(self.asked))
            if seek.number >= self.seek:
                self.position, self.seek = seek

    def finish(self) -> None:
        """Nothing more happens but what is under way. Ends because each round delivers or reads on."""
        while self.asked or self.delivered or self.position < LOG:
            while self.asked:
                self.carry_out(0)
            self.fetch(7)
            self.deliver()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fetch"), st.integers(1, 9)),
        st.tuples(st.just("clear"), st.integers(1, 2)),
        st.tuples(st.sampled_from(["deliver", "rebalance", "carry_out"]), st.integers(0, LOG)),
    ),
    min_size=4,
)


@hypothesis.given(STEPS)
@hypothesis.settings(max_examples=300)
def test_whatever_crosses_on_its_way_each_record_is_taken_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    reader = run(Inbox("rebalance-test", "numbers", 0, 10), steps)
    assert offsets(reader) == list(range(LOG))


def test_without_the_rule_a_rebalance_loses_records() -> None:
    """The control: what a client's consumer does with the same events."""

    class AcceptsAll(Inbox):
        def accept(self, batch: Batch) -> bool:
            self.records += batch.records
            self.next_offset = batch.end
            return True

    steps: list[tuple[str, Any]] = [("carry_out", 0), *[("fetch", 10)] * 3, ("deliver", 0), ("clear", 1)]
    assert set(range(LOG)) - set(offsets(run(AcceptsAll("control", "numbers", 0, 10), steps))) == set(range(10, 20))
    assert offsets(run(Inbox("control", "numbers", 0, 10), steps)) == list(range(LOG))


def run(inbox: Inbox, steps: list[tuple[str, Any]]) -> Reader:
    """Carry out the steps, then let everything come to its end."""
    reader = Reader(inbox)
    for name, value in steps:
        getattr(reader, name)(value)
    reader.finish()
    return reader


def offsets(reader: Reader) -> list[int]:
    """What the inbox has taken."""
    return [record.offset for record in reader.inbox.records]
