"""The decide stage alone: workers of it on a complete ``customer-events``, exactly once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.pipeline.dry_run import Prepared
from benchmarks.pipeline.logs import Place, Row, rows_of, write
from benchmarks.pipeline.processes import Process, Progress
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics

TIMEOUT_S = 900.0
READY_S = 600.0
CHANGELOG = "decide-changelog"


@dataclass
class Run:
    """One measured run of a stage or of all. ``seconds``: first event taken to last commit."""

    events: int
    seconds: float
    cpu_s: dict[str, float]
    """Processor seconds of each process from its first records to the last commit."""
    rss_bytes: dict[str, int] = field(default_factory=dict)
    """Resident memory of each process after the last commit."""
    peak_bytes: dict[str, int] = field(default_factory=dict)
    """The most of it that each process has had."""
    restore_s: float = 0.0
    """From the assignment of partitions until the last of them has its state; the slowest worker's."""
    profiles: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    @property
    def events_per_s(self) -> float:
        """Throughput."""
        return self.events / self.seconds

    @property
    def cpu_us_per_event(self) -> float:
        """Processor microseconds of all processes an event."""
        return sum(self.cpu_s.values()) / self.events * 1e6


def scratch_settings(bootstrap_servers: str, group: str, directory: Path, **changes: Any) -> Settings:
    """Settings of one measured pipeline: a prefix of its own, four partitions, files below ``directory``; the rest as
    shipped, but for a shorter tick, so that workers begin together."""
    prefix = f"bench-{group}-{uuid.uuid4().hex[:6]}"
    values: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers,
        "topic_prefix": prefix,
        "partitions": 4,
        "state_dir": directory / prefix,
        "duckdb_path": directory / prefix / "cuepoint.duckdb",
        "snapshot_dir": directory / prefix / "snapshots",
        "tick_interval_ms": 200,
    }
    return Settings(**{**values, **changes})


@contextmanager
def topics(settings: Settings) -> Iterator[None]:
    """The catalogue's topics while the block runs."""
    ensure_topics(settings)
    try:
        yield
    finally:
        delete_topics(settings, prefix=settings.topic_prefix)


def run_decide(settings: Settings, given: Prepared, *, workers: int = 1, profile: bool = False) -> Run:
    """Write tables and log, then run ``workers`` of decide over them; the topics are made and deleted here."""
    tables = {(CHANGELOG, number): [(k, v, ()) for k, v in table.items()] for number, table in enumerate(given.tables)}
    with topics(settings):
        return run_on(settings, tables, rows_of(given.log), given.events, given.end, workers=workers, profile=profile)


def run_on(
    settings: Settings,
    tables: Mapping[Place, Iterable[Row]],
    log: Mapping[Place, Iterable[Row]],
    events: int,
    end: int,
    *,
    workers: int = 1,
    profile: bool = False,
) -> Run:
    """The same on topics that are there, with rows made on the way. All workers have restored before one begins."""
    gate = settings.state_dir / "gate"
    names = ["decide"] if workers == 1 else [f"decide-{number}" for number in range(workers)]
    write(settings, tables)
    write(settings, log)
    options = ["--forwarded-is-there", "--gate", str(gate)]
    processes = [Process(settings, "decide", name, profile=profile, options=options) for name in names]
    try:
        restore_s = _wait_until_ready(processes, settings.partitions, READY_S)
        gate.touch()
        with Progress(settings) as progress:
            spent = progress.follow(end, processes, TIMEOUT_S)
            last = progress.last_commit_ms
        rss = {process.name: process.rss_bytes for process in processes}
        peak = {process.name: process.peak_bytes for process in processes}
    finally:
        codes = [process.stop() for process in processes]
    if any(codes):
        raise RuntimeError(f"decide did not stop in good order: exit codes {codes}; see {processes[0].log}")
    began = {process.name: note for process in processes if (note := process.notes) is not None}
    cpu = {name: spent[name] - note["began_cpu_s"] for name, note in began.items()}
    seconds = (last - min(note["began_ms"] for note in began.values())) / 1000
    profiles = {process.name: process.profile for process in processes if profile}
    return Run(events, seconds, cpu, rss, peak, restore_s, profiles)


def restore(settings: Settings, timeout_s: float = READY_S) -> tuple[float, int]:
    """Start a worker of decide on what its topics (and its disk) hold, and stop it when all is restored: seconds, and
    resident bytes then."""
    gate = settings.state_dir / "closed"
    process = Process(settings, "decide", f"restore-{settings.state_store}", options=["--gate", str(gate)])
    try:
        seconds = _wait_until_ready([process], settings.partitions, timeout_s)
        return seconds, process.rss_bytes
    finally:
        process.stop()


def _wait_until_ready(processes: list[Process], partitions: int, timeout_s: float) -> float:
    """Wait until each worker has its share of the partitions restored; returns the seconds that the slowest took."""
    share = partitions // len(processes)
    took = []
    for process in processes:
        process.wait_until(
            lambda process=process: len(process.ready_partitions()) == share, timeout_s, "partitions ready"
        )
        ready = process.ready_partitions()
        took.append((max(ready.values()) - process.assigned_at()).total_seconds())
    return max(took)
