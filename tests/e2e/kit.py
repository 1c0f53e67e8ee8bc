"""What the end-to-end tests share: real worker processes, the command line, and what a committed reader sees."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from kafka import KafkaConsumer, TopicPartition

from deploy.local.broker import LocalBroker
from schemas.base import to_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.topics import CHANNELS, MARK_KEY
from streams.campaigns import CampaignSet
from streams.replay.control import now
from streams.settings import Settings
from streams.tools import producer, read_all, read_progress
from streams.topics_admin import delete_topics, ensure_topics
from streams.up import Fleet, environment, stage_arguments
from streams.wire import partition_of

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
POLL_S = 0.02
COMMAND_TIMEOUT_S = 120


def small_settings(broker: LocalBroker, prefix: str, directory: Path, **changes: Any) -> Settings:
    """Settings of a small pipeline: two partitions, quick to tick, quick to notice a dead worker."""
    values: dict[str, Any] = {
        "bootstrap_servers": broker.bootstrap_servers,
        "topic_prefix": prefix,
        "partitions": PARTITIONS,
        "state_dir": directory / "state",
        "duckdb_path": directory / "cuepoint.duckdb",
        "snapshot_dir": directory / "snapshots",
        "session_timeout_s": 6.0,
        "tick_interval_ms": 100,
        "lateness_ms_default": 300,
    }
    return Settings(**{**values, **changes})


def command(settings: Settings, *arguments: object, environ: Mapping[str, str] | None = None) -> Any:
    """Run ``cuepoint`` as a process of its own; returns its code and output."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**environment(settings), "COLUMNS": "200", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )


def succeed(settings: Settings, *arguments: object) -> str:
    """Run ``cuepoint`` and expect it to work; returns what it printed."""
    done = command(settings, *arguments)
    assert done.returncode == 0, f"cuepoint {' '.join(map(str, arguments))}: {done.stderr}"
    return str(done.stdout)


