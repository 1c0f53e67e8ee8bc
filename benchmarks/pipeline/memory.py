"""Bytes of memory a customer takes, encoded and as a decide task holds him, at the simulator's mix."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

from benchmarks.pipeline.bench import Bench, scratch_file
from benchmarks.pipeline.copies import TOKEN, customers_in, renameable
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.mix import shipped_campaigns, simulated
from benchmarks.pipeline.processes import ROOT
from benchmarks.rows import Row, measured

RECORDS, RECORDS_QUICK = 30_000, 4_000
CUSTOMERS, CUSTOMERS_QUICK = 200_000, 5_000
NOTE = "customers known or not yet, with the pointers of merged ones, after a year of the simulator's mix"


def rows(bench: Bench) -> list[Row]:
    """Encoded bytes, and resident memory of a process that holds them."""
    lines = renameable(simulated(bench.options.directory, bench.size(RECORDS, RECORDS_QUICK)))
    dry_run = DryRun(bench.settings("memory", partitions=1), shipped_campaigns())
    dry_run.run(lines)
    table = dry_run.tables("decide")[0]
    customers = customers_in([table])
    encoded = sum(len(key) + len(value) for key, value in table.items() if TOKEN in key) / customers
    copies = max(1, round((CUSTOMERS_QUICK if bench.options.quick else CUSTOMERS) / customers))
    file = scratch_file(bench, "table.pickle")
    file.write_bytes(pickle.dumps(table))
    command = [sys.executable, "-m", "benchmarks.pipeline.holder", str(file), str(copies)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    held = json.loads(done.stdout.splitlines()[0])["bytes"] / (copies * customers)
    return [
        measured("state of a customer, encoded", encoded, "bytes", note=NOTE),
        measured(
            "state of a customer in memory",
            held,
            "bytes",
            reach="value <= 1536",
            note=f"growth of a process with {copies * customers:,} of them",
        ),
    ]
