"""Workers that join and leave all the time, and workers that are restarted one by one."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.broker_stage import Counted, Source, Workers, judge, log_of, stage_settings
from tests.runtime.counting import OUTPUT
from tests.runtime.kit import make_counting_topics

REBALANCES, REFUSED = "cuepoint_rebalances_total", "cuepoint_batches_refused_total"
WORKERS_MAX = 4
KILL_SHARE = 0.3
"""Of the leaving workers, those that go by kill -9 and are missed only when their session ends."""
RECORDS_MORE = 300
ROLLING_SESSION_S = 240.0
"""Longer than a restart takes on a busy machine."""


@dataclass(frozen=True)
class StormFigures:
    """What a storm gave."""

    changes: Counter[str]
    """Joins, leaves in good order, and kills."""
    rebalances: int
    """Assignments, summed over the workers."""
    refused: int
    """Batches that were fetched before a rebalance and delivered after it."""
    starved_s: float
    """The longest time in which some partition committed nothing, while there was input for all of them."""
    exits: list[str]
    """Workers that ended on their own, and what they said."""
    counted: Counted


def storm(
    bootstrap_servers: str,
    prefix: str,
    directory: Path,
    changes: int,
    between_s: tuple[float, float],
    seed: int = 1,
    *,
    accept_all: bool = False,
) -> StormFigures:
    """So many joins and leaves, at random intervals. ``accept_all``: without the rule that refuses batches."""
    random = Random(seed)
    settings = stage_settings(bootstrap_servers, prefix, directory)
    make_counting_topics(settings)
    names = (f"worker-{number}" for number in itertools.count())
    environ = {"TEST_ACCEPT_ALL": "1"} if accept_all else {}
    made: Counter[str] = Counter()
    with Workers(settings) as workers:
        with Source(settings):
            running = [next(names)]
            workers.start(running[0], **environ)
            workers.wait_ready()
            for _ in range(changes):
                if len(running) == 1 or (len(running) < WORKERS_MAX and random.random() < 0.5):
                    running.append(next(names))
                    workers.start(running[-1], **environ)
                    made["joined"] += 1
                else:
                    made[_leave(workers, running.pop(random.randrange(len(running))), random)] += 1
                _wait(workers, random.uniform(*between_s))
            workers.wait_for_more(RECORDS_MORE)
        counted = judge(workers, patience_s=20 if accept_all else 120)
        return StormFigures(
            changes=made,
            rebalances=int(workers.sum_of(REBALANCES)),
            refused=int(workers.sum_of(REFUSED)),
            starved_s=longest_silence_s(log_of(settings, OUTPUT)),
            exits=workers.restarts,
            counted=counted,
        )


def rolling_restart(
    bootstrap_servers: str, prefix: str, directory: Path, workers_count: int = 2
) -> tuple[float, Counted]:
    """Stop and start each static member once under load: how many assignments the others saw, and the verdict."""
    settings = stage_settings(bootstrap_servers, prefix, directory, session_timeout_s=ROLLING_SESSION_S)
    make_counting_topics(settings)
    seen = 0.0
    with Workers(settings, static=True) as workers:
        with Source(settings):
            names = [f"worker-{number}" for number in range(workers_count)]
            for name in names:
                workers.start(name)
            workers.wait(
                lambda: {len(workers[name].partitions()) for name in names} == {4 // workers_count}, "all share"
            )
            for name in names:
                held = workers[name].partitions()
                before = workers.sum_of(REBALANCES)
                assert workers[name].stop() == 0
                workers.start(name)
                workers.wait(lambda name=name, held=held: workers[name].ready_partitions() == held, "it has them back")  # type: ignore[misc]
                seen += workers.sum_of(REBALANCES) - before - 1
            workers.wait_for_more(RECORDS_MORE)
        return seen, judge(workers)


def longest_silence_s(records: list[Any]) -> float:
    """The longest time between two commits of one partition, by the broker's append times."""
    moments: dict[int, list[int]] = {}
    for record in records:
        moments.setdefault(record.partition, []).append(record.timestamp)
    return max(later - earlier for of in moments.values() for earlier, later in itertools.pairwise(of)) / 1000


def _leave(workers: Workers, name: str, random: Random) -> str:
    workers.sum_of(REBALANCES)  # what its metrics are before it goes
    worker = workers[name]
    if random.random() < KILL_SHARE:
        worker.kill(hold_down=True)
        return "killed"
    worker.stop(timeout_s=60)
    return "left"


def _wait(workers: Workers, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        workers.watch()
        workers.sum_of(REBALANCES)
        time.sleep(0.3)
