"""A pipeline in memory that is stopped in the middle of a history, moved, and goes on with other partitions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from streams.backtest import end_of_run
from streams.campaigns import CampaignSet, known_brands, records
from streams.repartition.rest import Rest
from streams.repartition.run import repartition
from streams.replay.files import merged
from streams.replay.produce import Line
from streams.settings import Settings
from streams.task import Out, Record
from tests.decide.memory_log import MemoryLog, MemoryReplay, Runner, all_stages, make_task

Tables = dict[tuple[str, int], dict[bytes, bytes]]
RECORDS_MAX, STEPS_MAX = 300, 700


@dataclass
class MemoryPipeline:
    """Logs and changelogs; an old or a new one (``streams.repartition.borders``)."""

    partitions: int
    log: MemoryLog = field(default_factory=MemoryLog)
    tables: Tables = field(default_factory=dict)

    def table(self, stage: str, partition: int) -> dict[bytes, bytes]:
        return dict(self.tables.get((stage, partition), {}))

    def records(self, topic: str, partition: int, start: int) -> Iterator[Record]:
        yield from self.log.records.get((topic, partition), [])[start:]

    def send(self, out: Out) -> None:
        self.log.append(out)

    def keep(self, stage: str, partition: int, key: bytes, value: bytes) -> None:
        assert self.tables.setdefault((stage, partition), {}).setdefault(key, value) == value, key

    def next_offset(self, topic: str, partition: int) -> int:
        return len(self.log.records.get((topic, partition), []))

    def work(self, settings: Settings, chance: random.Random, rounds_max: int | None = None) -> None:
        """Run all stages, in random turns, until nothing moves, or for so many rounds."""
        runners = []
        for stage, number in all_stages(settings):
            runner = Runner(stage, number, partial(make_task, stage, number, settings), self.log)
            runner.table.update(self.tables.get((stage, number), {}))
            runner.restart()
            self.tables[stage, number] = runner.table
            runners.append(runner)
        idle = rounds = 0
        while idle < 3 * len(runners) and rounds != rounds_max:
            runner = chance.choice(runners) if idle == 0 else runners[idle % len(runners)]
            idle = 0 if runner.round(chance, RECORDS_MAX, STEPS_MAX, crash=False) else idle + 1
            rounds += 1

    def decisions(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(value) for value in self.log.values("decisions")]


class HalfReplay(MemoryReplay):
    """A replay that stops in the middle, and goes on with other partitions."""

    async def begin(self, campaigns: CampaignSet, lines: Iterable[Line]) -> None:
        for key, record in records(campaigns, 0, "test"):
            await self._add("campaigns", key.encode(), msgspec.json.encode(record), 0, 0)
        await self._write(lines, lambda _: None)

    async def end(self, lines: Iterable[Line], last_arrival: int) -> None:
        await self._write(lines, lambda _: None)
        await self._mark(end_of_run(last_arrival, None, None), end_of_replay=True)


@dataclass
class Broken:
    """A run that was moved in the middle."""

    decisions: list[dict[str, Any]]
    old: MemoryPipeline
    new: MemoryPipeline
    rest: Rest
    """What was found at the move."""
    moved: dict[str, int]
    """Records in the logs of the new pipeline before it began to work."""

    @property
    def outcomes(self) -> set[tuple[str, str, str]]:
        return {(row["decision_id"], row["outcome"], row["reason"]) for row in self.decisions}


def first_half(
    settings: Settings,
    campaigns: CampaignSet,
    lines: Iterable[Line],
    chance: random.Random,
    rounds_max: int | None = None,
) -> MemoryPipeline:
    """All stages have worked off these lines, and are at rest; or they were stopped after so many rounds."""
    old = begun(settings, campaigns)
    asyncio.run(HalfReplay(settings, old.log).begin(campaigns, lines))
    old.work(settings, chance, rounds_max)
    return old


def begun(settings: Settings, campaigns: CampaignSet) -> MemoryPipeline:
    """A pipeline with its control records, in replay."""
    pipeline = MemoryPipeline(settings.partitions)
    brands = msgspec.json.encode({"kind": "brands", "brands": sorted(known_brands(campaigns))})
    for number in range(settings.partitions):
        pipeline.send(Out("control", number, b"brands", brands))
        pipeline.send(Out("control", number, b"mode", b'{"kind":"replay","sources":[],"hand_over":true}'))
    return pipeline


def broken_run(
    directory: Path, campaigns: CampaignSet, settings: Settings, to: int, chance: random.Random, share: float
) -> Broken:
    """A history of which this share of the lines is worked off, the pipeline moved, and then the rest."""
    lines = list(merged(directory))
    cut = int(len(lines) * share)
    old = first_half(settings, campaigns, lines[:cut], chance)
    new = MemoryPipeline(to)
    rest = repartition(old, new)
    moved = {topic: 0 for topic, _ in new.log.records}
    for (topic, _), rows in new.log.records.items():
        moved[topic] += len(rows)
    later = settings.model_copy(update={"partitions": to})
    replay = HalfReplay(later, new.log)
    asyncio.run(replay.end(lines[cut:], max(arrived for _, arrived, _ in lines)))
    new.work(later, chance)
    return Broken(old.decisions() + new.decisions(), old, new, rest, moved)
