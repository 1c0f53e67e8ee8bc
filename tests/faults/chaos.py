"""``make chaos SEEDS=n``: every fault scenario and n seeds of random kills on one broker, as one table and one file.

``out/chaos.json`` keeps the runs that have ended; started again, it goes on with the others. When the code changes, all
of them count anew.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from deploy.local.broker import LocalBroker
from tests.faults import broker_scenarios, disk_run, input_run, merge_run, replay_run  # noqa: F401  they add theirs
from tests.faults.chaos_report import SEEDED, Runs, fingerprint, finished, line_of, summary, table, write
from tests.faults.kit import WAIT_S
from tests.faults.scenarios import CONTROLS, SCENARIOS, Ground, Scenario, random_kills


@click.command()
@click.option("--seeds", default=20, show_default=True, help="Seeds of random kills.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/chaos.json"), show_default=True)
@click.option("--only", multiple=True, help="Scenarios to run; all when none is named.")
def main(seeds: int, out: Path, only: tuple[str, ...]) -> None:
    """Run what has not been run yet, write OUT after each run, and print the table."""
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that broker and processes are ended
    wanted = {**SCENARIOS, **CONTROLS, **{f"{SEEDED}{seed}": random_kills(seed) for seed in range(seeds)}}
    unknown = set(only) - set(wanted)
    if unknown:
        raise click.UsageError(f"There is no scenario {sorted(unknown)}; there are {', '.join(wanted)}.")
    wanted = {name: run for name, run in wanted.items() if not only or name in only}
    code = fingerprint()
    kept = finished(out, code)
    done = {name: kept[name] for name in wanted if name in kept}
    if done:
        console.print(f"{len(done)} of {len(wanted)} runs have ended before and are kept ({out})")
    with _directory() as directory:
        run_all({name: run for name, run in wanted.items() if name not in done}, directory, done, console, out, code)
    report = summary(done)
    console.print(table(report))
    sys.exit(0 if report["ok"] else 1)


def run_all(
    wanted: Mapping[str, Scenario], directory: Path, done: Runs, console: Console, out: Path, code: str
) -> None:
    """Run each scenario on one broker, and write the file after each."""
    if not wanted:
        return
    with LocalBroker(directory / "broker", start_timeout_s=WAIT_S) as broker:
        ground = Ground(broker, directory)
        for name, scenario in wanted.items():
            began = time.monotonic()
            with console.status(name):
                try:
                    row = asdict(scenario(ground.of(name)))
                except Exception as error:  # the other scenarios go on; a failed one is run again next time
                    row = {"error": f"{type(error).__name__}: {error}"[:2_000]}
            done[name] = {**row, "seconds": round(time.monotonic() - began, 1)}
            shutil.rmtree(directory / name, ignore_errors=True)
            console.print(line_of(name, done[name]))
            write(out, code, done)


@contextmanager
def _directory() -> Iterator[Path]:
    """A directory of this run; removed at its end, since a run that is broken off begins anew."""
    directory = Path(tempfile.mkdtemp(prefix="cuepoint-chaos-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
