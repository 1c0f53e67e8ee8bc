"""Late events correct what was decided, returns arm anew, and arrival within the lateness changes nothing: core and
oracle alike."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from streams.backtest import backtest_history
from tests.oracle import oracle_details
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart", after="4h", valid_for="10h")
SECOND = campaign("second_purchase", "second", after="7d", valid_for="2d")
REVIEW = campaign("review_request", "review", after="7d", purpose="review", valid_for="2d")
LATE = campaign(
    "reactivation",
    "back",
    after="0s",
    options={"min_purchases": 1, "prior_interval": "10d", "prior_weight": 1, "at_least": "1d", "factor_percent": 100},
)


def decided(
    history: History,
    wanted: Campaign,
    rules: BrandRules | None = None,
    lateness: Mapping[str, int] = LATENESS,
    until: int | None = None,
) -> list[str]:
    """``day hour episode outcome reason`` of all records in order."""
    brands = [rules or brand()]
    core = backtest_history(history.sources, [wanted], brands, lateness, until).decisions
    naive = oracle_details(history.sources, [wanted], brands, lateness, until)
    found = [f"{d['decided_at'][5:13]} {d['episode']} {d['outcome']} {d['reason']}" for d in core]
    expected = [f"{rfc3339(r.now)[5:13]} {r.key.episode} {r.outcome} {r.reason}" for r in naive]
    assert sorted(found) == sorted(expected)
    return found


def left(**late: Any) -> History:
    """A cart left at noon and bought in a store an hour later, which becomes known ``late``."""
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a")
    history.receipt(NOON + HOUR, "a", **late)
    return history


def arriving(at: int) -> dict[str, str]:
    return {"arrived_at": rfc3339(at)}


@pytest.mark.parametrize(
    ("known", "correction"),
    [
        (NOON + 5 * HOUR, "03-01T17 k1 cancelled bought_in_store"),
        (NOON + 14 * HOUR, "03-02T02 k1 cancelled bought_in_store"),
        (NOON + 14 * HOUR + 1, "03-02T02 k1 regretted bought_in_store"),
        (NOON + 30 * DAY, "03-31T12 k1 regretted bought_in_store"),
    ],
    ids=["soon", "at the last moment", "just too late", "a month later"],
)
def test_a_late_purchase_cancels_until_the_validity_ends_and_is_regretted_after(known: int, correction: str) -> None:
    assert decided(left(**arriving(known)), CART, until=NOON + 40 * DAY) == ["03-01T16 k1 sent due", correction]


def test_what_was_delivered_can_only_be_regretted() -> None:
    history = left(**arriving(NOON + 5 * HOUR))
    history.feedback(NOON + 4 * HOUR + 1, "delivered")
    assert decided(history, CART)[1:] == ["03-01T17 k1 regretted bought_in_store"]


def test_a_late_return_takes_the_review_request_back() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, "a")
    history.of_order("delivered", NOON + DAY)
    history.back(NOON + 7 * DAY, "a", order_id="o1", **arriving(NOON + 9 * DAY))
    assert decided(history, REVIEW) == ["03-09T12 o1 sent due", "03-10T12 o1 cancelled returned"]


def test_a_late_opt_out_takes_back_what_went_since() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a")
    history.withdraw(NOON + HOUR, **arriving(NOON + 6 * HOUR))
    assert decided(history, CART) == ["03-01T16 k1 sent due", "03-01T18 k1 cancelled consent_withdrawn"]


def test_a_return_that_leaves_nothing_of_the_first_purchase_arms_the_next_as_the_first() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.product(NOON - DAY, "a", ["x"])
    history.product(NOON - DAY, "b", ["x"])
    history.product(NOON - DAY, "x")
    history.order(NOON, "a", "o1")
    history.back(NOON + 9 * DAY, "a", order_id="o1")
    history.order(NOON + 20 * DAY, "b", "o2")
    assert decided(history, SECOND) == ["03-08T12 o1 sent due", "03-28T12 o2 sent due"]


def test_a_return_arms_the_episode_of_the_purchase_before_again() -> None:
    """What came back never was the last purchase: he is late since the one before it."""
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, "a", "o1")
    history.order(NOON + 9 * DAY, "b", "o2")
    history.back(NOON + 12 * DAY, "b", order_id="o2")
    assert decided(history, LATE) == ["03-13T12 c1/2011-03-01 sent due"]


def test_any_order_of_arrival_within_the_lateness_is_the_same_to_core_and_oracle() -> None:
    lateness = dict.fromkeys(LATENESS, DAY)
    found = set()
    for places in permutations(range(3)):
        history = History()
        history.profile(NOON - DAY)
        first, second, third = (arriving(NOON + 5 * HOUR + place * HOUR) for place in places)
        history.cart(NOON, "a", customer_id="c1", **first)
        history.cart(NOON + HOUR, ["a", "b"], customer_id="c1", **second)
        history.order(NOON + 2 * HOUR, "a", **third)
        for rows in history.sources.values():
            rows.sort(key=lambda row: str(row.get("arrived_at", row["occurred_at"])))
        found.add(tuple(decided(history, CART, lateness=lateness, until=NOON + 10 * DAY)))
    assert found == {("03-01T17 k1 sent due",)}
