"""``python -m benchmarks.soak`` (``make soak``): half an hour at half of the measured maximum, a kill every 5 minutes.

Writes ``out/soak.json`` and ``out/soak.png``. A retailer of many customers with months of history behind them goes on
through its days at a fixed rate; afterwards every decision is compared with those of a run without faults.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.beginning import begin
from benchmarks.fold.engines import BENCH_PYTHON
from benchmarks.pipeline.bench import Bench
from benchmarks.pipeline.load import Load, Story, placed_tables, story
from benchmarks.pipeline.logs import write
from benchmarks.pipeline.mix import shipped_campaigns, simulated
from benchmarks.pipeline.outcome import Verdict, judge
from benchmarks.pipeline.soak_rows import rows
from benchmarks.pipeline.watch import Watcher
from benchmarks.pipeline.whole import run_whole
from benchmarks.rows import Options, show
from benchmarks.rows import write as write_rows
from deploy.local.broker import LocalBroker
from schemas.base import from_ms
from streams.campaigns import known_brands
from streams.errors import CuepointError
from streams.replay.control import begin_replay, end_replay, wait_for_clocks
from streams.runtime.app import INSTANCE_ENV
from streams.settings import Settings
from streams.tools import consumer, read_all
from streams.topics_admin import ensure_topics
from streams.up import Fleet, stage_arguments

MINUTES = 30.0
KILL_EVERY_S = 300.0
KILLS_MIN, KILL_EVERY_S_MIN = 3, 40.0
"""Of a run that is too short for a kill every five minutes; but a process has to get on between two."""
SAMPLE_EVERY_S = 5.0
POLL_S = 0.2
LOAD_SHARE = 0.5
STORY_RECORDS, MAXIMUM_RECORDS = 30_000, 60_000
VICTIMS = ("decide", "intake", "sink", "identity")
SETTLE_S = 900.0


def soak(bench: Bench, minutes: float, rate: float | None) -> tuple[Watcher, Story, int, float, Verdict]:
    """The whole soak on a running broker; returns what was seen, the story, its copies, the rate, and the verdict."""
    campaigns = shipped_campaigns()
    pid = bench.broker.pid
    assert pid is not None
    if rate is None:
        bench.say("measuring the maximum")
        lines = simulated(bench.options.directory, MAXIMUM_RECORDS)
        rate = run_whole(bench.settings("maximum"), campaigns, lines, pid).events_per_s * LOAD_SHARE
    settings = bench.settings("soak")
    bench.say("making the retailer")
    given = story(settings, campaigns, simulated(bench.options.directory, STORY_RECORDS))
    copies = max(1, round(rate * minutes * 60 / len(given.lines)))
    bench.say(f"{rate:,.0f} lines/s for {minutes:g} minutes; {copies * given.customers:,} customers at the beginning")
    ensure_topics(settings)
    write(settings, placed_tables(given, copies, settings.partitions))
    begin_replay(settings, known_brands(campaigns), hand_over=True)
    watcher = _run(bench, settings, Load(settings, given, copies, rate), given.end, minutes)
    bench.say("comparing decisions")
    return watcher, given, copies, rate, judge(given.decisions, _decisions(settings), copies)


def _run(bench: Bench, settings: Settings, load: Load, end: int, minutes: float) -> Watcher:
    """Processes, load, kills and samples, until everything is decided."""
    os.environ[INSTANCE_ENV] = "soak"  # one worker a stage: it takes its partitions back at once when it was killed
    watcher = Watcher(settings)
    kill_every_s = max(KILL_EVERY_S_MIN, min(KILL_EVERY_S, minutes * 60 / (KILLS_MIN + 1)))
    try:
        with Fleet(settings, stage_arguments(), bench.say) as fleet:
            load.start()
            sampled = killed = 0.0
            while load.is_alive():
                fleet.watch()
                if watcher.now_s - sampled >= SAMPLE_EVERY_S:
                    sampled = watcher.now_s
                    watcher.look(fleet.children, bench.broker.pid, load.written, load.behind_s)
                if watcher.now_s - killed >= kill_every_s:
                    killed = watcher.now_s
                    _kill(fleet, watcher)
                time.sleep(POLL_S)
            if load.failure is not None:
                raise load.failure
            end_replay(settings, from_ms(end))
            wait_for_clocks(settings, end, SETTLE_S)
    finally:
        load.stop()
        watcher.close()
    return watcher


def _kill(fleet: Fleet, watcher: Watcher) -> None:
    """Signal 9 to the next victim; the fleet starts it again."""
    name = VICTIMS[len(watcher.kills) % len(VICTIMS)]
    process = next(child.process for child in fleet.children if child.name == name)
    assert process is not None
    watcher.kills.append((watcher.now_s, name))
    process.kill()
    process.wait()


def _decisions(settings: Settings) -> Iterator[bytes]:
    with consumer(settings, group_id=None) as client:
        for record in read_all(client, settings, "decisions"):
            yield record.value


def main() -> int:
    """Run it and write table, file and picture; returns 0 when everything holds."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, help="lines a second instead of half of the measured maximum")
    parser.add_argument("--out", type=Path, default=Path("out/soak.json"), help="the file; the picture lies beside it")
    chosen = parser.parse_args()
    begin()
    directory = Path(tempfile.mkdtemp(prefix="cuepoint-soak-"))
    try:
        with LocalBroker(directory / "broker", heap_mb=1_024, disk_free_mb_min=8_000) as broker:
            bench = Bench(broker, Options(1, None, False, directory, lambda text: print(text, file=sys.stderr)))
            watcher, given, copies, rate, verdict = soak(bench, chosen.minutes, chosen.rate)
    except CuepointError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    found = rows(watcher, verdict, rate)
    facts = {
        "minutes": chosen.minutes,
        "rate": rate,
        "customers": copies * given.customers,
        "verdict": asdict(verdict),
        "kills": watcher.kills,
        "samples": [asdict(sample) for sample in watcher.samples],
    }
    write_rows(chosen.out, found, facts)
    show(found)
    _plot(chosen.out)
    return 0 if all(row.ok for row in found) else 1


def _plot(file: Path) -> None:
    picture = file.with_suffix(".png")
    if not BENCH_PYTHON.exists():
        print(
            f"NOT RUN: the picture; {BENCH_PYTHON.parent.parent} is not there: run `make bench` once", file=sys.stderr
        )
        return
    subprocess.run([BENCH_PYTHON, "-m", "benchmarks.soak_plot", str(file), str(picture)], check=True)
    print(f"{file}, {picture}")


if __name__ == "__main__":
    sys.exit(main())
