"""Processes die at every named point, twice in a row, and at pairs of points: nothing is lost, doubled or wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.runtime.failpoints import PIPELINE_FAILPOINTS, RUNTIME_FAILPOINTS, SINK_FAILPOINTS
from tests.faults.deaths import each_twice, pairs
from tests.faults.kit import WORKERS
from tests.faults.retailer import Retailer
from tests.faults.runs import ROCKSDB, run_failpoints

SEED = 1
PAIRS = 6
"""``make chaos`` has more, and each point in each stage."""
PAIRS_SEED = 10
"""Of few pairs, this draws four deaths between the changelog and the commit, where a transaction is open."""
PLANS = {
    "each-twice": each_twice(Random(SEED), WORKERS, in_every_stage=False),
    "pairs": pairs(Random(PAIRS_SEED), WORKERS, PAIRS),
}
STORES: dict[str, dict[str, Any]] = {"each-twice": ROCKSDB, "pairs": {}}


def test_every_stage_dies_at_every_point_and_again_when_it_is_started_next() -> None:
    plan = each_twice(Random(SEED), WORKERS)
    names = [(name.partition("-")[0], point.partition(":")[0]) for name, points in plan.items() for point in points]
    wanted = [(stage, point) for stage in STAGES for point in RUNTIME_FAILPOINTS]
    wanted += [("sink", point) for point in SINK_FAILPOINTS]
    assert Counter(names) == Counter(wanted * 2)
    for points in (*plan.values(), *PLANS["each-twice"].values()):
        again = [point.partition(":")[0] for point in points]
        assert again[::2] == again[1::2]


def test_there_are_as_many_pairs_as_asked_for() -> None:
    assert sum(len(points) for points in PLANS["pairs"].values()) == 2 * PAIRS


@pytest.mark.parametrize("plan", PLANS)
def test_a_death_at_a_failpoint_changes_nothing(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer, plan: str
) -> None:
    found = run_failpoints(broker, prefix, tmp_path, retailer, PLANS[plan], **STORES[plan])
    print(f"\n{found}")
    assert found.clean, found.examples
    assert found.kills == sum(len(points) for points in PLANS[plan].values())
    assert plan == "pairs" or found.notes["fired"] == dict.fromkeys(PIPELINE_FAILPOINTS, 2)
    assert found.aborted, "no death fell into an open transaction"
