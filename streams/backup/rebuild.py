"""State from a backup and the log after it: the stage's own task, run again, of which nothing is written anywhere.

Whatever a task puts out here is dropped, triggers before all. A task takes the smallest steps that it knows, and the
outputs of each are looked for on their topics (``written``). Behind the last step whose outputs are there, the state is
what the stage had when it was lost: from there on its workers go on, and hand over what was never decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from streams.backup.written import Written
from streams.table import Change, MemoryTable, wake_of
from streams.task import Effects, Out, Record, Task

SMALLEST = 1
"""Budget of a step: one record or one timer, so that no step is half in what was written and half not."""

Batches = Callable[[int | None], Iterable[list[Record]]]
"""The log from an offset on; None: from its first record."""


@dataclass
class Rebuilt:
    """A partition's state, and what was seen on the way."""

    values: dict[bytes, bytes]
    records: int = 0
    """Read from the log."""
    known: int = 0
    """Outputs that were on their topics."""
    unknown: int = 0
    """Outputs that were not, although later ones were: this release decides otherwise, or topics lost records."""
    left: int = 0
    """Outputs that the workers have still to make: the stage had not come so far."""


def steps(task: Task, topic: str, batches: Iterable[list[Record]], budget: int = SMALLEST) -> Iterator[Effects]:
    """Feed a loaded task and work all off, step by step. The table has to have each step's changes before the next."""
    yield from _work_off(task, budget)
    for batch in batches:
        task.take(topic, batch)
        yield from _work_off(task, budget)


def _work_off(task: Task, budget: int) -> Iterator[Effects]:
    more = True
    while more:
        effects = task.step(budget)
        more = effects.more
        yield effects


def rebuild(
    make: Callable[[], Task],
    values: dict[bytes, bytes],
    topic: str,
    batches: Batches,
    written: Written,
) -> Rebuilt:
    """Rebuild one partition of a stage that reads one log. ``values`` is taken over."""
    task = make()
    table = MemoryTable(values, wake_of(task))
    task.load(table)
    rebuilt, tail = Rebuilt(values), _Tail()
    log = _counted(batches(task.start_offsets().get(topic)), rebuilt)
    for effects in steps(task, topic, log):
        answers = [written.take(out) for out in effects.records]
        tail.note(table, effects.state)
        table.put(effects.state)
        if True in answers:
            rebuilt.known += answers.count(True)
            rebuilt.unknown += tail.outputs + answers.count(False)
            tail = _Tail()
        else:
            tail.outputs += answers.count(False)
    if tail.outputs:
        rebuilt.left = tail.outputs
        tail.undo(table)
    return rebuilt


def replayed(make: Callable[[], Task], values: dict[bytes, bytes], topic: str, batches: Batches) -> Iterator[Out]:
    """What one partition puts out on the way to the end of a log; ``values`` becomes the state there."""
    task = make()
    table = MemoryTable(values, wake_of(task))
    task.load(table)
    for effects in steps(task, topic, batches(task.start_offsets().get(topic)), budget=1_000):
        table.put(effects.state)
        yield from effects.records


@dataclass
class _Tail:
    """What the steps have changed since the last one that is known to have been done."""

    outputs: int = 0
    before: dict[bytes, bytes | None] = field(default_factory=dict)

    def note(self, table: MemoryTable, changes: Iterable[Change]) -> None:
        """Remember what the keys held before. The first time counts."""
        for key, _ in changes:
            if key not in self.before:
                self.before[key] = table.get(key)

    def undo(self, table: MemoryTable) -> None:
        """The table as it was."""
        table.put(self.before.items())


def _counted(batches: Iterable[list[Record]], rebuilt: Rebuilt) -> Iterator[list[Record]]:
    for batch in batches:
        rebuilt.records += len(batch)
        yield batch
