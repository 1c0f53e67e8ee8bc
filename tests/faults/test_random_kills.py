"""Kill -9 at random, of every stage and the sink: nothing is lost, doubled or wrong. ``make chaos`` tries more."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from tests.faults.random_kills import KILLS_MIN
from tests.faults.retailer import Retailer
from tests.faults.runs import run_burst, run_random

SEEDS, BURST_KILLS = 2, 15
"""``make chaos`` has more of both."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kills_at_random_change_nothing(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer, seed: int
) -> None:
    found = run_random(broker, prefix, tmp_path, retailer, seed)
    print(f"\n{found}")
    assert found.clean, found.examples
    assert found.kills >= KILLS_MIN
    assert found.first_decision_s
    assert found.restore_s


def test_a_burst_of_kills_changes_nothing(broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer) -> None:
    found = run_burst(broker, prefix, tmp_path, retailer, seed=1, count=BURST_KILLS)
    print(f"\n{found}")
    assert found.clean, found.examples
    assert found.kills == BURST_KILLS
