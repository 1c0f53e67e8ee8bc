"""All stages in this process, on topics in memory: makes the input and the state of runs that measure one stage."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.pipeline.logs import CUSTOMER_EVENTS, Log, append, events_in
from benchmarks.pipeline.mix import Line
from schemas.catalog import KnownBrands, ReplayMode
from schemas.topics import STAGES
from streams.backtest import end_of_run
from streams.campaigns import CampaignSet, known_brands, records
from streams.ordered import POSITION_KEY
from streams.replay.memory import cycle_collection_paused
from streams.replay.produce import Replay
from streams.settings import Settings
from streams.stages import task_factory
from streams.table import MemoryTable, wake_of
from streams.task import Effects, Out, Task

ROUND_RECORDS = 5_000
"""Records of a topic that a task takes at once."""
ROUND_STEPS = 20_000
INTAKE_ROUND_RECORDS = 50
"""Of intake less, so that the other stages follow closely: a mark so often, and a merged state so soon after its merge.
In larger rounds most of a customer's events would wait for it, as they do not in live operation."""


class _LogReplay(Replay):
    """A replay into a ``Log``, which never waits for clocks."""

    def __init__(self, settings: Settings, log: Log) -> None:
        super().__init__(settings, settings.replay_lateness)
        self._log = log

    async def _append(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        append(self._log, Out(topic, partition, key, value, tuple(headers)))

    async def _flush(self) -> None:
        """Nothing to wait for."""

    async def _hold_back(self, progress: Callable[[Replay], None]) -> None:
        """Nobody to wait for."""


def replay_into(
    log: Log, settings: Settings, rules: Iterable[tuple[str, dict[str, Any]]], lines: Iterable[Line], until: int | None
) -> None:
    """Append what a replay writes, marks up to its end included."""
    asyncio.run(_LogReplay(settings, log).write(rules, lines, until, None, lambda _: None))


def input_log(settings: Settings, campaigns: CampaignSet, lines: Iterable[Line]) -> Log:
    """The input topics of a whole replay of ``lines`` that hands over, control records first."""
    log = control_log(settings, campaigns)
    replay_into(log, settings, records(campaigns, 0, "benchmark"), lines, None)
    return log


def control_log(settings: Settings, campaigns: CampaignSet) -> Log:
    """The control records with which a replay begins."""
    log: Log = {}
    brands = KnownBrands(kind="brands", brands=sorted(known_brands(campaigns))).model_dump_json().encode()
    mode = ReplayMode(kind="replay", sources=[], hand_over=True).model_dump_json().encode()
    for partition in range(settings.partitions):
        append(log, Out("control", partition, b"brands", brands))
        append(log, Out("control", partition, b"mode", mode))
    return log


class InProcess:
    """One task that reads and writes a ``Log``; what a worker does to it, without a broker."""

    def __init__(self, stage: str, partition: int, task: Task, log: Log) -> None:
        self.stage = stage
        self.task = task
        self.partition = partition
        self.table: dict[bytes, bytes] = {}
        self._inputs = STAGES[stage].inputs
        self._log = log
        self._read = dict.fromkeys(self._inputs, 0)
        self._memory = MemoryTable(self.table, wake_of(task))
        task.load(self._memory)

    def round(self, records_max: int) -> bool:
        """Take what is there, at most ``records_max`` of a topic, and work it off; False when nothing moved."""
        for topic in self._inputs:
            log, start = self._log.get((topic, self.partition), []), self._read[topic]
            if start < len(log) and topic not in self.task.held():
                batch = log[start : start + records_max]
                self.task.take(topic, batch)
                self._read[topic] += len(batch)
        moved, more = False, True
        while more:
            effects = self.task.step(ROUND_STEPS)
            self._keep(effects)
            moved, more = moved or not effects.empty, effects.more
        return moved

    def _keep(self, effects: Effects) -> None:
        for out in effects.records:
            append(self._log, out)
        self._memory.put(effects.state)


@dataclass(frozen=True)
class Prepared:
    """What a run of decide starts from: its tables and a complete ``customer-events``.

    ``tables``: rows of ``decide-changelog`` by partition, none for a run from the beginning. ``log``: with marks, and
    with the merged states that decide itself writes there, in the places where they come in steady operation; a worker
    that runs over it must not write them again (``--forwarded-is-there``). ``end``: the clock at its end.
    """

    tables: list[dict[bytes, bytes]]
    log: Log
    events: int
    end: int


class DryRun:
    """The pipeline in memory. Each ``run`` goes on where the last one ended."""

    def __init__(self, settings: Settings, campaigns: CampaignSet) -> None:
        self.settings = settings
        self.log = control_log(settings, campaigns)
        self.cpu_s: Counter[str] = Counter()
        """Processor seconds by stage."""
        self._rules: list[tuple[str, dict[str, Any]]] = list(records(campaigns, 0, "benchmark"))
        self._tasks: list[InProcess] = []
        for stage in STAGES:
            make = task_factory(stage, settings)
            self._tasks += [InProcess(stage, number, make(number), self.log) for number in range(settings.partitions)]

    def run(self, lines: Sequence[Line], until: int | None = None) -> Prepared:
        """Replay ``lines`` to the end, or to ``until``, and let everything that waits be applied.

        Returns what decide started from, and what it was given.
        """
        tables, begins = self.tables("decide"), self._lengths()
        replay_into(self.log, self.settings, self._rules, lines, until)
        self._rules = []
        with cycle_collection_paused():
            while self._round():
                pass
        log = {place: self.log[place][begin:] for place, begin in begins.items()}
        last = lines[-1][1] if lines else 0
        return Prepared(tables, log, events_in(log), end_of_run(last, until, None))

    def tables(self, stage: str) -> list[dict[bytes, bytes]]:
        """A stage's tables as they are, by partition. Without the position: a run from here begins with a new log."""
        tables = [task.table for task in self._tasks if task.stage == stage]
        return [{key: value for key, value in table.items() if key != POSITION_KEY} for table in tables]

    def _round(self) -> bool:
        moved = False
        for task in self._tasks:
            began = time.process_time()
            moved |= task.round(INTAKE_ROUND_RECORDS if task.stage == "intake" else ROUND_RECORDS)
            self.cpu_s[task.stage] += time.process_time() - began
        return moved

    def _lengths(self) -> dict[tuple[str, int], int]:
        places = ((CUSTOMER_EVENTS, number) for number in range(self.settings.partitions))
        return {place: len(self.log.get(place, [])) for place in places}
