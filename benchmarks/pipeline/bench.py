"""What every group of rows works with: the broker, the options, the bare loop, and medians over rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.fold.engines import BARE_LOOP
from benchmarks.fold.lab import Lab
from benchmarks.pipeline.decide import scratch_settings
from benchmarks.rows import Options, Row, measured, not_run
from deploy.local.broker import LocalBroker
from streams.settings import Settings

ROUNDS_MAX = 3
"""Rounds of a group; each takes most of a minute."""
BARE_EVENTS, BARE_EVENTS_QUICK = 200_000, 20_000
BARE = "the bare loop"


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark."""

    broker: LocalBroker
    options: Options

    @property
    def rounds(self) -> int:
        """Rounds of a comparison."""
        return 1 if self.options.quick else min(ROUNDS_MAX, self.options.rounds)

    def size(self, full: int, quick: int) -> int:
        """Records of a group."""
        return self.options.events or (quick if self.options.quick else full)

    def say(self, text: str) -> None:
        """One line of progress."""
        self.options.say(text)

    def settings(self, group: str, **changes: Any) -> Settings:
        """Settings of a pipeline of its own."""
        return scratch_settings(self.broker.bootstrap_servers, group, self.options.directory, **changes)

    @contextmanager
    def bare_loop(self) -> Iterator[Callable[[], float] | None]:
        """Runs the fold as a bare loop: events per second each time it is called. None where it cannot run."""
        if BARE_LOOP.missing() is not None:
            yield None
            return
        events = BARE_EVENTS_QUICK if self.options.quick else BARE_EVENTS
        with Lab(self.broker, self.options.directory / "bare-loop") as lab:
            yield lambda: lab.backlog(BARE_LOOP, events).events_per_s


def over_rounds(
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    against: str = "",
    others: Sequence[float] = (),
    reach: str = "",
    note: str = "",
) -> Row:
    """A row of medians: of the values, and of the ratios to ``others``, round by round."""
    ratio = median(value / other for value, other in zip(values, others, strict=True)) if others else None
    if reach.startswith("ratio") and ratio is None:
        return not_run(name, f"{against} cannot run here: make the bench environment", reach)
    spread = (min(values), max(values)) if len(values) > 1 else None
    against = against if others else ""
    return measured(name, median(values), unit, against=against, ratio=ratio, reach=reach, spread=spread, note=note)


def scratch_file(bench: Bench, name: str) -> Path:
    """A file in the run's scratch directory."""
    return bench.options.directory / name
