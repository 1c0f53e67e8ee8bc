"""The fold on Cuepoint's runtime: a task as the stages are, one worker process, exactly once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.fold.job import PARTITIONS, State, decode_event, decode_state, encode, fold
from benchmarks.fold.progress import Progress, Run
from schemas.topics import Stage
from streams.runtime import partition
from streams.runtime.transactions import PartitionProducer
from streams.runtime.worker import run_worker
from streams.settings import Settings
from streams.table import MemoryTable
from streams.task import Effects, Out, Record, Table

POSITION_KEY = b"\x00position"
RECORDS_PER_MS = 20
"""How a cadence is asked for: a transaction of one partition takes at most so many records for each millisecond. Four
partitions take turns, so the interval holds from 80,000 events/s on; the rows say what was measured."""


class FoldTask:
    """The fold of one partition. A state is decoded when its customer is first touched, and kept."""

    def __init__(self, number: int, source: str, output: str, progress: Progress) -> None:
        self._number = number
        self._source = source
        self._output = output
        self._progress = progress
        self._table: Table = MemoryTable()
        self._states: dict[bytes, State] = {}
        self._next_offset = 0
        self._waiting: list[Record] = []

    def load(self, table: Table) -> None:
        """The restored table, the position in it."""
        self._table = table
        self._next_offset = int(table.get(POSITION_KEY) or 0)

    def start_offsets(self) -> Mapping[str, int]:
        """Where the state ends."""
        return {self._source: self._next_offset}

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """Records for the next steps."""
        self._progress.began()
        self._waiting += records

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """The fold knows no time."""

    def held(self) -> frozenset[str]:
        """It always wants more."""
        return frozenset()

    def step(self, budget: int) -> Effects:
        """Fold what waits; one changelog record for each customer that changed, and the position."""
        now, self._waiting = self._waiting[:budget], self._waiting[budget:]
        effects = Effects(more=bool(self._waiting))
        if not now:
            return effects
        dirty: dict[bytes, State] = {}
        states = self._states
        for record in now:
            key = record.key or b""
            state = states.get(key)
            if state is None:
                state = states[key] = self._load(key)
            dirty[key] = state
            decision = fold(state, decode_event(record.value or b""))
            if decision is not None:
                effects.records.append(Out(self._output, self._number, key, decision))
        self._next_offset = now[-1].offset + 1
        effects.state = [(key, encode(state)) for key, state in dirty.items()]
        effects.state.append((POSITION_KEY, str(self._next_offset).encode()))
        effects.offsets = {self._source: self._next_offset}
        return effects

    def _load(self, key: bytes) -> State:
        known = self._table.get(key)
        return State() if known is None else decode_state(known)


def measured_producer(run: Run, progress: Progress, source: str) -> type[PartitionProducer]:
    """The runtime's producer, with a clock reading after each commit and an end when all is committed."""
    positions: dict[int, int] = {}

    class Measured(PartitionProducer):
        async def commit(self, effects: Effects) -> None:
            await super().commit(effects)
            progress.committed(self._partition)
            positions[self._partition] = effects.offsets[source]
            if sum(positions.values()) == run.events:
                progress.ended()

    return Measured


def main() -> int:
    """Run one worker until SIGTERM; returns its exit code."""
    run, progress = Run.from_arguments(), Progress()
    prefix = run.input.split(".")[0]
    # The runtime's group is <prefix>-<stage>, and the run's name is the group.
    name = run.name.removeprefix(f"{prefix}-")
    source, output, changelog = (name.removeprefix(f"{prefix}.") for name in (run.input, run.output, run.changelog))
    settings = Settings(
        bootstrap_servers=run.bootstrap,
        topic_prefix=prefix,
        partitions=PARTITIONS,
        state_dir=Path(run.directory),
        log_level="WARNING",
        **({"transaction_steps_max": run.interval_ms * RECORDS_PER_MS} if run.interval_ms else {}),
    )
    partition.PartitionProducer = measured_producer(run, progress, source)
    stage = Stage(name, (source,), changelog)
    return run_worker(stage, settings, lambda number: FoldTask(number, source, output, progress))


if __name__ == "__main__":
    sys.exit(main())
