"""Exactly-once counts of a task, and the record that tells how far it is."""

from __future__ import annotations

from typing import Any

import msgspec

from streams import metrics
from streams.task import Out

BEGINNING = -(1 << 62)
"""Complete until nothing: no record and no mark has been seen."""
TELL_MS = 1_000
"""A clock that moved by less is told with the next tick: live it moves all the time."""
_encoder = msgspec.json.Encoder()


class Counts:
    """Source -> fate -> number; part of the task's position, so that a crash neither loses nor doubles a count."""

    def __init__(self) -> None:
        self.by_source: dict[str, dict[str, int]] = {}
        self._reported: dict[tuple[str, str], int] = {}

    def add(self, source: str, fate: str, number: int = 1) -> None:
        """Count ``number`` events of a source."""
        try:
            self.by_source[source][fate] += number
        except KeyError:
            self.by_source.setdefault(source, {})[fate] = number

    def report(self) -> None:
        """Add what was counted since the last call to the metric."""
        for source, row in self.by_source.items():
            for fate, number in row.items():
                new = number - self._reported.get((source, fate), 0)
                if new:
                    metrics.EVENTS.labels(source, fate).inc(new)
                    self._reported[source, fate] = number

    def dump(self) -> dict[str, dict[str, int]]:
        """For the position record."""
        return self.by_source

    def load(self, stored: dict[str, dict[str, int]]) -> None:
        """Take over stored counts: they were reported by the worker that made them."""
        self.by_source = stored
        self._reported = {(source, fate): number for source, row in stored.items() for fate, number in row.items()}


def progress_record(stage: str, partition: int, clock: int | None, counts: Counts, **fields: int | list[str]) -> Out:
    """The record on ``progress`` (``schemas.decisions.Progress``)."""
    value: dict[str, Any] = {
        "stage": stage,
        "partition": partition,
        "clock": clock if clock is not None and clock > BEGINNING else None,
        "counts": counts.by_source,
        **fields,
    }
    return Out("progress", partition, f"{stage}-{partition}".encode(), _encoder.encode(value))
