"""The same files through Kafka and through a backtest: the same decisions, to the letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.broker import LocalBroker
from schemas.campaigns import OPTIONS, Campaign
from schemas.decisions import OUTCOMES, REASONS
from streams.campaigns import CampaignSet
from tests.e2e import kit
from tests.e2e.retailer import NOT_HERE, TOO_RARE_HERE, Retailer, backtest, make_retailer, small_campaigns


@dataclass(frozen=True)
class Run:
    """What a replay through all stages left behind."""

    retailer: Retailer
    decisions: list[dict[str, Any]]
    triggers: list[dict[str, Any]]
    counts: dict[str, Counter[str]]


@pytest.fixture(scope="module")
def run(broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One replay for all tests of this module."""
    directory: Path = tmp_path_factory.mktemp("live")
    retailer = make_retailer(directory)
    with kit.Pipeline(kit.small_settings(broker, "live-equals-backtest", directory)) as pipeline:
        pipeline.replay(retailer.history, retailer.campaigns)
        yield Run(retailer, pipeline.decisions(), pipeline.triggers(), pipeline.counts())
        assert not pipeline.restarts


def test_live_and_backtest_decide_the_same(run: Run) -> None:
    expected = run.retailer.expected
    assert kit.outcomes(run.decisions) == expected.outcomes
    assert len(run.decisions) == len(expected.decisions)


def test_every_field_of_every_decision_is_the_same(run: Run) -> None:
    assert kit.without_hand_over(run.decisions) == kit.without_hand_over(run.retailer.expected.decisions)


def test_every_occasion_outcome_and_reason_occurs(run: Run) -> None:
    occasions = Counter(decision["occasion"] for decision in run.decisions)
    results = Counter(decision["outcome"] for decision in run.decisions)
    reasons = Counter(decision["reason"] for decision in run.decisions)
    print(f"\n{dict(occasions)}\n{dict(results)}\n{dict(reasons)}")
    assert occasions.keys() == OPTIONS.keys() - TOO_RARE_HERE
    assert results.keys() == OUTCOMES.keys() - TOO_RARE_HERE
    assert reasons.keys() == REASONS.keys() - NOT_HERE - TOO_RARE_HERE
    assert any(decision["late"] for decision in run.decisions)


def test_a_replay_hands_nothing_over(run: Run) -> None:
    assert run.triggers == []
    assert not any(decision["handed_over"] for decision in run.decisions)


def test_one_altered_gate_makes_them_differ(run: Run) -> None:
    for altered in (_without_caps(), _with_another_purpose("cart-reminder")):
        other = backtest(run.retailer.history, altered)
        assert kit.outcomes(run.decisions) != other.outcomes


def test_what_came_in_adds_up(run: Run) -> None:
    expected = run.retailer.expected.counts.by_source
    assert run.counts.keys() == expected.keys()
    for source, row in run.counts.items():
        fates = ("accepted", "duplicate", "guest", "ignored", "quarantined")
        assert row["received"] == sum(row[fate] for fate in fates), source
        for fate in ("received", "ignored", "quarantined"):
            assert row[fate] == expected[source].get(fate, 0), (source, fate)
    assert all(
        sum(row[fate] for row in run.counts.values()) for fate in ("ignored", "quarantined", "duplicate", "guest")
    )


def _without_caps() -> CampaignSet:
    content = small_campaigns()
    return CampaignSet(content.campaigns, tuple(rules.model_copy(update={"caps": []}) for rules in content.brands))


def _with_another_purpose(name: str) -> CampaignSet:
    """A campaign that asks for another consent."""
    content = small_campaigns()

    def altered(campaign: Campaign) -> Campaign:
        return campaign.model_copy(update={"purpose": "service"}) if campaign.id == name else campaign

    return CampaignSet(tuple(altered(campaign) for campaign in content.campaigns), content.brands)
