"""The story of a zombie: stopped at a named point for longer than its session, then awake again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.up import last_words
from tests.faults.broker_stage import (
    Counted,
    Source,
    Workers,
    is_stopped,
    judge,
    log_of,
    stage_settings,
    task_of,
)
from tests.faults.kit import Process
from tests.runtime.counting import OUTPUT
from tests.runtime.kit import make_counting_topics

RECORDS_MORE = 300
"""What the heir counts before the zombie wakes up, and again before the end."""


@dataclass(frozen=True)
class ZombieFigures:
    """What became of the zombie."""

    point: str
    take_over_s: float
    """From the stop until the heir has restored its partitions."""
    open_records: int
    """Records of its open transaction, which nobody with read_committed sees."""
    written_after_take_over: int
    """Records of its old tasks behind the first one of an heir, in the log as it is (read_uncommitted)."""
    ended_with: int | None
    """Its exit code; None: it joined again."""
    last_words: str
    counted: Counted


def zombie(
    bootstrap_servers: str, prefix: str, directory: Path, point: str, *, same_name: bool = False
) -> ZombieFigures:
    """Stop a worker at the 60th pass of a failpoint, let another one take over, wake it, and count.

    ``same_name``: the heir is started in its place and takes over at once, as the static member that it was.
    """
    settings = stage_settings(bootstrap_servers, prefix, directory)
    make_counting_topics(settings)
    name = {"CUEPOINT_INSTANCE_ID": "one-of-two"} if same_name else {}
    with Workers(settings) as workers:
        with Source(settings):
            if not same_name:
                workers.start("heir")
                workers.wait_ready("heir")
            sleeper = workers.start("sleeper", TEST_STOP_AT=f"{point}:60", **name)
            workers.wait(lambda: is_stopped(sleeper), "it stops itself")
            stopped_at = time.monotonic()
            heir = workers.start("heir", **name) if same_name else workers["heir"]
            workers.wait(lambda: owned(heir) == set(range(settings.partitions)), "the heir takes over")
            take_over_s = time.monotonic() - stopped_at
            workers.wait_for_more(RECORDS_MORE)
            sleeper.held_down = True
            assigned_before = assignments(sleeper)
            sleeper.resume()
            workers.wait(lambda: sleeper.code is not None or assignments(sleeper) > assigned_before, "it notices")
            workers.wait_for_more(RECORDS_MORE)
            ended_with = sleeper.code
        counted = judge(workers)
    everything = log_of(settings, OUTPUT, isolation="read_uncommitted")
    return ZombieFigures(
        point=point,
        take_over_s=round(take_over_s, 1),
        open_records=len(everything) - len(log_of(settings, OUTPUT)),
        written_after_take_over=written_after(everything, "sleeper-", "heir-"),
        ended_with=ended_with,
        last_words=last_words(sleeper.log),
        counted=counted,
    )


def written_after(records: list[Any], old: str, new: str) -> int:
    """Records of an old owner's tasks behind the first record of the task that took the partition over from it."""
    tasks: dict[int, list[str]] = {}
    for record in records:
        tasks.setdefault(record.partition, []).append(task_of(record))
    found = 0
    for of_partition in tasks.values():
        first_of = {name: of_partition.index(name) for name in set(of_partition)}
        for name in (name for name in first_of if name.startswith(old)):
            heirs = [place for other, place in first_of.items() if other.startswith(new) and place > first_of[name]]
            if heirs:
                found += of_partition[min(heirs) :].count(name)
    return found


def assignments(process: Process) -> int:
    """How often it was assigned partitions."""
    return sum(line["message"] == "partitions assigned" for line in process.lines())


def owned(process: Process) -> set[int]:
    """The partitions at work on a worker, by its log."""
    found: set[int] = set()
    for line in process.lines():
        if line["message"] == "partitions assigned":
            found &= set(line["partitions"])
        elif line["message"] == "partition ready":
            found.add(line["partition"])
    return found
