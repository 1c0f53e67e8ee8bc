"""The pure core over files: ``cuepoint backtest``'s way, in a process of its own, on one core.

``python -m benchmarks.pipeline.core DIRECTORY`` runs it once and prints what it took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.pipeline.bench import Bench, over_rounds
from benchmarks.pipeline.mix import directory_of, shipped_campaigns
from benchmarks.pipeline.processes import ROOT
from benchmarks.rows import Row
from streams.backtest import backtest_lines
from streams.replay.files import merged
from streams.settings import Settings

RECORDS, RECORDS_QUICK = 200_000, 6_000


def rows(bench: Bench) -> list[Row]:
    """Records a second of processor time, files read and decisions made."""
    directory = directory_of(bench.options.directory, bench.size(RECORDS, RECORDS_QUICK))
    found = [_in_a_process(directory) for _ in range(bench.rounds)]
    first = found[0]
    note = f"{first['records']:,} records of the simulator's mix, {first['decisions']:,} decisions, files read included"
    rates = [run["records"] / run["cpu_s"] for run in found]
    return [over_rounds("pure core over files, one core", "records/CPU s", rates, reach="value >= 50000", note=note)]


def _in_a_process(directory: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pipeline.core", str(directory)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[0])
    return found


def run(directory: Path) -> dict[str, Any]:
    """One backtest of a directory with the shipped campaigns."""
    campaigns, settings = shipped_campaigns(), Settings()
    began, began_cpu = time.perf_counter(), time.process_time()
    result = backtest_lines(merged(directory), campaigns, settings.replay_lateness)
    cpu_s, seconds = time.process_time() - began_cpu, time.perf_counter() - began
    records = sum(row["received"] for source, row in result.counts.by_source.items() if source != "campaigns")
    return {"records": records, "decisions": len(result.decisions), "cpu_s": cpu_s, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))), flush=True)
