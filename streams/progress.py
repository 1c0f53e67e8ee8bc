"""Exactly-once counts of a task, and the record that tells how far it is."""

from __future__ import annotations

from typing import Any

import msgspec

from streams import metrics
from streams.task import Out

BEGINNING = -(1 << 62)
"""Complete until nothing: no record and no mark has been seen."""
_encoder = msgspec.json.Encoder()


class Counts:
    """Source -> fate -> number; part of the task's position, so that a crash neither loses nor doubles a count."""

    def __init__(self) -> None:
        self.by_source: dict[str, dict[str, int]] = {}
        self._unreported: dict[tuple[str, str], int] = {}

    def add(self, source: str, fate: str, number: int = 1) -> None:
        """Count ``number`` events of a source."""
        row = self.by_source.setdefault(source, {})
        row[fate] = row.get(fate, 0) + number
        self._unreported[source, fate] = self._unreported.get((source, fate), 0) + number

    def report(self) -> None:
        """Add what was counted since the last call to the metric."""
        for (source, fate), number in self._unreported.items():
            metrics.EVENTS.labels(source, fate).inc(number)
        self._unreported.clear()

    def dump(self) -> dict[str, dict[str, int]]:
        """For the position record."""
        return self.by_source

    def load(self, stored: dict[str, dict[str, int]]) -> None:
        """Take over stored counts."""
        self.by_source = stored


def progress_record(stage: str, partition: int, clock: int | None, counts: Counts, **sizes: int) -> Out:
    """The record on ``progress`` (``schemas.decisions.Progress``)."""
    value: dict[str, Any] = {
        "stage": stage,
        "partition": partition,
        "clock": clock if clock is not None and clock > BEGINNING else None,
        "counts": counts.by_source,
        **sizes,
    }
    return Out("progress", partition, f"{stage}-{partition}".encode(), _encoder.encode(value))
