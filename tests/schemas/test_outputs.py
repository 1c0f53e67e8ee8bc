"""What the core decides keeps to the contract of ``decisions``, and every code that it writes is documented."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from schemas.decisions import OUTCOMES, REASONS
from streams.backtest import backtest_lines
from streams.campaigns import load_campaigns
from streams.replay.files import merged
from streams.settings import Settings
from streams.simulate import simulate_retailer
from tests.schemas.kit import VALIDATORS, read

ROOT = Path(__file__).parents[2]
CUSTOMERS, DAYS = 160, 150


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    directory = tmp_path_factory.mktemp("retailer")
    simulate_retailer(directory, CUSTOMERS, DAYS, seed=7)
    campaigns = load_campaigns(ROOT / "campaigns")
    result = backtest_lines(merged(directory, as_is=False), campaigns, Settings().replay_lateness, None)
    return [msgspec.json.decode(msgspec.json.encode(decision)) for decision in result.decisions]


def test_every_decision_keeps_to_schema_and_model(decisions: list[object]) -> None:
    assert len(decisions) > 100
    for decision in decisions:
        VALIDATORS["decisions"].validate(decision)
        read("decisions", msgspec.json.encode(decision))


def test_every_code_is_on_its_list(decisions: list[object]) -> None:
    rows = [row for row in decisions if isinstance(row, dict)]
    assert {row["outcome"] for row in rows} <= set(OUTCOMES)
    assert {row["reason"] for row in rows} <= set(REASONS)
    assert {"sent", "suppressed", "held", "cancelled"} <= {row["outcome"] for row in rows}