class Pipeline:
    """Topics and all stages as processes, without the sink. Leaving it stops the processes and deletes the topics."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.restarts: list[str] = []
        ensure_topics(settings)
        self._client = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
        )
        self._fleets = [Fleet(settings, stage_arguments(sink=False), self.restarts.append)]

    def __enter__(self) -> Pipeline:
        self._fleets[0].__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for fleet in self._fleets:
            fleet.stop()
        self._client.close()
        delete_topics(self.settings, prefix=self.settings.topic_prefix)

    def watch(self) -> None:
        """Start again what died. Raises CuepointError when a process ended with a sentence."""
        for fleet in self._fleets:
            fleet.watch()

    def kill(self, stage: str) -> None:
        """Kill -9 a worker and start it again at once."""
        child = next(child for child in self._fleets[0].children if child.name == stage)
        assert child.process is not None
        child.process.kill()
        child.process.wait()
        self.watch()

    def log(self, stage: str) -> str:
        """What a worker has logged so far."""
        return (self.settings.state_dir / "log" / f"{stage}.log").read_text()

    def stop(self) -> None:
        """Stop all workers."""
        for fleet in self._fleets:
            fleet.stop()

    def start_again(self) -> None:
        """Start all stages after ``stop``."""
        self._fleets = [Fleet(self.settings, stage_arguments(sink=False), self.restarts.append)]
        self._fleets[0].__enter__()

    def start(self, stage: str) -> None:
        """Start a worker again that has ended with a sentence."""
        for fleet in self._fleets:
            fleet.children[:] = [child for child in fleet.children if child.name != stage]
        self._fleets.append(Fleet(self.settings, {stage: ["worker", stage]}, self.restarts.append))
        self._fleets[-1].__enter__()

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = 60) -> None:
        """Wait for something while the processes are watched."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.watch()
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(POLL_S)

    def replay(self, directory: Path, campaigns: Path, *options: object) -> None:
        """Replay a directory to its end."""
        with self.replaying(directory, campaigns, *options) as process:
            self.wait(lambda: process.poll() is not None, "the replay ends", COMMAND_TIMEOUT_S)

    @contextmanager
    def replaying(self, directory: Path, campaigns: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
        """A replay as a process; it has to have ended well when the block ends."""
        log = self.settings.state_dir / "log" / "replay.log"
        arguments = ["replay", str(directory), "--campaigns", str(campaigns), *map(str, options)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *arguments],
                cwd=ROOT,
                env=environment(self.settings),
                stdout=output,
                stderr=output,
            )
        try:
            yield process
            assert process.wait(COMMAND_TIMEOUT_S) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic as of now; marks left out."""
        return [record for record in read_all(self._client, self.settings, topic) if record.key != MARK_KEY]

    def decisions(self) -> list[dict[str, Any]]:
        """The committed decisions, in the order of each partition."""
        return [json.loads(record.value) for record in self.read("decisions")]

    def triggers(self) -> list[dict[str, Any]]:
        """The committed triggers of all channels."""
        return [json.loads(record.value) for channel in CHANNELS for record in self.read(f"triggers.{channel}")]

    def counts(self) -> dict[str, Counter[str]]:
        """Source -> fate -> number, over all tasks of intake and decide."""
        found: dict[str, Counter[str]] = {}
        for row in read_progress(self._client, self.settings).values():
            for source, counts in row.counts.items():
                found.setdefault(source, Counter()).update(counts.model_dump())
        return found

    def send(self, topic: str, *records: Mapping[str, Any] | bytes | None) -> None:
        """Live records; JSON of a mapping, other values as they are."""
        with producer(self.settings) as client:
            for record in records:
                value = msgspec.json.encode(record) if isinstance(record, Mapping) else record
                key = str(record.get("customer_id", "?")) if isinstance(record, Mapping) else "?"
                client.send(
                    self.settings.topic(topic), value, key=key.encode(), partition=partition_of(key, PARTITIONS)
                )


class Clocks:
    """How far the decide partitions are, followed on the topic ``progress``."""

    def __init__(self, settings: Settings) -> None:
        self._clocks: dict[int, int] = {}
        self._client = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
        )
        self._client.assign([TopicPartition(settings.topic("progress"), number) for number in range(PARTITIONS)])

    def __enter__(self) -> Clocks:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def slowest(self) -> int | None:
        """The clock of the slowest partition, milliseconds; None: one has not begun."""
        for batch in self._client.poll(timeout_ms=20).values():
            for record in batch:
                if record.key.startswith(b"decide-"):
                    row = json.loads(record.value)
                    self._clocks[row["partition"]] = row["clock"] or 0
        return min(self._clocks.values()) if len(self._clocks) == PARTITIONS else None

    def wait(self, pipeline: Pipeline, moment: int) -> None:
        """Wait until the slowest clock has reached ``moment``."""
        pipeline.wait(lambda: (self.slowest() or 0) >= moment, f"the clock reaches {moment}")


def aborted_records(settings: Settings, topics: Iterable[str]) -> int:
    """Records that were written and never committed: those that only an uncommitted reader sees."""
    seen = dict.fromkeys(("read_uncommitted", "read_committed"), 0)
    for isolation in seen:
        client = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level=isolation,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
        )
        try:
            seen[isolation] = sum(1 for topic in topics for _ in read_all(client, settings, topic))
        finally:
            client.close()
    return seen["read_uncommitted"] - seen["read_committed"]


def without_hand_over(decisions: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Decision records by their content: all fields but whether they were handed over."""
    return Counter(json.dumps({**decision, "handed_over": None}, sort_keys=True) for decision in decisions)


def outcomes(decisions: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """(decision id, outcome, reason) of every record."""
    return {(decision["decision_id"], decision["outcome"], decision["reason"]) for decision in decisions}


def now_ms() -> int:
    """The wall clock, milliseconds since the epoch."""
    return to_ms(now())


def write_lines(directory: Path, lines: Mapping[str, Iterable[Mapping[str, Any] | bytes]]) -> Path:
    """A replay directory: source -> records, appended to what is there."""
    directory.mkdir(parents=True, exist_ok=True)
    for source, records in lines.items():
        with (directory / f"{source}.jsonl").open("ab") as file:
            for record in records:
                file.write((record if isinstance(record, bytes) else msgspec.json.encode(record)) + b"\n")
    return directory


def write_campaigns(directory: Path, content: CampaignSet) -> None:
    """One YAML file a campaign and brand, as marketers write them."""
    directory.mkdir(parents=True, exist_ok=True)
    items: list[Campaign | BrandRules] = [*content.campaigns, *content.brands]
    for item in items:
        name = item.id if isinstance(item, Campaign) else f"brand-{item.brand}"
        fields = item.model_dump(mode="json", exclude_none=True)
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(fields))
