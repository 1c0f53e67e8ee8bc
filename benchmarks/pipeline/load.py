"""Load for the soak: the days of a simulated retailer in many copies, replayed at a fixed rate."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.pipeline.copies import TOKEN, copied_table, customers_in, name_of, renameable
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.logs import Place, Row
from benchmarks.pipeline.mix import DAYS, Line
from schemas.topics import STAGES
from streams.campaigns import CampaignSet
from streams.decide.task import CUSTOMER
from streams.replay.produce import Replay
from streams.settings import Settings
from streams.simulate.rates import DAY_MS
from streams.simulate.retailer import START_MS
from streams.wire import partition_of

HISTORY_DAYS = 240
LAST_DAYS = 2
"""Timers of so many days after the last event are decided too."""
CHUNK_LINES = 100
"""Lines that are written before the time is looked at."""


@dataclass(frozen=True)
class Story:
    """What one copy of the retailer goes through: what is known at its beginning, its lines, and what is decided."""

    begin: int
    end: int
    tables: dict[str, list[dict[bytes, bytes]]]
    lines: list[Line]
    decisions: list[bytes]

    @property
    def customers(self) -> int:
        """Customers at the beginning."""
        return customers_in(self.tables["decide"])


def story(settings: Settings, campaigns: CampaignSet, year: Sequence[Line]) -> Story:
    """The last months of a simulated year, after the others were applied in a dry run."""
    begin = START_MS + HISTORY_DAYS * DAY_MS
    end = START_MS + (DAYS + LAST_DAYS) * DAY_MS
    lines = renameable(year)
    dry_run = DryRun(settings, campaigns)
    dry_run.run([line for line in lines if line[1] < begin], begin)
    tables = {stage: dry_run.tables(stage) for stage in ("identity", "decide")}
    places = [("decisions", number) for number in range(settings.partitions)]
    made = {place: len(dry_run.log.get(place, [])) for place in places}
    later = [line for line in lines if begin <= line[1] < end]
    dry_run.run(later, end)
    found = [record.value for place in places for record in dry_run.log.get(place, [])[made[place] :]]
    return Story(begin, end, tables, later, [value for value in found if value is not None])


def placed_tables(given: Story, copies: int, partitions: int) -> dict[Place, Iterable[Row]]:
    """The changelogs of identity and decide with ``copies`` of each customer, where the stages look for them."""
    rows: dict[Place, list[Row]] = {}
    for stage, tables in given.tables.items():
        changelog = STAGES[stage].changelog
        for number, table in enumerate(tables):
            shared = {key: value for key, value in table.items() if TOKEN not in key}
            rows.setdefault((changelog, number), []).extend((key, value, ()) for key, value in shared.items())
            for key, value in copied_table({k: v for k, v in table.items() if TOKEN in k}, copies):
                place = partition_of(key.removeprefix(CUSTOMER).decode(), partitions)
                rows.setdefault((changelog, place), []).append((key, value, ()))
    return dict(rows)


class _PacedReplay(Replay):
    """A replay that begins with marks: all before it is complete."""

    def __init__(self, settings: Settings, begin: int) -> None:
        super().__init__(settings, settings.replay_lateness)
        self._begin = begin

    async def write(self, *given: Any) -> int:
        """See ``Replay``."""
        await self._mark(self._begin, end_of_replay=True)
        await self._flush()
        return await super().write(*given)


class Load(threading.Thread):
    """Writes ``copies`` of a story's lines at ``rate`` lines a second; ``failure`` says why it ended early."""

    def __init__(self, settings: Settings, given: Story, copies: int, rate: float) -> None:
        super().__init__(name="load")
        self.failure: BaseException | None = None
        self.written = 0
        self._given = given
        self._copies = copies
        self._rate = rate
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._replay = _PacedReplay(settings, given.begin)

    @property
    def behind_s(self) -> float:
        """How far it is behind its rate: the replay waits while the pipeline's clock is too far behind."""
        return max(0.0, time.monotonic() - self._began - self.written / self._rate)

    @property
    def total(self) -> int:
        """Lines in all."""
        return len(self._given.lines) * self._copies

    def run(self) -> None:
        """Everything, to the last mark."""
        self._began = time.monotonic()
        try:
            asyncio.run(self._replay.run([], self._paced(), self._given.end, None, lambda _: None))
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        """End early."""
        self._stopped.set()
        self.join()

    def _paced(self) -> Iterator[Line]:
        for source, arrived, raw in self._given.lines:
            for number in range(self._copies):
                if self.written % CHUNK_LINES == 0:
                    self._wait()
                self.written += 1
                yield source, arrived, raw.replace(TOKEN, name_of(number))

    def _wait(self) -> None:
        pause = self._began + self.written / self._rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        if self._stopped.is_set():
            raise InterruptedError("the soak was broken off")
