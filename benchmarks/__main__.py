"""``python -m benchmarks``: all rows on one broker in one run, as a table and as ``out/bench.json``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from benchmarks import pipeline
from benchmarks.beginning import begin
from benchmarks.fold import latency, rounds
from benchmarks.fold.engines import bench_environment_missing
from benchmarks.fold.lab import Lab
from benchmarks.rows import Options, Row, not_run, show, write
from deploy.local.broker import LocalBroker
from streams.errors import CuepointError

BROKER_HEAP_MB = 1_024
SCRATCH_MB_MIN = 8_000
"""Free space for the largest comparison: its input, and what engines write until the broker has removed it."""
ROUNDS = 5
EXIT_NOT_RUN = 1


class Group(Protocol):
    """One group of rows."""

    def __call__(self, broker: LocalBroker, options: Options) -> list[Row]:
        """Measure and return."""


def fold(broker: LocalBroker, options: Options) -> list[Row]:
    """The fold over a backlog, against other engines."""
    return _in_lab("fold", broker, options, rounds.rows)


def fold_latency(broker: LocalBroker, options: Options) -> list[Row]:
    """The fold live, against other engines."""
    return _in_lab("fold latency", broker, options, latency.rows)


def groups() -> dict[str, Group]:
    """By the name that ``--only`` takes, in the order of the table."""
    return {"fold": fold, "latency": fold_latency, **pipeline.groups()}


def _in_lab(
    name: str, broker: LocalBroker, options: Options, measure: Callable[[Lab, Options], list[Row]]
) -> list[Row]:
    missing = bench_environment_missing()
    if missing is not None:
        return [not_run(name, missing)]
    with Lab(broker, options.directory / name) as lab:
        return measure(lab, options)


def _rows(name: str, measure: Group, broker: LocalBroker, options: Options) -> list[Row]:
    """Of one group. What breaks in it costs its rows, not those that an hour of other groups has given."""
    try:
        return measure(broker, options)
    except Exception as error:
        traceback.print_exc()
        return [not_run(name, f"{type(error).__name__}: {error}")]


@contextmanager
def _scratch() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="cuepoint-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=groups(), action="append", help="this group of rows; may be given again")
    parser.add_argument("--rounds", type=int, help=f"measured rounds of each comparison (default {ROUNDS}; quick: 1)")
    parser.add_argument("--events", type=int, help="one backlog of so many events instead of the usual sizes")
    parser.add_argument("--quick", action="store_true", help="a few minutes: one round, no large sizes")
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"), help="the file of the rows")
    return parser.parse_args()


def main() -> int:
    """Run the groups asked for; returns 1 when something could not be run. Falling short is said, and no failure: how
    fast a machine is depends on what else it does."""
    arguments = _arguments()
    begin()
    began = time.monotonic()
    rows: list[Row] = []
    facts: dict[str, Any] = {}
    with _scratch() as directory:
        broker = LocalBroker(directory / "broker", heap_mb=BROKER_HEAP_MB, disk_free_mb_min=SCRATCH_MB_MIN)
        try:
            with broker:
                given_rounds = arguments.rounds or (1 if arguments.quick else ROUNDS)
                options = Options(given_rounds, arguments.events, arguments.quick, directory, _say, facts)
                for name, measure in groups().items():
                    if arguments.only is None or name in arguments.only:
                        _say(f"{name}: begins")
                        rows += _rows(name, measure, broker, options)
        except CuepointError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    write(arguments.out, rows, facts)
    show(rows)
    print(f"{time.monotonic() - began:,.0f} s; rows in {arguments.out}")
    return EXIT_NOT_RUN if any(row.value is None for row in rows) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
