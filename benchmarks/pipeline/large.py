"""``python -m benchmarks.pipeline.large`` (``make bench-large``): ten million customers on one worker with RocksDB.

The states are those of a year of the simulator's mix with renamed customers, written to the changelog directly. The
worker fills its disk from there, starts again on it, and decides a day's events of a twentieth of the customers.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.beginning import begin
from benchmarks.pipeline.bench import Bench
from benchmarks.pipeline.copies import copied_events, copied_log, copied_tables, customers_in, renameable
from benchmarks.pipeline.decide import restore, run_on, topics
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.logs import write
from benchmarks.pipeline.mix import DAYS, shipped_campaigns, simulated
from benchmarks.rows import Options, Row, measured, show
from benchmarks.rows import write as write_rows
from deploy.local.broker import LocalBroker
from streams.errors import CuepointError
from streams.simulate.rates import DAY_MS
from streams.simulate.retailer import START_MS

CUSTOMERS = 10_000_000
RECORDS = 100_000
ACTIVE_SHARE = 0.05
MIB = 1 << 20
GIB = 1 << 30
DISK_BYTES_PER_CUSTOMER = 6_000
"""Changelog on the broker and RocksDB, with room for its compactions."""


def rows(bench: Bench, customers: int) -> list[Row]:
    """Restore, memory and cost of an event at that many customers."""
    lines = renameable(simulated(bench.options.directory, RECORDS))
    dry_run = DryRun(bench.settings("dry"), shipped_campaigns())
    now = START_MS + (DAYS - 10) * DAY_MS
    bench.say("making a year of the retailer")
    dry_run.run([line for line in lines if line[1] < now], now)
    given = dry_run.run([line for line in lines if now <= line[1] < now + DAY_MS], now + DAY_MS)
    copies = max(1, round(customers / customers_in(given.tables)))
    active = max(1, round(copies * ACTIVE_SHARE))
    settings = bench.settings("large", state_store="rocksdb")
    with topics(settings):
        bench.say(f"writing {copies * customers_in(given.tables):,} customers")
        size = write(settings, copied_tables("decide", given.tables, copies))
        bench.say(f"filling RocksDB from {size / GIB:.1f} GiB of changelog")
        filled_s, _ = restore(settings, timeout_s=3_600)
        bench.say("starting again, and deciding")
        run = run_on(settings, {}, copied_log(given.log, active), copied_events(given, active), given.end)
    name = f"{copies * customers_in(given.tables):,} customers, RocksDB"
    peak = max(run.peak_bytes.values()) / GIB
    return [
        measured(f"{name}: peak memory of the worker", peak, "GiB", reach="value <= 4", note="with a day's events"),
        measured(f"{name}: filled from the changelog", filled_s, "s", note=f"{size / GIB:.1f} GiB"),
        measured(f"{name}: started on its disk", run.restore_s, "s"),
        measured(f"{name}: CPU of an event", run.cpu_us_per_event, "µs", note=f"{run.events:,} events"),
    ]


def main() -> int:
    """Run it; returns 0 when memory stays within its bound."""
    begin()
    parser = argparse.ArgumentParser(prog="benchmarks.pipeline.large", description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--out", type=Path, default=Path("out/bench-large.json"), help="the file of the rows")
    chosen = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cuepoint-large-"))
    needed_mb = chosen.customers * DISK_BYTES_PER_CUSTOMER // 1_000_000
    try:
        with LocalBroker(directory / "broker", heap_mb=1_024, disk_free_mb_min=max(1_000, needed_mb)) as broker:
            found = rows(Bench(broker, Options(1, None, False, directory)), chosen.customers)
    except CuepointError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    write_rows(chosen.out, found)
    show(found)
    return 0 if all(row.ok for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
