"""Histories in which core and oracle once differed, as small as they could be made; both must say what stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.campaigns import Campaign
from streams.backtest import backtest_history
from tests.oracle import oracle_details
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t

NIGHT = t("2011-01-21T22:00")
CART = campaign(
    "cart_abandoned", "cart", ["0s", "4h"], valid_for="10d", options={"min_value": "25", "rearm_after": "7d"}
)


def by_the_core(history: History, wanted: Campaign) -> list[str]:
    """``customer episode/step outcome reason`` of all records, in no order."""
    decisions = backtest_history(history.sources, [wanted], [brand()], LATENESS).decisions
    return sorted(f"{d['customer_id']} {d['episode']}/{d['step']} {d['outcome']} {d['reason']}" for d in decisions)


def by_the_oracle(history: History, wanted: Campaign) -> list[str]:
    """As ``by_the_core``."""
    found = oracle_details(history.sources, [wanted], [brand()], LATENESS)
    return sorted(f"{r.customer} {r.key.episode}/{r.key.step} {r.outcome} {r.reason}" for r in found)


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
def test_a_merge_ends_no_cart_that_an_order_ended_before(decided: Callable[[Any, Any], list[str]]) -> None:
    """The end counts from the order, and so before the decisions about the other cart: the round goes on."""
    history = History()
    history.cart(NIGHT, {"a": 2}, customer_id="c2")
    history.order(NIGHT + 5 * HOUR, "b", customer_id="c2", cart_id="k1")
    history.cart(NIGHT + 5 * HOUR + 1, "a", loyalty_card_id="x")
    history.merged(NIGHT + 3 * DAY, "c2", "c1")
    history.profile(NIGHT + 8 * DAY, "c2", loyalty_cards=["x"])
    assert decided(history, CART) == [
        "c2 k1/1 suppressed below_min_value",
        "c2 k1/2 suppressed below_min_value",
        "card:x k1/1 suppressed below_min_value",
        "card:x k1/2 suppressed below_min_value",
    ]


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
def test_a_merge_ends_an_emptied_cart_that_the_other_one_ordered(decided: Callable[[Any, Any], list[str]]) -> None:
    """It was not ordered before, so that the order of the other is an end of it, at the merge: a new round."""
    history = History()
    history.cart(NIGHT, "a", loyalty_card_id="x")
    history.cart(NIGHT + 5 * HOUR, {}, loyalty_card_id="x")
    history.order(NIGHT + 6 * HOUR, "b", customer_id="c2", cart_id="k1")
    history.profile(NIGHT + DAY, "c2", loyalty_cards=["x"])
    history.cart(NIGHT + 2 * DAY, "a", customer_id="c2")
    assert decided(history, CART) == [
        "c2 k1#2/1 suppressed below_min_value",
        "c2 k1#2/2 suppressed below_min_value",
        "card:x k1/1 suppressed below_min_value",
        "card:x k1/2 suppressed below_min_value",
    ]


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
def test_an_end_of_one_cart_after_the_decisions_about_both_ends_the_round_at_a_merge(
    decided: Callable[[Any, Any], list[str]],
) -> None:
    """The other side's decisions are later than those of the cart that ended, but earlier than its end."""
    history = History()
    history.cart(NIGHT, {"a": 2}, customer_id="c2")
    history.cart(NIGHT + 3 * HOUR, "a", loyalty_card_id="x")
    history.order(NIGHT + 9 * HOUR, "b", customer_id="c2", cart_id="k1")
    history.cart(NIGHT + 10 * HOUR, "a", loyalty_card_id="x")
    history.profile(NIGHT + DAY, "c2", loyalty_cards=["x"])
    assert decided(history, CART) == [
        "c2 k1#2/1 suppressed below_min_value",
        "c2 k1#2/2 suppressed below_min_value",
        "c2 k1/1 suppressed below_min_value",
        "c2 k1/2 suppressed below_min_value",
        "card:x k1/1 suppressed below_min_value",
        "card:x k1/2 suppressed below_min_value",
    ]


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
def test_a_return_refused_after_months_leaves_the_purchase_kept(decided: Callable[[Any, Any], list[str]]) -> None:
    """It was open when the lines of so old a purchase would have been forgotten."""
    history = History()
    order = history.order(NIGHT, "a", customer_id="c1")
    history.back(NIGHT + 90 * DAY, "a", "r1", "return.requested", order_id=order["order_id"], customer_id="c1")
    history.back(NIGHT + 178 * DAY, "a", "r1", "return.rejected", order_id=order["order_id"], customer_id="c1")
    history.cart(NIGHT + 240 * DAY, "a", customer_id="c2")
    wanted = campaign("calendar", "day", "0s", options={"date": "2011-09-01"})
    assert decided(history, wanted) == ["c1 c1/2011-09-01/1 suppressed no_consent"]


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ({90: "return.received", 130: "return.rejected"}, True),
        ({89: "return.received", 120: "return.rejected", 128: "refund.issued"}, False),
    ],
)
def test_the_last_word_on_a_return_counts_also_when_the_purchase_is_old(
    words: dict[int, str], kept: bool, decided: Callable[[Any, Any], list[str]]
) -> None:
    """At the last word the lines of so old a purchase would be forgotten, and what the word before it said be final."""
    history, who = History(), {"customer_id": "c1"}
    order = history.order(NIGHT, "a", **who)
    for day, word in words.items():
        history.back(NIGHT + day * DAY, "a", "r1", word, order_id=order["order_id"], **who)
    history.cart(NIGHT + 240 * DAY, "a", customer_id="c2")
    wanted = campaign("calendar", "day", "0s", options={"date": "2011-09-01"})
    assert decided(history, wanted) == (["c1 c1/2011-09-01/1 suppressed no_consent"] if kept else [])


@pytest.mark.parametrize("decided", [by_the_core, by_the_oracle])
def test_a_return_counts_as_long_as_lines_of_its_purchase_are_remembered(
    decided: Callable[[Any, Any], list[str]],
) -> None:
    """The second return keeps the lines while another purchase is forgotten; the first, as old, is not."""
    history, who = History(), {"customer_id": "c1"}
    history.order(NIGHT - 10 * DAY, "z", "o-before", **who)
    history.of_order("cancelled", NIGHT - 9 * DAY, "o-before", **who)
    order = history.order(NIGHT, {"a": 1, "b": 1}, **who)
    for day, product in ((5, "a"), (90, "b")):
        history.back(NIGHT + day * DAY, product, f"r-{product}", order_id=order["order_id"], **who)
    history.receipt(NIGHT + 140 * DAY, {}, 7, "z", **who)
    history.cart(NIGHT + 240 * DAY, "a", customer_id="c2")
    assert decided(history, campaign("calendar", "day", "0s", options={"date": "2011-09-01"})) == []
