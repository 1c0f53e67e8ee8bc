"""The stages' tasks on logs in memory: everything but Kafka, so that cuts and restarts can be tried by the hundred."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from schemas.topics import STAGES
from streams.campaigns import CampaignSet, known_brands, records
from streams.capacity.task import CapacityTask
from streams.decide.task import DecideTask
from streams.identity.task import IdentityTask
from streams.intake.task import IntakeTask
from streams.replay.files import merged
from streams.replay.produce import Replay
from streams.runtime.store import MemoryStore, Store
from streams.settings import Settings
from streams.table import wake_of
from streams.task import Effects, Out, Record, Task

Place = tuple[str, int]
TICK_SHARE = 0.2
"""Rounds with a tick, beside those without new records."""


class MemoryLog:
    """Topics as lists."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Record]] = {}

    def append(self, out: Out) -> None:
        """Add a record at the end of its partition."""
        log = self.records.setdefault((out.topic, out.partition), [])
        log.append(Record(out.topic, out.partition, len(log), 0, out.key, out.value, out.headers))

    def values(self, topic: str) -> list[bytes]:
        """All values of a topic, partition by partition."""
        places = sorted(place for place in self.records if place[0] == topic)
        return [record.value for place in places for record in self.records[place] if record.value is not None]


class MemoryReplay(Replay):
    """A replay that writes into a MemoryLog and never waits."""

    def __init__(self, settings: Settings, log: MemoryLog) -> None:
        super().__init__(settings, settings.replay_lateness)
        self._log = log

    async def _append(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        self._log.append(Out(topic, partition, key, value, tuple(headers)))

    async def _flush(self) -> None:
        pass

    async def _hold_back(self, progress: Callable[[Replay], None]) -> None:
        pass

    async def write_all(self, campaigns: CampaignSet, directory: Path) -> None:
        """What ``run`` writes, without a producer."""
        await self.write(records(campaigns, 0, "test"), merged(directory), None, None, lambda _: None)


def input_log(settings: Settings, campaigns: CampaignSet, directory: Path) -> MemoryLog:
    """The input topics of a replay of ``directory``, control records first."""
    log = MemoryLog()
    brands = ",".join(f'"{brand}"' for brand in sorted(known_brands(campaigns)))
    for partition in range(settings.partitions):
        log.append(Out("control", partition, b"brands", f'{{"kind":"brands","brands":[{brands}]}}'.encode()))
        mode = b'{"kind":"replay","sources":[],"hand_over":true}'
        log.append(Out("control", partition, b"mode", mode))
    asyncio.run(MemoryReplay(settings, log).write_all(campaigns, directory))
    return log


class Runner:
    """One task with its changelog; it can be thrown away and restored like after a crash."""

    def __init__(
        self,
        stage: str,
        partition: int,
        make: Callable[[], Task],
        log: MemoryLog,
        open_store: Callable[[str, int, Task], Store] | None = None,
    ) -> None:
        self.stage = STAGES[stage]
        self.partition = partition
        self._make = make
        self._log = log
        self._table: dict[bytes, bytes] = {}
        self._open_store = open_store
        self._store: Store | None = None
        self._written = 0
        self.restart()

    def restart(self) -> None:
        """Forget everything but the changelog."""
        self._task = self._make()
        if self._open_store is None:
            self._store = MemoryStore(self._table, wake_of(self._task))
        else:
            if self._store is not None:
                self._store.close()
            self._store = self._open_store(self.stage.name, self.partition, self._task)
        self._task.load(self._store)
        starts = self._task.start_offsets()
        self._read = {topic: starts.get(topic, 0) for topic in self.stage.inputs}

    def round(self, chance: random.Random, records_max: int, budget: int, *, crash: bool) -> bool:
        """Take some records and work them off; True when something happened. ``crash``: one of the steps is lost, and
        what the task knew with it."""
        moved = False
        for topic in self.stage.inputs:
            if topic in self._task.held():
                continue
            log, start = self._log.records.get((topic, self.partition), []), self._read[topic]
            batch = log[start : start + chance.randint(1, records_max)]
            if batch:
                self._task.take(topic, batch)
                self._read[topic] = batch[-1].offset + 1
                moved = True
        if chance.random() < TICK_SHARE or not moved:
            self._task.tick(0, frozenset())
        until_crash = chance.choice((0, 0, 1, 2, 4)) if crash else None
        while True:
            effects = self._task.step(budget)
            if until_crash == 0 and not effects.empty:
                self.restart()
                return True
            if until_crash is not None and not effects.empty:
                until_crash -= 1
            self._commit(effects)
            moved = moved or not effects.empty
            if not effects.more:
                return moved

    @property
    def table(self) -> dict[bytes, bytes]:
        """What the changelog holds."""
        return self._table

    def step(self, budget: int) -> bool:
        """Take all records that are there and commit one step; False when there was nothing to do."""
        for topic in self.stage.inputs:
            batch = self._log.records.get((topic, self.partition), [])[self._read[topic] :]
            self._task.take(topic, batch)
            self._read[topic] += len(batch)
        effects = self._task.step(budget)
        self._commit(effects)
        return effects.more

    def _commit(self, effects: Effects) -> None:
        for out in effects.records:
            self._log.append(out)
        assert self._store is not None
        self._written += len(effects.state)
        self._store.write(effects, self._written)


def make_task(stage: str, partition: int, settings: Settings, tight: bool = False) -> Task:
    """The task of a stage, as ``streams.stages`` makes it, without files. ``tight``: it keeps next to nothing in
    memory, so that states and wakes come from its table again and again."""
    if stage == "intake":
        return IntakeTask(partition, settings.partitions, settings.lateness)
    if stage == "identity":
        return IdentityTask(partition, settings.partitions, cache_max=3 if tight else 100_000)
    if stage == "capacity":
        return CapacityTask(partition, settings.partitions)
    kept = {"cache_bytes_max": 0, "wakes_max": 2} if tight else {}
    return DecideTask(partition, settings.partitions, settings.topic_prefix, **kept)


def run(
    log: MemoryLog,
    settings: Settings,
    stages: Iterable[tuple[str, int]],
    chance: random.Random,
    *,
    records_max: int = 500,
    budget: int = 1_000,
    crash_share: float = 0.0,
    tight: bool = False,
    open_store: Callable[[str, int, Task], Store] | None = None,
) -> None:
    """Run tasks until nothing moves any more, in random turns."""
    runners = [
        Runner(stage, partition, partial(make_task, stage, partition, settings, tight), log, open_store)
        for stage, partition in stages
    ]
    idle = 0
    while idle < 3 * len(runners):
        runner = chance.choice(runners) if idle == 0 else runners[idle % len(runners)]
        crash = chance.random() < crash_share
        idle = 0 if runner.round(chance, records_max, budget, crash=crash) else idle + 1


def all_stages(settings: Settings) -> list[tuple[str, int]]:
    """Every task of the pipeline."""
    return [(stage, number) for stage in STAGES for number in range(settings.partitions)]


def outcome_set(log: MemoryLog) -> set[tuple[Any, Any, Any]]:
    """(decision id, outcome, reason) of the topic ``decisions``."""
    rows = (msgspec.json.decode(value) for value in log.values("decisions"))
    return {(row["decision_id"], row["outcome"], row["reason"]) for row in rows}
