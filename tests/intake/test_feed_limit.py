"""A broken feed stops intake, with what was bad in quarantine, and only that source's limit counts."""

from __future__ import annotations

import pytest

from streams.errors import FeedError
from streams.intake.feed_limit import RUN_MAX, SHARE_MAX_PERCENT, WINDOW_RECORDS, FeedLimit
from streams.intake.task import SOURCES, IntakeTask
from streams.table import MemoryTable
from streams.task import Record
from tests.intake.kit import (
    ALL,
    BRANDS,
    NOON,
    REPLAY,
    Feed,
    envelopes,
    event,
    give,
    go_on,
    good_records,
    new_task,
    reasons,
    started,
    state_of,
)

ORDER = good_records()["orders"]


def bad(feed: Feed, number: int = 1) -> list[Record]:
    return [feed.add("orders", b"<html>", replayed=(NOON, NOON)) for _ in range(number)]


def stopped(feed: Feed) -> tuple[IntakeTask, list[tuple[bytes, bytes]]]:
    """A task that has just met the limit of a run, with one good record behind it; and its state."""
    task = started(feed, BRANDS, REPLAY)
    give(task, *feed.marks(NOON))
    task.take("orders", [*bad(feed, RUN_MAX), feed.add("orders", ORDER, replayed=(NOON, NOON))])
    effects = task.step(10 * RUN_MAX)
    assert reasons(effects) == ["not_json"] * RUN_MAX
    assert effects.offsets["orders"] == 1 + RUN_MAX, "the mark and what was bad"
    assert not envelopes(effects)
    assert effects.records[-1].topic == "progress", "told before the worker stops"
    return task, state_of(effects)


def test_a_run_of_bad_records_stops_after_they_are_in_quarantine() -> None:
    task, _ = stopped(Feed())
    assert task.held() == frozenset(SOURCES)
    task.tick(NOON, frozenset())
    assert task.step(100).empty, "it waits: an order to go on may not have been read yet"
    task.tick(NOON, ALL)
    with pytest.raises(FeedError, match=r"orders, partition 0: 500 records in a row .* quarantine continue orders"):
        task.step(100)


def test_it_stops_again_after_a_restart() -> None:
    _, state = stopped(Feed())
    task = new_task()
    task.load(MemoryTable(dict(state)))
    assert task.held() == frozenset(SOURCES)
    task.tick(NOON, ALL)
    with pytest.raises(FeedError):
        task.step(100)


@pytest.mark.parametrize("restarted", [False, True])
def test_it_goes_on_when_told(restarted: bool) -> None:
    feed = Feed()
    task, state = stopped(feed)
    if restarted:
        task = new_task()
        task.load(MemoryTable(dict(state)))
        task.take("orders", feed.records["orders"][task.start_offsets()["orders"] :])
    task.take("control", [feed.control(go_on("orders"))])
    task.tick(NOON, ALL)
    assert [envelope.id for envelope in envelopes(task.step(100))] == [ORDER["event_id"]]
    assert task.held() == frozenset()
    give(task, *bad(feed, RUN_MAX - 1))
    task.tick(NOON, ALL)
    task.step(100)


def test_the_share_of_a_full_window_stops_too() -> None:
    limit = FeedLimit()
    allowed = SHARE_MAX_PERCENT * WINDOW_RECORDS // 100
    for extra in (0, 1):
        said = [limit.rejected() if number < allowed + extra else limit.good() for number in range(WINDOW_RECORDS)]
        assert said[:-1] == [None] * (WINDOW_RECORDS - 1)
        assert (said[-1] is not None) == bool(extra)


def test_good_records_end_a_run() -> None:
    limit = FeedLimit()
    assert [limit.rejected() for _ in range(RUN_MAX - 1)] == [None] * (RUN_MAX - 1)
    assert limit.good() is None
    assert limit.run == 0


def test_a_limit_survives_a_restart() -> None:
    limit = FeedLimit()
    for _ in range(RUN_MAX - 1):
        limit.rejected()
    again = FeedLimit.load(limit.dump())
    assert again.rejected() is not None


def test_the_share_counts_within_the_task() -> None:
    feed = Feed()
    task = started(feed, BRANDS, REPLAY)
    give(task, *feed.marks(NOON))
    records = [
        feed.add("orders", b"{" if number % 4 == 0 else event(ORDER, event_id=f"e{number}"), replayed=(NOON, NOON))
        for number in range(WINDOW_RECORDS)
    ]
    task.take("orders", records)
    assert len(reasons(task.step(10 * WINDOW_RECORDS))) == WINDOW_RECORDS // 4
    task.tick(NOON, ALL)
    with pytest.raises(FeedError, match=r"250 of the last 1000 records cannot be used \(limit 20%\)"):
        task.step(1)
