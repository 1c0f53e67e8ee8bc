"""``python -m benchmarks.analysts``: decisions through the sink's writer, publications, and every mart, by size.

Rates are by CPU seconds of this process, since other work on a machine moves the wall clock: a thread that waits for a
core costs none. Marts are timed on a snapshot in a connection of their own: wall seconds, with the CPU seconds beside.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.analysts.log import BATCH, batches
from benchmarks.rows import machine
from sinks.duckdb_writer import DuckDBWriter
from sinks.layout import views

SIZES = (100_000, 1_000_000, 10_000_000)
AIM_PER_S, AIM_MART_S = 50_000, 2.0
ARGUMENTS = {
    "mart.customer_timeline": "('c1')",
    "mart.alignment": "(DATE '2011-06-01')",
    "mart.decisions_known_at": "(TIMESTAMPTZ '2011-06-01')",
    "mart.sales_known_at": "(TIMESTAMPTZ '2011-06-01')",
}


def cpu_s() -> float:
    """CPU seconds of this process and of what it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    began, cpu = time.monotonic(), cpu_s()
    work()
    return time.monotonic() - began, cpu_s() - cpu


def write(path: Path, directory: Path, size: int) -> dict[str, Any]:
    """Write a log of ``size`` decisions; what it took, sizes, and the time of a publication."""
    writer = DuckDBWriter(path, "bench")
    wall = cpu = 0.0
    for batch in batches(size):
        seconds = timed(lambda batch=batch: writer.write(batch))  # type: ignore[misc]
        wall, cpu = wall + seconds[0], cpu + seconds[1]
    records = size + -(-size // 20)
    published = [timed(lambda: writer.publish(directory, 1, datetime.now(UTC))) for _ in range(2)]
    snapshot = (directory / "latest.duckdb").resolve()
    writer.close()
    return {
        "decisions": size,
        "records": records,
        "write_wall_s": wall,
        "write_cpu_s": cpu,
        "records_per_cpu_s": records / cpu,
        "reached": records / cpu >= AIM_PER_S,
        "first_publication": published[0],
        "next_publication": published[1],
        "snapshot_mb": snapshot.stat().st_size / 1e6,
        "bytes_per_record": snapshot.stat().st_size / records,
    }


def marts(snapshot: Path) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each mart, the better of two: every row and column of it is made."""
    found = {}
    with duckdb.connect(str(snapshot), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        for view in views():
            if view.kind == "MACRO" or not view.name.startswith("mart."):
                continue
            call = view.name + ("" if view.kind == "VIEW" else ARGUMENTS.get(view.name, "()"))
            query = f"CREATE OR REPLACE TEMP TABLE answer AS FROM {call}"
            found[call] = min(timed(lambda query=query: database.execute(query)) for _ in range(2))  # type: ignore[misc]
            print(f"  {call}: {found[call][0]:.2f} s wall, {found[call][1]:.2f} s CPU", flush=True)
    return found


def main() -> None:
    """Measure the sizes asked for; the figures go to a file as they come."""
    parser = argparse.ArgumentParser(prog="benchmarks.analysts", description=__doc__)
    parser.add_argument("--decisions", type=int, action="append", help=f"size, may be given again (default {SIZES})")
    parser.add_argument("--out", type=Path, default=Path("out/bench-analysts.json"))
    arguments = parser.parse_args()
    sizes: list[dict[str, Any]] = []
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for size in arguments.decisions or SIZES:
        with tempfile.TemporaryDirectory(prefix="cuepoint-bench-") as scratch:
            directory = Path(scratch)
            found = write(directory / "sink.duckdb", directory / "snapshots", max(BATCH, size))
            print({name: value for name, value in found.items() if name != "marts"}, flush=True)
            found["marts"] = marts((directory / "snapshots" / "latest.duckdb").resolve())
        slow = {name: wall for name, (wall, _) in found["marts"].items() if wall > AIM_MART_S}
        print(
            f"{size:,}: {len(found['marts']) - len(slow)} of {len(found['marts'])} marts within {AIM_MART_S} s; {slow}"
        )
        sizes.append(found)
        arguments.out.write_text(json.dumps({"machine": machine(), "sizes": sizes}, indent=1))


if __name__ == "__main__":
    main()
