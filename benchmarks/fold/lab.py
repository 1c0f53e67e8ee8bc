"""Where engines are measured: one broker, the probe beside it, inputs written once, one engine process at a time."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.fold.engines import BENCH_PYTHON, Engine
from benchmarks.fold.job import PARTITIONS
from benchmarks.fold.progress import Run
from benchmarks.fold.talk import EngineError, Talk
from deploy.local.broker import LocalBroker
from streams.admin_client import connect
from streams.up import cpu_seconds

EVENTS_PER_CUSTOMER = 20
PROBE_S_MAX = 600.0
BEGIN_S_MAX = 60.0
END_S_MAX = 600.0
SETTLE_S = 1.0
"""After an engine: sockets close, and the broker drops the members of its group."""
LIVE_CUSTOMERS = 10_000
LIVE_RATE = 1_000
"""Events a second while latency is measured."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """One run over a backlog. CPU seconds are of all threads, from the first event to the last commit; ``gap_ms`` is
    the median time between two commits."""

    events: int
    seconds: float
    cpu_s: float
    broker_cpu_s: float
    commits: int
    gap_ms: float
    gap_ms_max: float
    peak_mib: float
    changelog_records: int

    @property
    def events_per_s(self) -> float:
        """Over the whole backlog."""
        return self.events / self.seconds


class Lab:
    """A context manager: the probe lives as long as it."""

    def __init__(self, broker: LocalBroker, directory: Path) -> None:
        self._broker = broker
        self._directory = directory
        # Several labs may follow each other on one broker, which removes topics in its own time.
        self._prefix = f"bench{secrets.token_hex(3)}"
        self._inputs: set[str] = set()
        self._runs = 0
        self._probe: Talk | None = None

    def __enter__(self) -> Lab:
        self._directory.mkdir(parents=True, exist_ok=True)
        command = [str(BENCH_PYTHON), "-m", "benchmarks.fold.probe", self._broker.bootstrap_servers]
        self._probe = Talk(command, self._directory / "probe.log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._probe is not None:
            self._probe.__exit__(kind, error, trace)
        self._delete(*self._inputs)

    def backlog(self, engine: Engine, events: int) -> Backlog:
        """One run over ``events`` events, checked against the right answer. Raises EngineError."""
        topic = self._input(events)
        with self._run(engine, topic, events) as run:
            with self._process(engine, run) as process:
                process.listen(BEGIN_S_MAX)
                began = self._broker_cpu_s()
                said = process.listen(END_S_MAX)
                broker_cpu_s = self._broker_cpu_s() - began
                peak = peak_mib(process.pid)
            names = {"output": run.output, "changelog": run.changelog, "group": run.name}
            found = self._ask(do="check", topic=topic, **names)
        if found["faults"]:
            raise EngineError(f"another result than the right one: {found['faults']}")
        records = found["changelog_records"]
        return Backlog(events, broker_cpu_s=broker_cpu_s, peak_mib=peak, changelog_records=records, **said)

    def latency(self, engine: Engine, warm_up_s: float, seconds: float) -> dict[str, float]:
        """``samples``, ``p50_ms``, ``p99_ms`` and ``max_ms`` at 1,000 events a second. Raises EngineError."""
        topic = f"{self._prefix}.live-{self._runs}"
        self._create(topic)
        try:
            with self._run(engine, topic, events=0) as run, self._process(engine, run):
                return self._ask(
                    do="latency",
                    topic=topic,
                    output=run.output,
                    isolation="read_committed" if engine.guarantee == "exactly once" else "read_uncommitted",
                    warm_up_s=warm_up_s,
                    seconds=seconds,
                    rate=LIVE_RATE,
                    customers=LIVE_CUSTOMERS,
                )
        finally:
            self._delete(topic)

    def _input(self, events: int) -> str:
        topic = f"{self._prefix}.events-{events}"
        if topic not in self._inputs:
            self._create(topic)
            self._ask(do="write", topic=topic, count=events, customers=events // EVENTS_PER_CUSTOMER)
            self._inputs.add(topic)
        return topic

    @contextmanager
    def _run(self, engine: Engine, topic: str, events: int) -> Iterator[Run]:
        """A run with topics and a directory of its own, both removed after it."""
        self._runs += 1
        name, topics = (f"{self._prefix}{sign}{engine.key}-{self._runs}" for sign in "-.")
        directory = self._directory / name
        directory.mkdir()
        output = f"{topics}-decisions"
        changelog = engine.changelog.format(name=name, topics=topics, input=topic)
        bootstrap = self._broker.bootstrap_servers
        self._create(output)
        if not engine.makes_changelog:
            self._create(changelog, compacted=True)
        try:
            yield Run(bootstrap, name, topic, output, changelog, events, engine.interval_ms, str(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            self._delete(name, topics)
            time.sleep(SETTLE_S)

    def _process(self, engine: Engine, run: Run) -> Talk:
        return Talk(engine.command(run), self._directory / f"{run.name}.log")

    def _create(self, topic: str, compacted: bool = False) -> None:
        policy = {"cleanup.policy": "compact"} if compacted else {}
        with connect(self._broker.bootstrap_servers) as admin:
            admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": policy}})
            admin.wait_for_topics([topic], timeout_ms=20_000)

    def _delete(self, *parts: str) -> None:
        """Topics whose names contain one of the parts: engines make topics of their own."""
        with connect(self._broker.bootstrap_servers) as admin:
            found = [topic for topic in admin.list_topics() if any(part in topic for part in parts)]
            if found:
                admin.delete_topics(found)

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._probe is not None
        return self._probe.ask(PROBE_S_MAX, **request)

    def _broker_cpu_s(self) -> float:
        pid = self._broker.pid
        return 0.0 if pid is None else cpu_seconds(pid)


def peak_mib(pid: int) -> float:
    """Largest resident memory of a process so far; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
