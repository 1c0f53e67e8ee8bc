"""Latency of the whole path at 1,000 events a second: from ``produce()`` of an input to the trigger it causes."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.fold.engines import BENCH_PYTHON, bench_environment_missing
from benchmarks.pipeline.bench import Bench, scratch_file
from benchmarks.pipeline.decide import topics
from benchmarks.pipeline.logs import Place, write
from benchmarks.pipeline.logs import Row as LogRow
from benchmarks.pipeline.occasions import WELCOME, WELCOME_ON_ARRIVAL, Event, Occasion, page_view
from benchmarks.pipeline.processes import ROOT, Process, Progress
from benchmarks.rows import Row, measured, not_run
from schemas.base import to_ms
from schemas.catalog import KnownBrands
from streams.campaigns import CampaignSet, known_brands, records
from streams.replay.control import go_live, now, write_control
from streams.settings import Settings
from streams.wire import partition_of

RATE = 1_000
CAUSE_EVERY = 10
"""One event in so many makes something due."""
VISITORS = 5_000
WARM_UP_S, SECONDS = 10, 30
WARM_UP_S_QUICK, SECONDS_QUICK = 2, 4
TICK_MS = Settings.model_fields["tick_interval_ms"].default
"""As shipped: with more ticks, marks and their transactions would take most of two cores."""
READY_S = 60.0
STAGES = ("intake", "identity", "decide", "capacity")


def rows(bench: Bench) -> list[Row]:
    """The occasion that is decided on arrival, and for comparison one in event time without allowed lateness."""
    return [
        *_rows(bench, WELCOME_ON_ARRIVAL, "whole path, on arrival", ("value <= 150", "value <= 400")),
        *_rows(bench, WELCOME, "whole path, event time", ("", "")),
    ]


def _rows(bench: Bench, occasion: Occasion, name: str, reach: tuple[str, str]) -> list[Row]:
    names = [f"{name}, {RATE:,} events/s: {part}" for part in ("p50", "p99")]
    missing = bench_environment_missing()
    if missing:
        return [not_run(row, missing, aim) for row, aim in zip(names, reach, strict=True)]
    bench.say(f"latency of the {name}")
    found = measure(bench, occasion)
    lost = found["expected"] - found["samples"]
    note = f"{found['samples']:,} triggers of {occasion.name}, {lost} never came, {found['behind_ms']:.0f} ms behind"
    values = [found.get(part, float("inf")) for part in ("p50_ms", "p99_ms")]
    pairs = zip(names, values, reach, strict=True)
    return [measured(row, value, "ms", reach=aim, note=note) for row, value, aim in pairs]


def measure(bench: Bench, occasion: Occasion) -> dict[str, float]:
    """Run the live pipeline with the sink, and let the probe produce."""
    warm_up_s, seconds = (WARM_UP_S_QUICK, SECONDS_QUICK) if bench.options.quick else (WARM_UP_S, SECONDS)
    count = RATE * (warm_up_s + seconds)
    settings = bench.settings("latency", tick_interval_ms=TICK_MS, **occasion.settings)
    plan = scratch_file(bench, "plan.jsonl")
    plan.write_text("".join(json.dumps(line) + "\n" for line in planned(settings, occasion, count)))
    with topics(settings), _live(settings, occasion.campaigns()) as processes:
        _wait_for_rules(settings, processes)
        request = {
            "bootstrap": settings.bootstrap_servers,
            "plan": str(plan),
            "topic": settings.topic(f"triggers.{occasion.channel}"),
            "partitions": settings.partitions,
            "rate": RATE,
            "warm_up": RATE * warm_up_s,
        }
        command = [str(BENCH_PYTHON), "-m", "benchmarks.pipeline.latency_probe"]
        done = subprocess.run(command, cwd=ROOT, input=json.dumps(request), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the latency probe failed: {done.stderr.strip()[-600:]}")
        for process in processes:
            process.check()
        found: dict[str, float] = json.loads(done.stdout)
        return found


def planned(settings: Settings, occasion: Occasion, count: int) -> Iterator[tuple[str, int, str, str, str | None]]:
    """(topic, partition, key, value, customer whose trigger is awaited) of each event, in order."""
    for number in range(count):
        cause = number % CAUSE_EVERY == 0
        source = occasion.source if cause else "web-sessions"
        key = customer_of(number) if cause else f"visitor-{number % VISITORS}"
        event = occasion.event(key) if cause else page_view(number, VISITORS)
        topic, partition = settings.topic(source), partition_of(key, settings.partitions)
        yield topic, partition, key, json.dumps(event), key if cause else None


def customer_of(number: int) -> str:
    """The customer whom event ``number`` is about; nobody else's."""
    return f"customer-{number:07d}"


@contextmanager
def _live(settings: Settings, campaigns: CampaignSet) -> Iterator[list[Process]]:
    """All stages and the sink, live, with the campaigns published."""
    write_control(settings, "brands", KnownBrands(kind="brands", brands=sorted(known_brands(campaigns))))
    rules = records(campaigns, to_ms(now()), "benchmark")
    write(settings, _placed(settings, (("campaigns", key, record) for key, record in rules)))
    go_live(settings, 0)
    processes: list[Process] = []
    try:
        processes += [Process(settings, stage) for stage in ("sink", *STAGES)]
        for process in processes[1:]:
            process.wait_until(lambda p=process: len(p.ready_partitions()) == settings.partitions, READY_S, "ready")
        yield processes
    finally:
        for process in processes:
            process.stop()


def _wait_for_rules(settings: Settings, processes: list[Process]) -> None:
    """Until the clock of decide has passed the present: then the campaign is in force."""
    end, deadline = to_ms(now()), time.monotonic() + READY_S
    with Progress(settings) as progress:
        while not progress.reached(end):
            progress.poll()
            for process in processes:
                process.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"decide's clock did not reach the present within {READY_S:.0f} s")


def _placed(settings: Settings, events: Iterable[tuple[str, str, Event]]) -> dict[Place, list[LogRow]]:
    rows: dict[Place, list[LogRow]] = {}
    for source, key, event in events:
        place = (source, partition_of(key, settings.partitions))
        rows.setdefault(place, []).append((key.encode(), msgspec.json.encode(event), ()))
    return rows
