"""From 10,000 to 1,000,000 customers: time to restore them, memory of the worker, and what an event costs then."""

from __future__ import annotations

from typing import get_args

from benchmarks.pipeline.bench import Bench
from benchmarks.pipeline.copies import copied_events, copied_log, copied_tables, customers_in, renameable
from benchmarks.pipeline.decide import Run, restore, run_on, topics
from benchmarks.pipeline.dry_run import DryRun, Prepared
from benchmarks.pipeline.logs import write
from benchmarks.pipeline.mix import DAYS, shipped_campaigns, simulated
from benchmarks.rows import Row, measured, not_run
from streams.settings import Settings
from streams.simulate.rates import DAY_MS
from streams.simulate.retailer import START_MS

RECORDS, RECORDS_QUICK = 100_000, 6_000
SIZES = {10_000: 28, 100_000: 7, 1_000_000: 1}
"""Customers -> days of events, one after the other: enough of them, and not too many."""
SIZES_QUICK = {200: 14, 1_000: 7}
HISTORY_DAYS = DAYS - 40
RESTORE_MEMORY, RESTORE_ROCKSDB = "value <= 15", "value <= 3"
MIB = 1 << 20


def rows(bench: Bench) -> list[Row]:
    """Growth in customers, and restore at the largest size, in memory and with RocksDB."""
    lines = renameable(simulated(bench.options.directory, bench.size(RECORDS, RECORDS_QUICK)))
    dry_run = DryRun(bench.settings("dry"), shipped_campaigns())
    now = START_MS + HISTORY_DAYS * DAY_MS
    dry_run.run([line for line in lines if line[1] < now], now)
    sizes = SIZES_QUICK if bench.options.quick else SIZES
    found: list[Row] = []
    runs: dict[int, Run] = {}
    for customers, days in sizes.items():
        begin, now = now, now + days * DAY_MS
        given = dry_run.run([line for line in lines if begin <= line[1] < now], now)
        copies = max(1, round(customers / customers_in(given.tables)))
        bench.say(f"{copies * customers_in(given.tables):,} customers: {copied_events(given, copies):,} events")
        runs[customers] = _run(bench, given, copies, found if customers == max(sizes) else None)
    first, *_, last = runs
    return [*found, *_growth(runs, first, last)]


def _run(bench: Bench, given: Prepared, copies: int, restores: list[Row] | None) -> Run:
    """Events on that many copies; for the largest size, restores of both stores too."""
    settings = bench.settings("customers")
    with topics(settings):
        size = write(settings, copied_tables("decide", given.tables, copies))
        log, events = copied_log(given.log, copies), copied_events(given, copies)
        run = run_on(settings, {}, log, events, given.end)
        if restores is not None:
            customers = f"{copies * customers_in(given.tables):,} customers"
            name = f"restore of {customers}, in memory"
            restores.append(measured(name, run.restore_s, "s", reach=RESTORE_MEMORY, note=f"{size / MIB:,.0f} MiB"))
            restores += _rocksdb(settings, customers)
        return run


def _rocksdb(settings: Settings, customers: str) -> list[Row]:
    """The same topics with the other store: filled from the changelog, then opened again."""
    first, again = f"restore of {customers}, RocksDB, new disk", f"restore of {customers}, RocksDB"
    if "rocksdb" not in get_args(Settings.model_fields["state_store"].annotation):
        return [not_run(again, "RocksDB is not behind the store", RESTORE_ROCKSDB)]
    on_disk = settings.model_copy(update={"state_store": "rocksdb"})
    filled_s, _ = restore(on_disk)
    opened_s, resident = restore(on_disk)
    note = f"{resident / MIB:,.0f} MiB resident"
    return [measured(first, filled_s, "s"), measured(again, opened_s, "s", reach=RESTORE_ROCKSDB, note=note)]


def _growth(runs: dict[int, Run], first: int, last: int) -> list[Row]:
    found = [
        measured(
            f"CPU of an event at {size:,} customers",
            run.cpu_us_per_event,
            "µs",
            note=f"{run.events:,} events, {sum(run.rss_bytes.values()) / MIB:,.0f} MiB resident",
        )
        for size, run in runs.items()
        if size != last
    ]
    cost, base = runs[last].cpu_us_per_event, runs[first].cpu_us_per_event
    note = f"{runs[last].events:,} events, {sum(runs[last].rss_bytes.values()) / MIB:,.0f} MiB resident"
    name, against = f"CPU of an event at {last:,} customers", f"{first:,} customers"
    found.append(measured(name, cost, "µs", against=against, ratio=cost / base, reach="ratio <= 1.2", note=note))
    return found
