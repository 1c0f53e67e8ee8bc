"""Runs with merges under way, and with very many timers due at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deploy.local.broker import LocalBroker
from streams.runtime.failpoints import EXIT_CODE
from streams.tools import read_all, read_progress
from tests.e2e.retailer import moment
from tests.faults.aborted import aborted_transactions
from tests.faults.figures import Figures, Kill, figures, restores
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.merge_storm import MERGE_DAY, storm, waiting
from tests.faults.merge_timers import DUE_BY, carts, expected, marks, write
from tests.faults.scenarios import Ground, scenario
from tests.faults.verdict import Verdict

SEED = 7
FURTHER_KILLS = 4
DEATHS = ("after_outputs:3", "before_commit:5", "after_commit:4", "before_outputs:6")
"""Where decide dies while it works off the timers, one start after the other."""
MANY = 1_000_000


@dataclass
class Storm:
    """``waited``: customers who waited for another's state when the first worker died."""

    figures: Figures
    waited: int


def run_storm(broker: LocalBroker, prefix: str, directory: Path, families: int, *, sink: bool) -> Storm:
    """Everybody merges on one day, while first the one decide worker is away, then the others die, and then the one
    again, in the middle of what it owed."""
    random, kills = Random(SEED), []
    retailer = storm(directory, families)
    pipeline = Pipeline(fault_settings(broker, prefix, directory, session_timeout_s=30.0), sink=sink)

    def kill(name: str, *, hold_down: bool = False) -> None:
        kills.append(Kill.of(pipeline[name]))
        pipeline[name].kill(hold_down=hold_down)

    with pipeline:
        pipeline.wait_ready()
        with pipeline.feeding(retailer, allowed_ms=moment(MERGE_DAY - 1, 0)) as feed:
            pipeline.wait(lambda: pipeline.slowest_clock() > moment(2, 0), "the first days are decided")
            kill("decide-1", hold_down=True)
            feed.allow(moment(MERGE_DAY + 3, 0))
            pipeline.wait(lambda: waiting(pipeline), "some wait for states that decide-1 owes them")
            waited = waiting(pipeline)
            for name in ("decide-0", "identity-0", "identity-1"):
                kill(name)
            owing = pipeline["decide-1"]
            owing.start(CUEPOINT_FAILPOINTS="after_outputs")

            def has_died_again() -> bool:
                pipeline.watch(but=[owing.name])
                return owing.code == EXIT_CODE

            pipeline.wait(has_died_again, "decide-1 dies in the transaction that sends the states", watch=False)
            kills.append(Kill.of(owing))
            decide = pipeline.of("decide")
            for _ in range(FURTHER_KILLS):
                pipeline.wait(lambda: all(worker.ready_partitions() for worker in decide), "decide is back")
                kill(random.choice(("decide-0", "decide-1", "identity-0")))
        return Storm(figures(pipeline, retailer, kills), waited)


@dataclass
class Timers:
    """``decided``: decisions that were committed at each death; ``clocks``: the slowest clock at each."""

    figures: Figures
    decided: list[int]
    clocks: list[int]


def run_timers(broker: LocalBroker, prefix: str, directory: Path, customers: int, steps_max: int) -> Timers:
    """One mark makes the reminders of all customers due; decide dies between and within the slices."""
    settings = fault_settings(
        broker, prefix, directory, partitions=2, batch_records_max=5_000, transaction_steps_max=steps_max
    )
    pipeline = Pipeline(settings, {"intake": 0, "identity": 0, "decide": 1}, sink=False)
    write(settings, carts(customers, settings))
    decided, clocks = [], []
    with pipeline:
        decide = pipeline["decide-0"]
        pipeline.wait(lambda: known_customers(pipeline) == customers, "all carts are in the state", 1_800)
        assert decide.stop() == 0
        write(settings, marks(settings))
        for death in DEATHS:
            decide.start(CUEPOINT_FAILPOINTS=death)
            pipeline.wait(lambda: decide.code is not None, death, 600, watch=False)
            assert decide.code == EXIT_CODE, decide.lines()[-3:]
            decided.append(sum(1 for _ in read_all(pipeline.client, settings, "decisions")))
            clocks.append(pipeline.slowest_clock())
        decide.start()
        pipeline.wait(lambda: pipeline.slowest_clock() >= DUE_BY, "everything is decided", 1_800)
        verdict = Verdict(customers)
        found: dict[int, list[bytes]] = {number: [] for number in range(settings.partitions)}
        for record in read_all(pipeline.client, settings, "decisions"):
            found[record.partition].append(record.value)
        aborted, restored = aborted_transactions(settings).total(), restores(pipeline)
    for number, wanted in expected(customers, settings).items():
        verdict.expect("decision", Counter(found[number]), Counter(wanted))
        verdict.wrong += found[number] != wanted and verdict.clean
    row = Figures(customers, verdict.lost, verdict.duplicated, verdict.wrong, len(DEATHS), aborted, restore_s=restored)
    return Timers(row, decided, clocks)


def known_customers(pipeline: Pipeline) -> int:
    """Customers in the state, over all partitions of decide."""
    rows = read_progress(pipeline.client, pipeline.settings)
    return sum(row.customers for (stage, _), row in rows.items() if stage == "decide")


@scenario("merge-storm")
def merge_storm(ground: Ground) -> Figures:
    """Hundreds of merges between partitions under kills."""
    return run_storm(ground.broker, ground.prefix, ground.directory, 150, sink=True).figures


@scenario("million-timers")
def million_timers(ground: Ground) -> Figures:
    """A mark that makes a million timers due."""
    return run_timers(ground.broker, ground.prefix, ground.directory, MANY, 20_000).figures
