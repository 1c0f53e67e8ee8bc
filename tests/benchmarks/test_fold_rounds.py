"""How rounds become rows."""

from __future__ import annotations

import pytest

from benchmarks.fold import engines
from benchmarks.fold.lab import Backlog
from benchmarks.fold.rounds import PAIRS, Round, rows_of_size
from benchmarks.rows import Row

SIZE = 200_000


def backlog(seconds: float, events: int = SIZE) -> Backlog:
    return Backlog(
        events=events,
        seconds=seconds,
        cpu_s=seconds,
        broker_cpu_s=0.5,
        commits=10,
        gap_ms=90.0,
        gap_ms_max=100.0,
        peak_mib=100.0,
        changelog_records=events,
    )


def played(*seconds_of_ours: float) -> list[Round]:
    """Rounds in which every other engine takes 4 s."""
    others = {engine.key: backlog(4.0) for engine in engines.ENGINES}
    return [{**others, engines.OURS.key: backlog(seconds)} for seconds in seconds_of_ours]


def row(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)


def test_ratios_are_taken_within_a_round_and_then_the_median() -> None:
    rounds = played(2.0, 1.0, 4.0)
    rounds[1][engines.BARE_LOOP.key] = backlog(0.5)
    found = row(rows_of_size(SIZE, rounds, {}), "fold 200,000: Cuepoint against bare loop")
    assert found.ratio == 1.0  # of 2, 0.5 and 1
    assert found.value == SIZE / 2.0
    assert found.spread == (SIZE / 4.0, SIZE / 1.0)
    assert found.ok


@pytest.mark.parametrize(("seconds", "ok"), [(5.0, True), (5.1, False)])
def test_the_aim_against_the_bare_loop(seconds: float, ok: bool) -> None:
    assert row(rows_of_size(SIZE, played(seconds), {}), "fold 200,000: Cuepoint against bare loop").ok is ok


def test_an_engine_that_fell_out_is_not_run_with_the_reason() -> None:
    rows = rows_of_size(SIZE, played(1.0), {engines.KAFKA_STREAMS_1_S.key: "no Java"})
    missing = [row for row in rows if row.value is None]
    assert [row.name for row in missing] == [
        "fold 200,000: Kafka Streams, 1 s, exactly once",
        "fold 200,000: Cuepoint against Kafka Streams, 1 s",
    ]
    assert all(row.note == "no Java" and not row.ok for row in missing)


def test_nothing_is_compared_when_our_engine_failed() -> None:
    rows = rows_of_size(SIZE, played(1.0), {engines.OURS.key: "lost events"})
    compared = [
        row for row in rows if " against " in row.name and row.name.startswith("fold 200,000: Cuepoint against")
    ]
    assert compared
    assert all(row.value is None for row in compared)


def test_stock_faust_takes_no_part_in_the_large_size() -> None:
    rounds = [{engine.key: backlog(10.0, 1_000_000) for engine in engines.ENGINES}]
    assert not any("Faust" in row.name for row in rows_of_size(1_000_000, rounds, {}))


def test_who_commits_every_100_ms_meets_one_of_ours_that_does() -> None:
    for subject, engine in PAIRS:
        assert (subject is engines.OURS_100_MS) == (engine.interval_ms == 100)
