"""Deaths at named points: which process dies where, in what order, and that it did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from random import Random

from schemas.topics import STAGES
from streams.runtime.failpoints import EXIT_CODE, RUNTIME_FAILPOINTS, SINK_FAILPOINTS
from tests.faults.figures import Kill
from tests.faults.kit import POLL_S, WAIT_S, Feed, Pipeline, Process
from tests.faults.retailer import Retailer
from tests.oracle.builders import DAY, HOUR

STEP_MS = 12 * HOUR
"""How much more is fed when all that was fed is decided, and somebody still has to die."""
LATENESS_MS = DAY
"""How far the clocks of a replay are behind what was fed: the tills' lateness."""

LATE_PASS = 20
IDLE_S = 2.0
AT_WORK = ("partitions assigned", "sink started")
"""Log lines of processes that have started."""

Plan = dict[str, list[str]]
"""Process -> the failpoints at which its starts die, one after the other. After the last it lives."""


def each_twice(random: Random, workers: int, *, in_every_stage: bool = True) -> Plan:
    """Every point twice in a row, shared out among the workers: of each stage, or of all stages together."""
    plan: Plan = {"sink": [name for name in shuffled(random, SINK_FAILPOINTS) for _ in range(2)]}
    groups = [[f"{stage}-{number}" for number in range(workers)] for stage in STAGES]
    for names in groups if in_every_stage else [list(chain(*groups))]:
        for place, point in enumerate(shuffled(random, RUNTIME_FAILPOINTS)):
            plan.setdefault(names[place % len(names)], []).extend(at_some_pass(random, point) for _ in range(2))
    return plan


def pairs(random: Random, workers: int, count: int) -> Plan:
    """So many pairs of points, each in some process that dies at the one and, started again, at the other."""
    names = [f"{stage}-{number}" for stage in STAGES for number in range(workers)] + ["sink"]
    plan: Plan = {}
    for place in range(count):
        name = names[place % len(names)]
        points = SINK_FAILPOINTS if name == "sink" else RUNTIME_FAILPOINTS
        plan.setdefault(name, []).extend(at_some_pass(random, point) for point in random.choices(points, k=2))
    return {name: _restore_later(points) for name, points in plan.items()}


def with_outputs_only(workers: int) -> Plan:
    """Every worker dies when its outputs are written and its changelog is not: what only a transaction can heal.

    Not at its first passes, so that there are events and decisions among the outputs.
    """
    return {f"{stage}-{number}": [f"after_outputs:{LATE_PASS}"] for stage in STAGES for number in range(workers)}


def shuffled(random: Random, points: Sequence[str]) -> list[str]:
    """The points in a random order that begins with one that a first start can reach."""
    return _restore_later(random.sample(points, len(points)))


def at_some_pass(random: Random, point: str) -> str:
    """``point:nth``. Points that a process passes once a start or in each poll have to fire at the first or second."""
    return f"{point}:{random.randint(1, 1 if point in SINK_FAILPOINTS else 2)}"


def _restore_later(points: list[str]) -> list[str]:
    """A process that starts for the first time finds an empty changelog, and has nothing to restore."""
    places = [place for place, point in enumerate(points) if not _restores(point)]
    first = places[0] if places else 0
    return [*points[first:], *points[:first]]


def _restores(point: str) -> bool:
    return point.startswith("in_restore")


class Deaths:
    """Carries out a plan. Made before the pipeline starts, since its first starts are armed too."""

    def __init__(self, pipeline: Pipeline, plan: Plan) -> None:
        self.kills: list[Kill] = []
        self._pipeline = pipeline
        self._to_come = {name: list(points) for name, points in plan.items()}
        self._planned = plan
        for name in plan:
            self._arm(pipeline[name])

    def carry_out(self, feed: Feed, retailer: Retailer) -> None:
        """Feed as much as it takes until everybody has died as planned. Fails when a point does not fire.

        Everybody gets his share of the input for each death, so that a slow one finds some left. When all are at work
        and nobody dies more is fed, since a point may need it.
        """
        steps = (retailer.last_ms - retailer.first_ms) // STEP_MS + 1
        fed, last_news, last_start = 0, time.monotonic(), time.monotonic()
        while any(self._to_come.values()):
            if self._bury_and_start():
                last_news = time.monotonic()
            if not self._all_at_work():
                last_start = time.monotonic()
            idle = time.monotonic() - max(last_news, last_start) > IDLE_S
            if idle and self._end_who_had_nothing_to_restore():
                last_start = time.monotonic()
            if fed < steps and (idle or fed < steps * self._share()) and self._caught_up(retailer, fed):
                fed, last_news = fed + 1, time.monotonic()
                feed.allow(retailer.first_ms + fed * STEP_MS)
            time.sleep(POLL_S)
            assert time.monotonic() - last_news < WAIT_S, f"did not fire: {self._to_come}"
        self._check_logs()

    def fired(self) -> Counter[str]:
        """How often each point has fired, by the failpoint logs."""
        return Counter(name for process in self._planned for name in self._log(process))

    def _share(self) -> float:
        """How much of the input the slowest needs for his next death, were all deaths equal."""
        return min(1 - (len(self._to_come[name]) - 1) / len(points) for name, points in self._planned.items())

    def _end_who_had_nothing_to_restore(self) -> bool:
        """Kill those who are to die in a restore and have none behind them: what they have written since then is one.

        So it is where a local store had everything, as after a death before the first outputs. Whether there was one.
        """
        waiting = [self._pipeline[name] for name, points in self._to_come.items() if points and _restores(points[0])]
        for process in waiting:
            process.kill()
        return bool(waiting)

    def _all_at_work(self) -> bool:
        """Whether everybody who has to die has come as far as its work."""
        waiting = [self._pipeline[name] for name, points in self._to_come.items() if points]
        return all(any(line["message"] in AT_WORK for line in process.lines()) for process in waiting)

    def _caught_up(self, retailer: Retailer, fed: int) -> bool:
        return self._pipeline.slowest_clock() >= retailer.first_ms + fed * STEP_MS - LATENESS_MS

    def _bury_and_start(self) -> bool:
        """Start what has died, to die at its next point. Whether somebody has died as planned."""
        to_come = {name: points for name, points in self._to_come.items() if points}
        news = False
        for name, points in to_come.items():
            process = self._pipeline[name]
            if process.code == EXIT_CODE:
                self.kills.append(Kill.of(process))
                points.pop(0)
                news = True
            if process.code is not None:
                self._arm(process)
                process.start()
        self._pipeline.watch(but=to_come)
        return news

    def _arm(self, process: Process) -> None:
        points = self._to_come[process.name]
        if points:
            process.arm(points[0])

    def _check_logs(self) -> None:
        """Each process has written the point into its failpoint log before it died there."""
        for name, points in self._planned.items():
            assert self._log(name) == [point.partition(":")[0] for point in points], name

    def _log(self, name: str) -> list[str]:
        return self._pipeline[name].failpoint_log.read_text().split()
