"""The same log again: byte for byte the same decisions, however it is cut and whoever works on it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from tests.faults.replay_run import WAYS, First, Way, rows, run_all, run_decide, run_first
from tests.faults.retailer import Retailer


@pytest.fixture(scope="module")
def first(broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory, retailer: Retailer) -> First:
    """One run for all tests of this module."""
    run = run_first(broker, "replayed-first", tmp_path_factory.mktemp("first"), retailer)
    assert run.figures.clean, run.figures.examples
    return run


def test_fresh_groups_make_the_same_bytes(first: First, broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    counts = []
    for way in WAYS:
        again = run_decide(broker, f"{prefix}-{way.workers}", tmp_path / str(way.workers), first, way)
        print(f"\n{way}: {again.transactions} transactions")
        counts.append(again.transactions)
        assert not again.restarts
        assert again.decisions == first.decisions
    assert all(more >= 2 * fewer for fewer, more in pairwise(counts)), "the log was cut in the same way"


def test_the_same_inputs_come_to_the_same_outcomes(
    first: First, broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    """Other workers and batches interleave the sources otherwise."""
    again = run_all(broker, prefix, tmp_path, first, Way(1, 40, 40))
    assert not again.restarts
    assert again.log != first.log, "the sources were interleaved in the same way"
    assert rows(again.decisions) == rows(first.decisions)
