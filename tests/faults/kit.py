"""What the fault tests share: a pipeline of worker processes that can be killed, fed by a replay that goes no further
than it may.

A test makes a ``Pipeline`` (several workers a stage, and the sink), feeds a ``Retailer`` (``retailer.py``) through it,
harms it, and has ``verdict.compare`` say what was lost, doubled or wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.errors import BrokerError
from streams.settings import Settings
from streams.tools import partitions_of
from streams.topics_admin import delete_topics, ensure_topics
from streams.up import environment, last_words
from tests.faults.feed import FOR_EVER, POLL_S, Feed
from tests.faults.process import ROOT, Process
from tests.faults.retailer import Retailer
from tests.oracle.builders import DAY

__all__ = ["FOR_EVER", "POLL_S", "ROOT", "Feed", "Pipeline", "Process", "committed_reader", "fault_settings"]

WORKERS = 2
SESSION_TIMEOUT_S = 6.0
POLL_MS = 5
WAIT_S = 240.0
STANDSTILL_S = 60.0
"""After so long without anything decided a pipeline that may stand still does."""
"""Bound of every wait, for a machine on which much else runs."""


def fault_settings(broker: LocalBroker | str, prefix: str, directory: Path, **changes: Any) -> Settings:
    """Four partitions, transactions of few records, and a sink that publishes often: many points at which to die."""
    values: dict[str, Any] = {
        "bootstrap_servers": broker if isinstance(broker, str) else broker.bootstrap_servers,
        "topic_prefix": prefix,
        "partitions": 4,
        "state_dir": directory / "state",
        "duckdb_path": directory / "cuepoint.duckdb",
        "snapshot_dir": directory / "snapshots",
        "snapshot_interval_s": 1.0,
        "session_timeout_s": SESSION_TIMEOUT_S,
        "tick_interval_ms": 200,
        "replay_ahead_ms": 3 * DAY,
        "batch_records_max": 100,
        "transaction_steps_max": 100,
    }
    return Settings(**{**values, **changes})


class Pipeline:
    """Topics and all stages as processes, ``workers`` of each, and the sink. Leaving it ends them all.

    ``worker``: the command in front of ``<stage>`` for a worker. Each worker is a static member of its group, so that a
    quick restart gets its partitions back; ``static=False`` lets each restart be a new member.
    """

    def __init__(
        self,
        settings: Settings,
        workers: int | Mapping[str, int] = WORKERS,
        *,
        sink: bool = True,
        static: bool = True,
        worker: tuple[str, ...] = ("-m", "streams.cli", "worker"),
    ) -> None:
        self.settings = settings
        self.restarts: list[str] = []
        """What ``watch`` started again, with what each had said last."""
        (settings.state_dir / "log").mkdir(parents=True, exist_ok=True)
        ensure_topics(settings)
        self.processes: dict[str, Process] = {}
        for stage in STAGES:
            for number in range(workers if isinstance(workers, int) else workers.get(stage, 1)):
                member = {"CUEPOINT_INSTANCE_ID": str(number)} if static else {}
                self.add(f"{stage}-{number}", [*worker, stage], **member)
        if sink:
            self.add("sink", ["-m", "streams.cli", "sink"])
        self.client = committed_reader(settings)
        self._clocks: dict[int, int] = {}
        self._progress = committed_reader(settings)
        places = partitions_of(self._progress, settings, "progress")
        self._progress.assign(places)
        self._progress.seek_to_beginning(*places)

    def add(self, name: str, arguments: list[str], **environ: str) -> Process:
        """One process more; it is not started."""
        self.processes[name] = Process(self.settings, name, [sys.executable, *arguments], **environ)
        return self.processes[name]

    def __getitem__(self, name: str) -> Process:
        return self.processes[name]

    def __enter__(self) -> Pipeline:
        for process in self.processes.values():
            if not process.held_down:
                process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
        for client in (self.client, self._progress):
            client.close()
        try:
            delete_topics(self.settings, prefix=self.settings.topic_prefix)
        except BrokerError:  # a test that ended its broker has nothing to delete
            pass

    def _standstill(self) -> Callable[[], bool]:
        """Tells whether no clock has moved for a while: a mark that is lost stops a pipeline for good."""
        seen, since = self.clocks(), time.monotonic()

        def still() -> bool:
            nonlocal seen, since
            if (clocks := self.clocks()) != seen:
                seen, since = clocks, time.monotonic()
            return time.monotonic() - since > STANDSTILL_S

        return still

    def of(self, stage: str) -> list[Process]:
        """The processes of a stage."""
        return [process for process in self.processes.values() if process.stage == stage]

    def watch(self, but: Collection[str] = ()) -> None:
        """Start again what has died, as a supervisor does; what is held down, or named in ``but``, is left alone."""
        for process in self.processes.values():
            if process.code is not None and not process.held_down and process.name not in but:
                self.restarts.append(f"{process.name} ended with {process.code}: {last_words(process.log)}")
                process.start()

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = WAIT_S, *, watch: bool = True) -> None:
        """Wait for something; meanwhile what dies is started again (``watch``)."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if watch:
                self.watch()
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}; restarts: {self.restarts}"
            time.sleep(POLL_S)

    def wait_ready(self) -> None:
        """Until every partition of every stage has been restored somewhere."""
        wanted = set(range(self.settings.partitions))
        for stage in STAGES:
            workers = self.of(stage)
            self.wait(
                lambda workers=workers: wanted == {n for worker in workers for n in worker.ready_partitions()},
                f"{stage} is ready",
            )

    def clocks(self) -> dict[int, int]:
        """The clock of each decide partition that has begun, milliseconds of event time."""
        while batches := self._progress.poll(timeout_ms=POLL_MS):
            for record in (record for batch in batches.values() for record in batch):
                if record.key.startswith(b"decide-"):
                    row = json.loads(record.value)
                    self._clocks[row["partition"]] = row["clock"] or 0
        return dict(self._clocks)

    def slowest_clock(self) -> int:
        """The clock of the slowest decide partition; 0: one has not begun."""
        clocks = self.clocks()
        return min(clocks.values()) if len(clocks) == self.settings.partitions else 0

    @contextmanager
    def feeding(
        self, retailer: Retailer, *, allowed_ms: int = FOR_EVER, hand_over: bool = True, may_stand_still: bool = False
    ) -> Iterator[Feed]:
        """Feed the retailer, up to arrivals of ``allowed_ms`` until ``Feed.allow`` says more. Leaving it lets all the
        rest be written, and waits until everything is decided; with ``may_stand_still``, or nothing more is."""
        feed = Feed(self.settings, retailer, allowed_ms, hand_over)
        feed.start()
        try:
            yield feed
            feed.allow(FOR_EVER)
            still = self._standstill() if may_stand_still else bool
            self.wait(lambda: not feed.is_alive() or still(), "all input is written")
            feed.check()
            self.wait(lambda: (feed.end_ms and self.slowest_clock() >= feed.end_ms) or still(), "everything is decided")
        finally:
            feed.abandon()

    def drain_sink(self) -> None:
        """Stop the sink if it runs, then let it write and publish what is left."""
        if self["sink"].alive:
            self["sink"].stop()
        log = self.settings.state_dir / "log" / "sink-drain.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "streams.cli", "sink", "--drain"]
            done = subprocess.run(
                command, cwd=ROOT, env=environment(self.settings), stdout=output, stderr=output, timeout=WAIT_S
            )
        assert done.returncode == 0, last_words(log)


def committed_reader(settings: Settings) -> KafkaConsumer:
    """A client that sees what a channel service or an analyst sees: committed records only."""
    return KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
