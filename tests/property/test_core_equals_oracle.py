"""The decision core against the oracle, and against itself when the same history arrives otherwise.

``CUEPOINT_PROPERTY_EXAMPLES=5000`` looks at so many new examples a test instead of a few hundred fixed ones. What fails
is shown as a minimal history with both results.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.decisions import OUTCOMES, REASONS
from streams.backtest import backtest_history
from tests.oracle import oracle_decisions, oracle_details
from tests.oracle.builders import DAY, HOUR
from tests.oracle.history import parse_ms
from tests.property.cases import SEEDS, Case, cases, delayed, full_case, plain_cases, with_duplicates
from tests.property.choices import Chooser
from tests.property.reduction import described, minimised
from tests.property.rulesets import OCCASIONS

Outcomes = set[tuple[str, str, str]]

WANTED = int(os.environ.get("CUEPOINT_PROPERTY_EXAMPLES", "0"))
settings.register_profile(
    "ci",
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("hunt", settings.get_profile("ci"), max_examples=max(WANTED, 1), derandomize=False)
PROFILE = settings.get_profile("hunt" if WANTED else "ci")
FEWER = settings(PROFILE, max_examples=max(PROFILE.max_examples // 4, 1))

NOT_IN_A_BACKTEST = {
    *("campaign_withdrawn", "before_go_live", "source_waits", "source_stale"),
    *("campaign_paused", "channel_paused"),
}
"""Reasons that need a campaign to go or to pause while the run is on, or a pipeline that goes live."""


def core(case: Case) -> Outcomes:
    return backtest_history(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms).outcomes


def oracle(case: Case) -> Outcomes:
    return oracle_decisions(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms)


def expect_equal(case: Case, left: Callable[[Case], Outcomes], right: Callable[[Case], Outcomes]) -> None:
    """Fail with a minimal case when two ways to decide it differ."""
    if left(case) == right(case):
        return
    small = minimised(case, lambda smaller: left(smaller) != right(smaller), tries_max=1_000)
    only_left, only_right = left(small) - right(small), right(small) - left(small)
    pytest.fail(f"{described(small)}\nonly {left.__name__}: {only_left}\nonly {right.__name__}: {only_right}")


def ending(case: Case) -> Case:
    """The case with an end that does not depend on when records arrive."""
    times = [parse_ms(record["occurred_at"]) for records in case.history.values() for record in records]
    return replace(case, until_ms=max(times) + 20 * DAY)


@settings(PROFILE)
@given(cases())
def test_the_core_decides_as_the_oracle_does(case: Case) -> None:
    expect_equal(case, oracle, core)


@settings(FEWER)
@given(plain_cases(least_lateness=HOUR), SEEDS)
def test_any_order_of_arrival_within_the_lateness_gives_the_same_decisions(case: Case, seed: int) -> None:
    def disordered(case: Case) -> Outcomes:
        return core(replace(case, history=delayed(Chooser(seed), case.history, case.lateness_ms, beyond=False)))

    expect_equal(ending(case), core, disordered)


@settings(FEWER)
@given(plain_cases(), SEEDS)
def test_duplicates_change_nothing(case: Case, seed: int) -> None:
    def with_copies(case: Case) -> Outcomes:
        return core(replace(case, history=with_duplicates(Chooser(seed), case.history, percent=30)))

    expect_equal(ending(case), core, with_copies)


@settings(FEWER)
@given(cases(), st.sampled_from(["orders", "web-sessions", "pos-transactions", "customers"]))
def test_a_missing_source_is_no_obstacle(case: Case, absent: str) -> None:
    history = {source: records for source, records in case.history.items() if source != absent}
    expect_equal(replace(case, history=history), oracle, core)


def test_the_examples_reach_every_outcome_occasion_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """A generator that never reaches a rule proves nothing about it."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for seed in range(400):
        case = full_case(seed, people=4, scenes=20, days=90, beyond=seed % 2 == 0, duplicates=seed % 3 == 0)
        for record in oracle_details(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms):
            seen[record.occasion, record.outcome, record.reason] += 1
    with capsys.disabled():
        print("\n" + "\n".join(f"{count:6} {' '.join(key)}" for key, count in sorted(seen.items())))
    assert {occasion for occasion, outcome, _ in seen if outcome == "sent"} == set(OCCASIONS)
    assert {outcome for _, outcome, _ in seen} == set(OUTCOMES)
    assert {reason for _, _, reason in seen} == set(REASONS) - NOT_IN_A_BACKTEST
    corrections = {(outcome, reason) for _, outcome, reason in seen if outcome in ("cancelled", "regretted")}
    wanted = {"bought_in_store", "bought_online", "bought_again", "returned", "consent_withdrawn", "erased"}
    wanted |= {"delivered", "return_rejected"}
    assert {reason for _, reason in corrections} == wanted
