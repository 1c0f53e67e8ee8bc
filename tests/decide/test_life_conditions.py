"""Conditions about stage, segments, value and scores: what they see, at which moment, and what is not known."""

from __future__ import annotations

import pytest

from schemas.campaigns import BrandRules
from streams.backtest import backtest_history
from tests.oracle import oracle_details
from tests.oracle.builders import DAY, LATENESS, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
RULES = brand(
    segments=[{"id": "vip", "name": "n", "value_min": "25"}],
    rfm={"recency": ["5d", "10d", "20d", "30d"], "frequency": [2, 3, 4, 5], "monetary": ["20", "30", "40", "50"]},
)


def bought() -> History:
    """Two purchases of 10.00 and 20.00 on days 0 and 10; the second piece of the latter comes back on day 12."""
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, "a", "o1")
    history.order(NOON + 10 * DAY, {"b": 2}, "o2")
    history.back(NOON + 12 * DAY, {"b": 1}, order_id="o2")
    return history


def outcome(when: str, day: int, rules: BrandRules | None = RULES, history: History | None = None) -> str:
    """What becomes of a cart reminder that comes due on a day, by core and oracle alike."""
    told = history or bought()
    told.cart(NOON + day * DAY, "z", "late")
    wanted = campaign("cart_abandoned", "cart", after="0s", when=when)
    brands = [] if rules is None else [rules]
    core = backtest_history(told.sources, [wanted], brands, LATENESS).decisions
    naive = oracle_details(told.sources, [wanted], brands, LATENESS)
    assert [(d["outcome"], d["reason"]) for d in core] == [(r.outcome, r.reason) for r in naive]
    return str(core[0]["reason"])


@pytest.mark.parametrize(
    ("when", "day", "holds"),
    [
        ('customer.stage == "new"', 11, True),
        ('customer.stage == "at_risk" || customer.stage == "lapsed"', 300, True),
        ('customer.stage == "at_risk" || customer.stage == "lapsed"', 11, False),
        ("customer.value_365d == 3000", 11, True),
        ("customer.value_365d == 2000 && customer.value_lifetime == 2000", 13, True),
        ("customer.value_365d == 1000 && customer.value_lifetime == 2000", 370, True),
        ('"vip" in customer.segments', 11, True),
        ('"vip" in customer.segments', 13, False),
        ("customer.purchase_days_365d == 2", 364, True),
        ("customer.purchase_days_365d == 1", 365, True),
        ("customer.recency == 5 && customer.frequency == 2 && customer.monetary == 3", 11, True),
        ("customer.recency == 4 && customer.monetary == 2", 15, True),
    ],
)
def test_a_condition_sees_the_life_with_the_brand_as_it_is_then(when: str, day: int, holds: bool) -> None:
    assert outcome(when, day) == ("due" if holds else "condition_not_met")


def test_who_never_bought_is_a_prospect_without_scores() -> None:
    history = History()
    history.profile(NOON - DAY)
    when = 'customer.stage == "prospect" && customer.value_365d == 0 && !has(customer.recency)'
    assert outcome(when, 1, history=history) == "due"


def test_without_rules_of_the_brand_no_stage_is_known_and_there_are_no_segments() -> None:
    assert outcome('customer.stage == "new"', 11, rules=None) == "condition_unknown"
    assert outcome('"vip" in customer.segments', 11, rules=None) == "condition_not_met"
