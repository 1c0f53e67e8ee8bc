"""Kill -9 at random moments of a run: of every stage and the sink, with restarts at once, soon, or after too long."""

from __future__ import annotations

import time
from random import Random

from schemas.topics import STAGES
from tests.faults.figures import Kill
from tests.faults.kit import POLL_S, SESSION_TIMEOUT_S, Feed, Pipeline, Process
from tests.faults.retailer import Retailer

KILLS_MIN, KILLS_MAX = 6, 8
LONG_ABSENCE_EVERY = 10
"""Of so many kills, counted over all seeds, one keeps its victim away for longer than the session timeout."""
FIRST_SHARE, LAST_SHARE = 0.15, 0.85
"""Kills fall between these shares of the history: before there is nothing to decide, afterwards nothing any more."""


class Killer:
    """Kills, and starts again when it is time to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.kills: list[Kill] = []
        self._pipeline = pipeline
        self._restart_at: dict[str, float] = {}

    def kill(self, process: Process, absent_s: float) -> None:
        """Kill -9, and start again after ``absent_s``."""
        self.kills.append(Kill.of(process))
        process.kill(hold_down=True)
        self._restart_at[process.name] = time.monotonic() + absent_s

    def tend(self) -> None:
        """Start who has been away long enough, and who died by himself."""
        for name, moment in list(self._restart_at.items()):
            if time.monotonic() >= moment:
                del self._restart_at[name]
                self._pipeline[name].start()
        self._pipeline.watch()

    def everybody_back(self) -> bool:
        """Nobody is away any more."""
        self.tend()
        return not self._restart_at


def kill_at_random(pipeline: Pipeline, feed: Feed, retailer: Retailer, seed: int) -> list[Kill]:
    """Kill whenever the slowest clock passes the next of some random moments.

    Fails when the run had ended before a kill, or had not got on since the one before.
    """
    random, killer = Random(seed), Killer(pipeline)
    count = random.randint(KILLS_MIN, KILLS_MAX)
    victims = [random.choice(pipeline.of(stage)) for stage in (*STAGES, "sink")]
    victims += random.choices(list(pipeline.processes.values()), k=count - len(victims))
    random.shuffle(victims)
    length, reached = retailer.last_ms - retailer.first_ms, 0
    for number, victim in enumerate(victims):
        share = FIRST_SHARE + (LAST_SHARE - FIRST_SHARE) * (number + random.random()) / count
        moment = max(retailer.first_ms + int(share * length), reached + 1)
        pipeline.wait(lambda moment=moment: _passed(pipeline, killer, moment), f"the clock reaches {moment}")
        reached = pipeline.slowest_clock()
        assert reached < retailer.last_ms, "everything was decided before the kill"
        assert number or feed.is_alive(), "all input was written before the first kill"
        too_long = (seed * KILLS_MAX + number) % LONG_ABSENCE_EVERY == LONG_ABSENCE_EVERY - 1
        killer.kill(victim, SESSION_TIMEOUT_S + random.uniform(1, 3) if too_long else random.random())
    pipeline.wait(killer.everybody_back, "everybody is back")
    return killer.kills


def burst(pipeline: Pipeline, feed: Feed, retailer: Retailer, seed: int, count: int) -> list[Kill]:
    """So many kills at 0.1 to 1 s apart, whoever it hits: some have only just been started, some hold everything."""
    random, killer = Random(seed), Killer(pipeline)
    moment = retailer.first_ms + int(FIRST_SHARE * (retailer.last_ms - retailer.first_ms))
    pipeline.wait(lambda: pipeline.slowest_clock() >= moment, f"the clock reaches {moment}")
    for _ in range(count):
        alive = [process for process in pipeline.processes.values() if process.alive]
        if alive:
            killer.kill(random.choice(alive), random.uniform(0, 0.5))
        until = time.monotonic() + random.uniform(0.1, 1)
        while time.monotonic() < until:
            killer.tend()
            time.sleep(POLL_S)
    assert feed.is_alive(), "all input was written before the last kill"
    pipeline.wait(killer.everybody_back, "everybody is back")
    return killer.kills


def _passed(pipeline: Pipeline, killer: Killer, moment: int) -> bool:
    killer.tend()
    return pipeline.slowest_clock() >= moment
