"""The counting stage of ``tests/runtime`` while brokers, workers and partitions come and go: input, workers, verdict.

Its output is simple to check: one record per input record, counted per key, and a table that says the same. What it
should have counted is read from the input topics themselves, so a source that sends twice in a fall is no fault.
fault. How far it is, is asked of the workers: that needs no broker.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from streams.settings import Settings
from streams.up import last_words
from tests.faults.kit import Process
from tests.runtime.counting import OUTPUT, STAGE

POLL_S = 0.05
WAIT_S = 240.0
"""Bound of every wait, for a machine on which much else runs."""


def stage_settings(bootstrap_servers: str, prefix: str, directory: Path, **changes: Any) -> Settings:
    """Four partitions, small transactions, a short session."""
    values: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers,
        "topic_prefix": prefix,
        "partitions": 4,
        "state_dir": directory / "state",
        "session_timeout_s": 6.0,
        "tick_interval_ms": 200,
        "transaction_steps_max": 40,
    }
    return Settings(**{**values, **changes})


class Source(Process):
    """``broker_source`` as a process, from entering until leaving."""

    def __init__(self, settings: Settings, records_per_s: int = 300) -> None:
        (settings.state_dir / "log").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.faults.broker_source"]
        super().__init__(settings, "source", command, TEST_RECORDS_PER_S=str(records_per_s))

    def __enter__(self) -> Source:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.kill()
        else:
            assert self.stop(WAIT_S) == 0, last_words(self.log)


class Workers:
    """Workers of the stage, by name, and a supervisor that starts again what ends. Leaving it kills them all."""

    def __init__(self, settings: Settings, *, static: bool = False) -> None:
        self.settings = settings
        self.restarts: list[str] = []
        """What ``watch`` started again, with what each had said last."""
        self.processes: dict[str, Process] = {}
        self._static = static
        self._seen: dict[int, dict[str, float]] = {}
        """Process id -> sums of its metrics."""
        (settings.state_dir / "log").mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()

    def __getitem__(self, name: str) -> Process:
        return self.processes[name]

    def start(self, name: str, **environ: str) -> Process:
        """Start a worker; ``environ``: see ``broker_worker``."""
        if name not in self.processes:
            member = {"CUEPOINT_INSTANCE_ID": name} if self._static else {}
            command = [sys.executable, "-m", "tests.faults.broker_worker"]
            self.processes[name] = Process(self.settings, name, command, TEST_NAME=name, **member)
        self.processes[name].start(**environ)
        return self.processes[name]

    def watch(self) -> None:
        """Start again what has ended, as a supervisor does."""
        for process in self.processes.values():
            if process.code is not None and not process.held_down:
                self.restarts.append(f"{process.name} ended with {process.code}: {last_words(process.log)}")
                process.start()

    def wait(self, condition: Callable[[], Any], what: str, *, watch: bool = True) -> None:
        """Wait for something; meanwhile what ends is started again (``watch``)."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if watch:
                self.watch()
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}; restarts: {self.restarts}"
            time.sleep(POLL_S)

    def wait_for_more(self, records: int) -> None:
        """Until so many records more have been committed."""
        wanted = self.sum_of("cuepoint_records_written_total") + records
        self.wait(lambda: self.sum_of("cuepoint_records_written_total") >= wanted, f"{records} records more")

    def sum_of(self, metric: str) -> float:
        """A counter over all workers and all their lives, as it was seen last; call it before a worker ends."""
        for process in self.processes.values():
            if process.alive and not is_stopped(process):
                self._seen[process.pid] = samples(process) or self._seen.get(process.pid, {})
        return sum(seen.get(metric, 0.0) for seen in self._seen.values())

    def wait_ready(self, *names: str) -> None:
        """Until every partition has been restored by one of these workers (all, when none is named)."""
        wanted = set(range(self.settings.partitions))
        chosen = [self.processes[name] for name in names or self.processes]
        self.wait(lambda: {n for worker in chosen for n in worker.ready_partitions()} == wanted, "partitions are ready")


@dataclass(frozen=True)
class Counted:
    """The figures of a run that has ended."""

    records_in: int
    lost: int
    duplicated: int
    wrong: int
    """Records of unknown input, counts that do not follow each other, and rows of the table that differ."""
    seconds: float
    """Until the last record was counted."""

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or wrong."""
        return self.records_in > 0 and not (self.lost or self.duplicated or self.wrong)


def judge(workers: Workers, *, patience_s: float = WAIT_S) -> Counted:
    """Wait until everything is counted, or until nothing more comes for ``patience_s``, then compare."""
    settings, began = workers.settings, time.monotonic()
    inputs = log_of(settings, *STAGE.inputs)
    wanted = Counter(
        (record.topic.removeprefix(f"{settings.topic_prefix}."), record.value.decode()) for record in inputs
    )
    outputs, progressed = log_of(settings, OUTPUT), time.monotonic()
    while len(outputs) < len(inputs) and time.monotonic() - progressed < patience_s:
        workers.watch()
        before, outputs = len(outputs), log_of(settings, OUTPUT)
        progressed = time.monotonic() if len(outputs) > before else progressed
    seconds = time.monotonic() - began
    table = {record.key: record.value for record in log_of(settings, STAGE.changelog)}
    counted = Counter((source_of(record), json.loads(record.value)["id"]) for record in outputs)
    more = counted - wanted
    per_key = Counter(record.key for record in inputs)
    return Counted(
        records_in=len(inputs),
        lost=(wanted - counted).total(),
        duplicated=sum(count for key, count in more.items() if key in wanted),
        wrong=sum(count for key, count in more.items() if key not in wanted)
        + _out_of_order(outputs)
        + sum(table.get(key) != str(count).encode() for key, count in per_key.items()),
        seconds=round(seconds, 1),
    )


def log_of(settings: Settings, *topics: str, isolation: str = "read_committed") -> list[Any]:
    """Every record of these topics (names without prefix), as such a reader sees it, each partition in its order."""
    return asyncio.run(_log_of(settings, topics, isolation))


async def _log_of(settings: Settings, topics: Iterable[str], isolation: str) -> list[Any]:
    places = [TopicPartition(settings.topic(name), n) for name in topics for n in range(settings.partitions)]
    client = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, isolation_level=isolation, enable_auto_commit=False
    )
    await client.start()
    try:
        client.assign(places)
        await client.seek_to_beginning()
        ends = await client.end_offsets(places)
        found: list[Any] = []
        while any([await client.position(place) < ends[place] for place in places]):
            for records in (await client.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await client.stop()


def samples(process: Process) -> dict[str, float]:
    """The metrics of a worker, each summed over its labels; empty when it does not answer."""
    port = next((line["port"] for line in process.lines() if line["message"] == "listening"), None)
    if port is None:
        return {}
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return dict(found)


def is_stopped(process: Process) -> bool:
    """Whether it stands (SIGSTOP)."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def source_of(record: Any) -> str:
    """The input topic of an output record."""
    return dict(record.headers)["source"].decode()


def task_of(record: Any) -> str:
    """The task that wrote an output record: ``<worker>-<number of its task in that process>``."""
    return dict(record.headers)["task"].decode()


def _out_of_order(outputs: Iterable[Any]) -> int:
    """Counts per key that are not 1, 2, 3..."""
    by_key = sorted(outputs, key=lambda record: (record.key, record.offset))
    return sum(
        json.loads(record.value)["n"] != number
        for _, group in itertools.groupby(by_key, key=lambda record: record.key)
        for number, record in enumerate(group, 1)
    )
