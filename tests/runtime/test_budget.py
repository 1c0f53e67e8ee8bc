"""A step's budget follows the time that steps take."""

from __future__ import annotations

from streams.runtime.budget import BEGIN, LEAST, STEP_S_MAX, Budget


def test_it_grows_while_short_steps_use_it_up() -> None:
    budget = Budget(20_000)
    seen = []
    for _ in range(6):
        seen.append(budget.steps)
        budget.took(0.01, True)
    assert seen == [BEGIN, 2_000, 4_000, 8_000, 16_000, 20_000]


def test_it_stays_when_everything_was_done() -> None:
    budget = Budget(20_000)
    budget.took(0.01, False)
    assert budget.steps == BEGIN


def test_a_long_step_is_followed_by_one_that_takes_the_time_allowed() -> None:
    budget = Budget(20_000)
    budget.took(10 * STEP_S_MAX, False)
    assert budget.steps == BEGIN // 10
    budget.took(1_000.0, True)
    assert budget.steps == LEAST


def test_the_setting_bounds_it_from_above_always() -> None:
    budget = Budget(7)
    assert budget.steps == 7
    budget.took(100.0, True)
    budget.took(0.0, True)
    assert budget.steps == 7
