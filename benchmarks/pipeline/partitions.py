"""What an event costs decide with 2 to 32 partitions on one worker."""

from __future__ import annotations

from benchmarks.pipeline.bench import Bench, over_rounds
from benchmarks.pipeline.decide import run_decide
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.mix import shipped_campaigns, simulated
from benchmarks.rows import Row

RECORDS, RECORDS_QUICK = 60_000, 3_000
PARTITIONS = (2, 8, 32)
PARTITIONS_QUICK = (2, 8)


def rows(bench: Bench) -> list[Row]:
    """CPU of an event by number of partitions, the same lines each time."""
    lines = simulated(bench.options.directory, bench.size(RECORDS, RECORDS_QUICK))
    counts = PARTITIONS_QUICK if bench.options.quick else PARTITIONS
    given = {n: DryRun(bench.settings("dry", partitions=n), shipped_campaigns()).run(lines) for n in counts}
    cost: dict[int, list[float]] = {n: [] for n in counts}
    for number in range(bench.rounds):
        for n in counts:
            bench.say(f"{n} partitions, round {number + 1} of {bench.rounds}")
            cost[n].append(run_decide(bench.settings("parts", partitions=n), given[n]).cpu_us_per_event)
    first, *between, last = counts
    rows = [over_rounds(f"CPU of an event at {n} partitions", "µs", cost[n]) for n in (first, *between)]
    rows.append(
        over_rounds(
            f"CPU of an event at {last} partitions",
            "µs",
            cost[last],
            against=f"{first} partitions",
            others=cost[first],
            reach="ratio <= 1.2",
            note=f"{given[last].events:,} events",
        )
    )
    return rows
