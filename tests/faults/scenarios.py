"""The scenarios of ``make chaos``: name -> what gives its figures. Other modules add theirs with ``@scenario``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from random import Random

from deploy.local.broker import LocalBroker
from tests.faults import runs
from tests.faults.deaths import each_twice, pairs, with_outputs_only
from tests.faults.figures import Figures
from tests.faults.kit import WORKERS
from tests.faults.retailer import Retailer, make_retailer

CUSTOMERS, DAYS, SEED = 120, 60, 1
PAIRS = 20
BURST_KILLS = 30


@dataclass
class Ground:
    """Where a scenario runs: a broker that others use too, a directory and a topic prefix of its own."""

    broker: LocalBroker
    directory: Path
    prefix: str = "chaos"

    @cached_property
    def retailer(self) -> Retailer:
        """A retailer of a few thousand records."""
        return make_retailer(self.directory / "retailer", CUSTOMERS, DAYS, SEED)

    def of(self, name: str) -> Ground:
        """The same broker and retailer for another scenario."""
        ground = Ground(self.broker, self.directory / name, f"chaos-{name}")
        ground.directory.mkdir()
        ground.__dict__["retailer"] = self.retailer
        return ground


Scenario = Callable[[Ground], Figures]
SCENARIOS: dict[str, Scenario] = {}
CONTROLS: dict[str, Scenario] = {}
"""Scenarios that have to lose or to double."""


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Add a scenario to ``make chaos``."""

    def add(run: Scenario) -> Scenario:
        SCENARIOS[name] = run
        return run

    return add


@scenario("calm")
def calm(ground: Ground) -> Figures:
    """The same input without faults."""
    return runs.run_calm(ground.broker, ground.prefix, ground.directory, ground.retailer)


@scenario("failpoints")
def failpoints(ground: Ground) -> Figures:
    """Every point in every stage, twice in a row."""
    plan = each_twice(Random(SEED), WORKERS)
    return runs.run_failpoints(ground.broker, ground.prefix, ground.directory, ground.retailer, plan, **runs.ROCKSDB)


@scenario("failpoint-pairs")
def failpoint_pairs(ground: Ground) -> Figures:
    """Pairs of points by seed."""
    plan = pairs(Random(SEED), WORKERS, PAIRS)
    return runs.run_failpoints(ground.broker, ground.prefix, ground.directory, ground.retailer, plan)


@scenario("burst")
def a_burst(ground: Ground) -> Figures:
    """30 kills, 0.1 to 1 s apart."""
    return runs.run_burst(ground.broker, ground.prefix, ground.directory, ground.retailer, SEED, BURST_KILLS)


def random_kills(seed: int) -> Scenario:
    """The scenario of one seed."""
    return partial(_random_kills, seed)


def _random_kills(seed: int, ground: Ground) -> Figures:
    return runs.run_random(ground.broker, ground.prefix, ground.directory, ground.retailer, seed)


def without_transactions(ground: Ground) -> Figures:
    """The control: the deaths of ``failpoints`` after outputs, and nothing that takes the outputs back."""
    plan = with_outputs_only(WORKERS)
    return runs.run_failpoints(
        ground.broker, ground.prefix, ground.directory, ground.retailer, plan, transactions=False
    )


CONTROLS["without-transactions"] = without_transactions
