"""The figures of a run: kills, aborted transactions, how long a death holds decisions up, how long a restore takes."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from schemas.topics import MARK_KEY
from streams.tools import read_all
from tests.faults.aborted import aborted_transactions
from tests.faults.kit import Pipeline, Process
from tests.faults.retailer import Retailer
from tests.faults.verdict import Verdict, compare


@dataclass(frozen=True)
class Kill:
    """A death: when (wall clock, milliseconds), whose, and the partitions that nobody owned from then on."""

    at_ms: int
    process: str
    partitions: frozenset[int]

    @classmethod
    def of(cls, process: Process) -> Kill:
        """The death of a process, just now."""
        return cls(time.time_ns() // 1_000_000, process.name, frozenset(process.partitions()))


@dataclass
class Figures:
    """What one run gave. Times in seconds."""

    records_in: int
    lost: int
    duplicated: int
    wrong: int
    kills: int
    aborted: int
    """Transactions that the broker aborted."""
    first_decision_s: list[float] = field(default_factory=list)
    restore_s: list[float] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    """Deaths that nobody had planned, as a fenced worker's."""
    examples: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    """What else the run has measured."""

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or wrong."""
        return not (self.lost or self.duplicated or self.wrong)


def figures(pipeline: Pipeline, retailer: Retailer, kills: list[Kill], verdict: Verdict | None = None) -> Figures:
    """The figures of a run that has ended."""
    waits = first_decisions(pipeline, kills)
    verdict = verdict or compare(pipeline, retailer, sink="sink" in pipeline.processes)
    return Figures(
        records_in=verdict.records_in,
        lost=verdict.lost,
        duplicated=verdict.duplicated,
        wrong=verdict.wrong,
        kills=len(kills),
        aborted=aborted_transactions(pipeline.settings).total(),
        first_decision_s=waits,
        restore_s=restores(pipeline),
        restarts=list(pipeline.restarts),
        examples=verdict.examples,
    )


def first_decisions(pipeline: Pipeline, kills: list[Kill]) -> list[float]:
    """Seconds from each death of a worker to the first decision that a reader sees after the next owner's first commit.

    By the broker's append times. A death after which nothing was left to be decided gives none, and the sink's neither.
    """
    commits: dict[tuple[str, int], list[int]] = {}
    for record in read_all(pipeline.client, pipeline.settings, "progress"):
        stage, _, number = record.key.decode().partition("-")
        commits.setdefault((stage, int(number)), []).append(record.timestamp)
    decided = sorted(
        record.timestamp
        for record in read_all(pipeline.client, pipeline.settings, "decisions")
        if record.key != MARK_KEY
    )
    waits = []
    for kill in kills:
        stage = kill.process.partition("-")[0]
        resumed = [_first_after(commits.get((stage, number), []), kill.at_ms) for number in kill.partitions]
        known = [moment for moment in resumed if moment is not None]
        decision = _first_after(decided, min(known)) if known else None
        if decision is not None:
            waits.append((decision - kill.at_ms) / 1000)
    return waits


def restores(pipeline: Pipeline) -> list[float]:
    """Seconds from fencing to reading, of each partition that was opened with a state in its changelog."""
    lines = [line for process in pipeline.processes.values() for line in process.lines(all_starts=True)]
    return [line["seconds"] for line in lines if line["message"] == "partition ready" and line["keys"]]


def spread(seconds: list[float]) -> dict[str, Any]:
    """Median and 95th percentile; None without a value."""
    if len(seconds) < 2:
        return {"median": seconds[0] if seconds else None, "p95": seconds[0] if seconds else None}
    return {"median": round(median(seconds), 2), "p95": round(quantiles(seconds, n=20, method="inclusive")[-1], 2)}


def _first_after(moments: list[int], moment: int) -> int | None:
    place = bisect_left(moments, moment)
    return moments[place] if place < len(moments) else None
