"""Whole runs: a pipeline, its retailer, what is done to it, and the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.local.broker import LocalBroker
from tests.faults.deaths import Deaths, Plan
from tests.faults.figures import Figures, Kill, figures
from tests.faults.kit import Feed, Pipeline, fault_settings
from tests.faults.random_kills import burst, kill_at_random
from tests.faults.retailer import Retailer
from tests.faults.without_transactions import COMMAND

FAILPOINT_SESSION_TIMEOUT_S = 20.0
"""A death at a failpoint is followed by a start at once; on a busy machine that must not look like an absence."""
ROCKSDB = {"state_store": "rocksdb", "rocksdb_memory_mb": 32}
"""State in files below one directory: a partition's next owner finds those of the one before."""
Harm = Callable[[Pipeline, Feed], list[Kill]]


def run(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer, harm: Harm, **changes: Any) -> Figures:
    """Feed the retailer, do harm meanwhile, and compare what has become of it. ``changes``: settings."""
    with Pipeline(fault_settings(broker, prefix, directory, **changes)) as pipeline:
        with pipeline.feeding(retailer) as feed:
            kills = harm(pipeline, feed)
        return figures(pipeline, retailer, kills)


def run_calm(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer) -> Figures:
    """Nobody dies."""
    return run(broker, prefix, directory, retailer, lambda *_: [])


def run_random(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer, seed: int) -> Figures:
    """Kills at random, see ``random_kills.kill_at_random``. Every other seed keeps its state in RocksDB."""
    changes = ROCKSDB if seed % 2 else {}
    return run(broker, prefix, directory, retailer, lambda *at: kill_at_random(*at, retailer, seed), **changes)


def run_burst(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer, seed: int, count: int) -> Figures:
    """A burst of kills, see ``random_kills.burst``."""
    found = run(broker, prefix, directory, retailer, lambda *at: burst(*at, retailer, seed, count))
    found.first_decision_s.clear()  # the next kills were in its way
    return found


def run_failpoints(
    broker: LocalBroker,
    prefix: str,
    directory: Path,
    retailer: Retailer,
    plan: Plan,
    *,
    transactions: bool = True,
    **changes: Any,
) -> Figures:
    """Deaths as planned. ``transactions=False``: the control, which has to lose or to double."""
    settings = fault_settings(broker, prefix, directory, session_timeout_s=FAILPOINT_SESSION_TIMEOUT_S, **changes)
    worker = ("-m", "streams.cli", "worker") if transactions else COMMAND
    pipeline = Pipeline(settings, worker=worker)
    deaths = Deaths(pipeline, plan)
    with pipeline:
        with pipeline.feeding(retailer, allowed_ms=0, may_stand_still=not transactions) as feed:
            deaths.carry_out(feed, retailer)
        found = figures(pipeline, retailer, deaths.kills)
    found.first_decision_s.clear()  # the input waited for the deaths, not only the decisions
    found.notes["fired"] = dict(deaths.fired())
    return found
