"""All stages with lists: the backtest's decisions for any partitioning, cut and crash; never more than the places."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet
from streams.replay.files import merged
from streams.settings import Settings
from tests.decide.memory_log import all_stages, input_log, outcome_set, run
from tests.e2e.kit import write_lines
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t

START = t("2011-03-01T08:00")
PEOPLE, DAYS = 14, 6
PLACES, CODES = 2, 4
LISTS: list[dict[str, Any]] = [
    {"id": "mail", "channel": "email", "max": PLACES, "times": ["12:00", "20:00"], "answer_after": "30m"},
    {"id": "codes", "pool": "vouchers", "max": 3, "total": CODES, "times": ["13:00"], "zone": "Europe/London"},
]
RULES = brand(lists=LISTS, caps=[{"max": 1, "per": "1d"}], hold_window="30m")
CAMPAIGNS = (
    campaign("cart_abandoned", "cart", ["1h", "9h"], valid_for="2d", priority=40),
    campaign("welcome", "hello", "1h", valid_for="3d", offer={"kind": "percent", "value": "5", "pool": "vouchers"}),
)
LATENESS = 10 * MINUTE


def history(chance: random.Random) -> History:
    """People with carts every day; some become others, or turn out to be somebody, while they wait on a list."""
    told = History()
    for number in range(PEOPLE):
        name, at = f"c{number}", START + chance.randrange(DAY)
        told.profile(at, name, registered_at="2011-03-01T00:00:00Z", loyalty_cards=[f"card-{number}"])
        for day in range(DAYS):
            moment = START + day * DAY + chance.randrange(0, 14 * HOUR, 5 * MINUTE)
            who = {"customer_id": name} if chance.random() < 0.7 else {"anonymous_id": f"a{number}"}
            told.cart(moment, "p1", f"k{number}-{day}", **who)
        if number % 3 == 0:
            told.identified(START + chance.randrange(DAYS) * DAY + 4 * HOUR, name, anonymous_id=f"a{number}")
        if number % 4 == 1:
            told.merged(START + 2 * DAY + chance.randrange(12) * HOUR, name, f"c{number - 1}")
    told.erased(START + 3 * DAY + 2 * HOUR, "c7")
    told.profile(START + (DAYS + 8) * DAY, "last")
    return told


def decided(told: History, directory: Path) -> tuple[CampaignSet, Path, BacktestResult]:
    campaigns = CampaignSet(CAMPAIGNS, (RULES,))
    lines = write_lines(directory, told.sources)
    return campaigns, lines, backtest_lines(merged(lines), campaigns, lambda source: LATENESS)


def never_exceeded(result: BacktestResult) -> None:
    """No cut-off gave more places than it had, and no code was given twice."""
    sent = [row for row in result.decisions if row["outcome"] == "sent"]
    given = Counter(row["decided_at"] for row in sent if row["campaign"] == "cart")
    assert given
    assert max(given.values()) <= PLACES
    assert 0 < sum(row["campaign"] == "hello" for row in sent) <= CODES


@pytest.mark.parametrize("seed", range(3))
def test_any_partitioning_and_crash_gives_the_decisions_of_the_backtest(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    told = history(chance)
    campaigns, lines, expected = decided(told, tmp_path)
    never_exceeded(expected)
    assert {(row["outcome"], row["reason"]) for row in expected.decisions} >= {
        ("held", "capacity"),
        ("sent", "due"),
        ("suppressed", "capacity_full"),
    }
    lateness = dict.fromkeys(told.sources, LATENESS)
    assert expected.outcomes == oracle_decisions(told.sources, CAMPAIGNS, [RULES], lateness)
    for partitions in (1, 3):
        settings = Settings(
            topic_prefix="memory", partitions=partitions, replay_lateness_ms={}, replay_lateness_ms_default=LATENESS
        )
        log = input_log(settings, campaigns, lines)
        crashes = {"records_max": 40, "budget": 30, "crash_share": 0.1} if partitions > 1 else {}
        run(log, settings, all_stages(settings), chance, tight=partitions > 1, **crashes)  # type: ignore[arg-type]
        assert outcome_set(log) == expected.outcomes, partitions
        assert len(log.values("decisions")) == len(expected.decisions)


def test_without_lists_nothing_goes_to_the_stage(tmp_path: Path) -> None:
    campaigns = CampaignSet(CAMPAIGNS, (brand(),))
    lines = write_lines(tmp_path, history(random.Random(1)).sources)
    settings = Settings(topic_prefix="memory", partitions=2)
    log = input_log(settings, campaigns, lines)
    run(log, settings, all_stages(settings), random.Random(1))
    assert log.values("decisions")
    assert not log.values("capacity-candidates")
