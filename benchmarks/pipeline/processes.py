"""Worker processes as they are measured: processor time and memory from ``/proc``, progress from the broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from streams.settings import Settings
from streams.up import cpu_seconds, environment, last_words, peak_rss_mb

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 40.0
QUIET_S = 1.0
"""After the end was reached: without a further commit for this long, it was the last."""
POLL_S = 0.05


class WorkerEnded(RuntimeError):
    """A measured process ended by itself; the message is its last error."""


class Process:
    """A worker of a stage, or the sink (stage ``sink``); its log, notes and profile are files below the state's."""

    def __init__(
        self, settings: Settings, stage: str, name: str = "", *, profile: bool = False, options: Sequence[str] = ()
    ) -> None:
        directory = settings.state_dir / "measured"
        directory.mkdir(parents=True, exist_ok=True)
        self.stage = stage
        self.name = name or stage
        self.log = directory / f"{self.name}.log"
        self._notes = directory / f"{self.name}.json"
        self._profile = directory / f"{self.name}.profile.json" if profile else None
        command = [sys.executable, "-m", "streams.cli", "sink"]
        if stage != "sink":
            command = [sys.executable, "-m", "benchmarks.pipeline.worker", stage, str(self._notes)]
            command += ["--profile", str(self._profile)] if self._profile else []
            command += options
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment(settings), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raises WorkerEnded when it ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise WorkerEnded(f"{self.name} ended with exit code {code}: {last_words(self.log)} ({self.log})")

    @property
    def notes(self) -> dict[str, Any] | None:
        """What it noted when it took its first records (``benchmarks.pipeline.worker``); None before that."""
        return json.loads(self._notes.read_text()) if self._notes.exists() else None

    @property
    def cpu_s(self) -> float:
        """Processor seconds so far."""
        return cpu_seconds(self.pid)

    @property
    def rss_bytes(self) -> int:
        """Resident memory now."""
        return rss_bytes(self.pid)

    @property
    def peak_bytes(self) -> int:
        """The most resident memory it has had."""
        return int(peak_rss_mb(self.pid) * (1 << 20))

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The log's lines with this message."""
        found = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in found if line["message"] == message]

    def wait_for_line(self, message: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The first log line with this message, waited for. Raises WorkerEnded or TimeoutError."""
        self.wait_until(lambda: bool(self.lines(message)), timeout_s, f"it says {message!r}")
        return self.lines(message)[0]

    def assigned_at(self) -> datetime:
        """When it got its present partitions."""
        return _time_of(self.lines("partitions assigned")[-1])

    def ready_partitions(self) -> dict[int, datetime]:
        """Its present partitions that are restored, and when they were."""
        assigned = self.lines("partitions assigned")
        present = set(assigned[-1]["partitions"]) if assigned else set()
        return {row["partition"]: _time_of(row) for row in self.lines("partition ready") if row["partition"] in present}

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait for something about it. Raises WorkerEnded or TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: not within {timeout_s:.0f} s: {what}; see {self.log}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """Signal 9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop, and kill it when it does not; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    @property
    def profile(self) -> dict[str, dict[str, float]]:
        """Processor seconds by kind and by function, after ``stop``; empty without one."""
        if self._profile is None or not self._profile.exists():
            return {}
        found: dict[str, dict[str, float]] = json.loads(self._profile.read_text())
        return found


def _time_of(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["time"])


def rss_bytes(pid: int) -> int:
    """Resident memory of a process now; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def scrape(port: int) -> dict[str, float]:
    """The metrics of a worker or the sink on this machine: name with labels -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@dataclass
class Clock:
    """The last word of one decide partition."""

    clock: int
    waiting: int
    appended_ms: int


class Progress:
    """Follows the topic ``progress`` as a committed reader: how far decide is, and when it last committed."""

    def __init__(self, settings: Settings) -> None:
        self._partitions = settings.partitions
        self.clocks: dict[int, Clock] = {}
        self._client = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
        )
        self._client.assign([TopicPartition(settings.topic("progress"), n) for n in range(settings.partitions)])

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def poll(self) -> bool:
        """Read on; True when a decide partition committed something."""
        moved = False
        for records in self._client.poll(timeout_ms=int(POLL_S * 1000)).values():
            for record in records:
                if record.key.startswith(b"decide-"):
                    row = json.loads(record.value)
                    self.clocks[row["partition"]] = Clock(row["clock"] or 0, row["waiting"], record.timestamp)
                    moved = True
        return moved

    def reached(self, end: int) -> bool:
        """Whether every partition has read to ``end`` with nothing left that waits."""
        clocks = self.clocks.values()
        return len(clocks) == self._partitions and all(c.clock >= end and not c.waiting for c in clocks)

    @property
    def last_commit_ms(self) -> int:
        """Append time of the newest record, by the broker's clock."""
        return max(clock.appended_ms for clock in self.clocks.values())

    def follow(self, end: int, processes: Sequence[Process], timeout_s: float) -> dict[str, float]:
        """Wait for ``end`` and the last commit; returns each process's processor seconds as of then.

        Raises WorkerEnded when a process ends, TimeoutError when the end does not come.
        """
        deadline = time.monotonic() + timeout_s
        spent: dict[str, float] = {}
        quiet_since = time.monotonic()
        while not (self.reached(end) and time.monotonic() - quiet_since > QUIET_S):
            if self.poll():
                quiet_since = time.monotonic()
                spent = {process.name: process.cpu_s for process in processes}
            for process in processes:
                process.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"decide did not reach the end within {timeout_s:.0f} s: {self.clocks}")
        return spent
