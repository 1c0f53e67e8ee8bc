"""Clock marks for another number of tasks: the same moments, said by all of the new ones.

At rest every partition of a stage has heard the same marks, so a source is complete until the same moment everywhere:
the least of what the old tasks said. Each new task is taken to have said just that. What it says next is not less.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.repartition.borders import RepartitionError
from streams.wire import END_OF_TIME, Clock, Mark

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def agreed(stage: str, marks: Sequence[list[Mark]]) -> list[Mark]:
    """The marks that every partition of a stage has heard. Raises RepartitionError when they differ."""
    first = _encoder.encode(marks[0])
    for number, one in enumerate(marks):
        if _encoder.encode(one) != first:
            raise RepartitionError(
                f"Partition {number} of {stage} has not heard the same marks as partition 0: it has not read to the "
                f"end. Let {stage} run, but not intake, until --dry-run finds no fault."
            )
    return marks[0]


def clock_of(upstream: tuple[str, ...], marks: list[Mark]) -> int | None:
    """Until when a partition that has heard these marks is complete; None: not all tasks have spoken."""
    clock = Clock(upstream)
    clock.load(marks)
    return clock.value


def remade(stage: str, upstream: tuple[str, ...], marks: list[Mark], partitions: int) -> list[Mark]:
    """The marks that ``partitions`` tasks of each upstream stage would have to say. Raises RepartitionError."""
    made: list[Mark] = []
    for name in upstream:
        of_stage = [mark for mark in marks if mark.stage == name]
        sources = sorted({source for mark in of_stage for source in mark.until})
        until = {source: min(mark.until.get(source, END_OF_TIME) for mark in of_stage) for source in sources}
        free = sorted({source for mark in of_stage for source in mark.free})
        newest: dict[str, int] = {}
        for mark in of_stage:
            for source, moment in mark.newest.items():
                newest[source] = max(moment, newest.get(source, moment))
        made += [Mark(name, task, partitions, dict(until), free, dict(newest)) for task in range(partitions)]
    if clock_of(upstream, made) != clock_of(upstream, marks):
        raise RepartitionError(
            f"The tasks before {stage} do not agree on which sources hold the clock: they ran with different "
            "sources_by_marks. Start them with the same settings, let them come to rest, then try again."
        )
    return made
