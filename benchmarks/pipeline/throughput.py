"""Events a second: decide alone with one worker and with two, and all stages with the sink, beside the bare loop."""

from __future__ import annotations

from statistics import median

from benchmarks.pipeline.bench import BARE, Bench, over_rounds
from benchmarks.pipeline.decide import Run, run_decide
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.mix import shipped_campaigns, simulated
from benchmarks.pipeline.profile import keep
from benchmarks.pipeline.whole import run_whole
from benchmarks.rows import Row

DECIDE_RECORDS, DECIDE_RECORDS_QUICK = 150_000, 4_000
WHOLE_RECORDS, WHOLE_RECORDS_QUICK = 60_000, 3_000
MIB = 1 << 20


def decide_rows(bench: Bench) -> list[Row]:
    """Decide alone, exactly once, all shipped campaigns on; and two workers of it, on the same input."""
    lines = simulated(bench.options.directory, bench.size(DECIDE_RECORDS, DECIDE_RECORDS_QUICK))
    given = DryRun(bench.settings("dry"), shipped_campaigns()).run(lines)
    bare: list[float] = []
    one: list[Run] = []
    two: list[Run] = []
    with bench.bare_loop() as bare_loop:
        for number in range(bench.rounds):
            bench.say(f"decide alone, round {number + 1} of {bench.rounds}: {given.events:,} events")
            bare += [bare_loop()] if bare_loop is not None else []
            one.append(run_decide(bench.settings("decide"), given))
            two.append(run_decide(bench.settings("decide"), given, workers=2))
    keep(bench.options, run_decide(bench.settings("decide"), given, profile=True))
    return [
        over_rounds(
            "decide alone, one worker, exactly once",
            "events/s",
            [run.events_per_s for run in one],
            against=BARE,
            others=bare,
            reach="ratio >= 0.3",
            note=f"{given.events:,} events of the simulator's mix, {_cpu(one)}, {_peak(one)}",
        ),
        over_rounds(
            "decide, two workers: throughput",
            "events/s",
            [run.events_per_s for run in two],
            against="one worker",
            others=[run.events_per_s for run in one],
            reach="ratio >= 1.25",
            note="two cores that the broker shares",
        ),
        over_rounds(
            "decide, two workers: CPU of an event",
            "µs",
            [run.cpu_us_per_event for run in two],
            against="one worker",
            others=[run.cpu_us_per_event for run in one],
            reach="ratio <= 1.2",
        ),
    ]


def whole_rows(bench: Bench) -> list[Row]:
    """All stages and the sink on this machine, exactly once, from complete input topics to DuckDB."""
    campaigns = shipped_campaigns()
    lines = simulated(bench.options.directory, bench.size(WHOLE_RECORDS, WHOLE_RECORDS_QUICK))
    pid = bench.broker.pid
    assert pid is not None
    bare: list[float] = []
    runs: list[Run] = []
    with bench.bare_loop() as bare_loop:
        for number in range(bench.rounds):
            bench.say(f"all stages and the sink, round {number + 1} of {bench.rounds}: {len(lines):,} records")
            bare += [bare_loop()] if bare_loop is not None else []
            runs.append(run_whole(bench.settings("whole"), campaigns, lines, pid))
    keep(bench.options, run_whole(bench.settings("whole"), campaigns, lines, pid, profile=True))
    rows = [
        over_rounds(
            "all stages and the sink, exactly once",
            "records/s",
            [run.events_per_s for run in runs],
            against=BARE,
            others=bare,
            reach="ratio >= 0.12",
            note=f"{len(lines):,} records of the simulator's mix, {_cpu(runs)} with the broker; the aim beyond is 0.2",
        )
    ]
    for process in runs[0].cpu_s:
        micros = [run.cpu_s[process] / run.events * 1e6 for run in runs]
        rows.append(over_rounds(f"all stages: CPU of a record, {process}", "µs", micros, note=_resident(runs, process)))
    return rows


def _cpu(runs: list[Run]) -> str:
    return f"{median(run.cpu_us_per_event for run in runs):.0f} µs of CPU each"


def _peak(runs: list[Run]) -> str:
    return f"{max(sum(run.rss_bytes.values()) for run in runs) / MIB:.0f} MiB resident"


def _resident(runs: list[Run], process: str) -> str:
    found = [run.rss_bytes[process] / MIB for run in runs if process in run.rss_bytes]
    return f"{max(found):.0f} MiB resident" if found else ""
