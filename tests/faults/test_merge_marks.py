"""Customers who become one while workers die, very many timers at once, and a task that never reports."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.local.broker import LocalBroker
from schemas.decisions import Progress
from streams.backtest import end_of_run
from streams.errors import InputError
from streams.replay.control import wait_for_clocks
from streams.task import Effects
from streams.tools import read_all, read_progress
from streams.wire import Clock, Mark
from tests.decide.memory_log import Runner, all_stages, input_log, make_task, outcome_set
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.merge_run import run_storm, run_timers
from tests.faults.merge_storm import storm
from tests.faults.merge_timers import DUE_BY
from tests.faults.verdict import compare

SEED = 7
TIMERS = 50_000
FAMILIES = 24


def test_merges_between_partitions_survive_kills_while_states_are_on_their_way(
    broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    run = run_storm(broker, prefix, tmp_path, FAMILIES, sink=False)
    print(f"\n{run}")
    assert run.figures.clean, run.figures.examples
    assert run.waited, "no state was on its way"
    assert run.figures.aborted, "no kill fell into a transaction"


def test_a_mark_that_makes_very_many_timers_due_is_worked_off_in_slices(
    broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    run = run_timers(broker, prefix, tmp_path, TIMERS, 2_000)
    print(f"\n{run}")
    assert run.figures.clean, "the bytes differ from those of one uninterrupted task"
    assert run.decided == sorted(set(run.decided)), "each death came after some progress"
    assert run.decided[0] < run.decided[-1] < TIMERS
    assert max(run.clocks) < DUE_BY, "the clock says that all is done while it is not"


def test_a_task_that_never_reports_holds_the_clock_and_is_named(
    broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    settings = fault_settings(broker, prefix, tmp_path)
    retailer = storm(tmp_path, 4)
    pipeline = Pipeline(settings, 1, sink=False)
    pipeline["identity-0"].held_down = True
    with pipeline:
        with pipeline.feeding(retailer):
            pipeline.wait(
                lambda: len(decide_rows(pipeline)) == settings.partitions, "every partition has read something"
            )
            pipeline.wait(lambda: sum(row.waiting for row in decide_rows(pipeline)) > 20, "events wait")
            pipeline.wait(
                lambda: all(row.missing == ["identity"] for row in decide_rows(pipeline)), "only identity is missing"
            )
            assert all(row.clock is None for row in decide_rows(pipeline))
            assert not list(read_all(pipeline.client, settings, "decisions"))
            port = next(line["port"] for line in pipeline["decide-0"].lines() if line["message"] == "listening")
            shown = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
            assert 'cuepoint_upstream_tasks_missing{partition="0",stage="decide"} 1.0' in shown
            with pytest.raises(InputError, match="they wait for identity: is every stage running"):
                wait_for_clocks(settings, retailer.last_ms, wait_s=0)
            pipeline["identity-0"].start()
        assert all(row.missing == [] for row in decide_rows(pipeline))
        verdict = compare(pipeline, retailer, sink=False)
        assert verdict.clean, verdict.examples


@pytest.mark.parametrize("crash_share", [0.0, 0.3])
def test_the_clock_passes_nobody_who_waits_for_a_merge(tmp_path: Path, crash_share: float) -> None:
    """All input is there at once, so that clocks reach the end long before states have come."""
    settings = fault_settings("unused", "memory", tmp_path)
    retailer = storm(tmp_path, FAMILIES)
    log, chance = input_log(settings, retailer.content, retailer.history), Random(SEED)
    end = end_of_run(retailer.last_ms, None, None)
    runners = [
        Witness(end, stage, number, lambda s=stage, n=number: make_task(s, n, settings), log)
        for stage, number in all_stages(settings)
    ]
    idle = 0
    while idle < 3 * len(runners):
        runner = chance.choice(runners) if idle == 0 else runners[idle % len(runners)]
        crash = chance.random() < crash_share
        idle = 0 if runner.round(chance, 40, 40, crash=crash) else idle + 1
    assert outcome_set(log) == retailer.backtest.outcomes
    assert sum(runner.held_back for runner in runners), "no clock had to wait"
    assert all(runner.done == (runner.stage.name == "decide") for runner in runners)
    assert sum(runner.too_late for runner in runners) == 0


class Witness(Runner):
    """A task whose decisions are counted that come after it has said to have reached the end."""

    def __init__(self, end: int, *arguments: Any) -> None:
        self.end, self.done, self.too_late, self.held_back = end, False, 0, 0
        super().__init__(*arguments)

    def _commit(self, effects: Effects) -> None:
        if self.stage.name == "decide":
            self.too_late += self.done * sum(1 for out in effects.records if out.topic == "decisions")
            clocks = [json.loads(out.value or b"")["clock"] for out in effects.records if out.topic == "progress"]
            self.done = self.done or any((clock or 0) >= self.end for clock in clocks)
            self.held_back += not self.done and self._task._fold.through >= (self.end,)
        super()._commit(effects)


def test_one_silent_task_of_many_holds_the_clock() -> None:
    clock, until = Clock(("intake", "identity")), {"orders": 10}
    for stage, task in (("intake", 0), ("intake", 2), ("identity", 0), ("identity", 1), ("identity", 2)):
        assert not clock.take(Mark(stage, task, 3, until))
    assert clock.value is None
    assert clock.missing() == ["intake-1"]
    assert clock.take(Mark("intake", 1, 3, until))
    assert (clock.value, clock.missing()) == (10, [])


def decide_rows(pipeline: Pipeline) -> list[Progress]:
    """How far each partition of decide is."""
    rows = read_progress(pipeline.client, pipeline.settings)
    return [row for (stage, _), row in sorted(rows.items()) if stage == "decide"]
