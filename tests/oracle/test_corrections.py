"""The oracle on corrections and erasure: hand-computed examples."""

from __future__ import annotations

import hashlib

import pytest

from schemas.base import rfc3339
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, lines, t
from tests.oracle.helpers import decided, decided_at

NOON = t("2011-03-01T12:00")
SENT = NOON + 4 * HOUR
CART = campaign("cart_abandoned", "cart")


def reminded() -> History:
    """A cart reminder goes to c1 at 16:00."""
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a")
    return history


def after_the_send(history: History, **fields: object) -> list[str]:
    """What follows the send."""
    texts = decided(history, campaign("cart_abandoned", "cart", **fields))
    assert texts[0] == "cart k1/1 sent due"
    return [text.removeprefix("cart k1/1 ") for text in texts[1:]]


@pytest.mark.parametrize(("wait", "found"), [(HOUR - 1, ["cancelled bought_in_store"]), (HOUR, [])])
def test_a_purchase_after_the_send_cancels_it_while_in_flight(wait: int, found: list[str]) -> None:
    history = reminded()
    history.receipt(SENT + wait, "a")
    assert after_the_send(history) == found


def test_a_delivered_message_is_not_cancelled_by_a_later_purchase() -> None:
    history = reminded()
    history.feedback(SENT + MINUTE, "delivered")
    history.order(SENT + 2 * MINUTE, "a")
    assert after_the_send(history) == []


@pytest.mark.parametrize(
    ("known_at", "found"),
    [
        (SENT + 2 * DAY, ["cancelled bought_in_store"]),
        (SENT + 2 * DAY + 1, ["regretted bought_in_store"]),
        (SENT + 31 * DAY, []),
    ],
)
def test_a_late_till_receipt_cancels_or_is_regretted(known_at: int, found: list[str]) -> None:
    """The reminder is valid for two days; after thirty nothing is corrected."""
    history = reminded()
    history.receipt(NOON + HOUR, "a")["arrived_at"] = rfc3339(known_at)
    assert after_the_send(history) == found


def test_a_late_till_receipt_of_a_delivered_message_is_regretted() -> None:
    for own_id in ({}, {"decision_id": hashlib.sha256(b"acme|cart|k1|1").hexdigest()[:32]}):
        history = reminded()
        history.feedback(SENT + MINUTE, "delivered", **own_id)
        history.receipt(NOON + HOUR, "a")["arrived_at"] = rfc3339(SENT + HOUR)
        assert after_the_send(history) == ["regretted bought_in_store"]


def test_feedback_of_another_decision_does_not_count() -> None:
    history = reminded()
    history.feedback(SENT + MINUTE, "delivered", decision_id="0" * 32)
    history.receipt(SENT + HOUR // 2, "a")
    assert after_the_send(history) == ["cancelled bought_in_store"]


def test_a_partial_purchase_corrects_nothing_and_the_rest_does() -> None:
    history = reminded()
    history.cart(NOON + MINUTE, {"a": 1, "b": 1})
    history.receipt(SENT + 5 * MINUTE, "a")
    assert after_the_send(history) == []
    history.receipt(SENT + 6 * MINUTE, "b", 2)
    assert after_the_send(history) == ["cancelled bought_in_store"]


def test_a_withdrawn_consent_cancels_in_flight() -> None:
    history = reminded()
    history.feedback(SENT + MINUTE, "complained")
    assert after_the_send(history) == ["cancelled consent_withdrawn"]
    other = reminded()
    other.withdraw(SENT + MINUTE, "push")
    assert after_the_send(other) == []


def test_an_erasure_cancels_in_flight_suppresses_what_waits_and_ends_the_rest() -> None:
    history = reminded()
    history.cart(NOON + 10 * MINUTE, "b", "k2")
    history.cart(NOON + 20 * MINUTE, "b", "k3")
    history.erased(SENT + 15 * MINUTE)
    found = decided_at(history, CART, [brand(hold_window="6m")])
    assert found == [
        ("cart k1/1 sent due", SENT + 6 * MINUTE),
        ("cart k1/1 cancelled erased", SENT + 15 * MINUTE),
        ("cart k2/1 suppressed erased", SENT + 15 * MINUTE),
    ]


def test_a_return_undoes_a_review_request() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, {"a": 2})
    history.of_order("delivered", NOON)
    review = campaign("review_request", "review", after="1d", purpose="review")
    history.back(NOON + DAY + MINUTE, {"a": 1}, "r1", order_id="o1")
    assert decided(history, review) == ["review o1/1 sent due"]
    history.back(NOON + DAY + 2 * MINUTE, {"a": 1}, "r2", order_id="o1")
    assert decided(history, review) == ["review o1/1 sent due", "review o1/1 cancelled returned"]


def second_purchase(correct: str) -> list[str]:
    history = History()
    history.profile(NOON - DAY)
    history.product(NOON - DAY, "tablet", ["cover"])
    history.product(NOON - DAY, "cover")
    history.order(NOON, "tablet")
    known_at = rfc3339(NOON + 10 * DAY)
    if correct == "bought":
        history.order(NOON + DAY, "pen", "o2")["arrived_at"] = known_at
    elif correct == "returned":
        history.back(NOON + DAY, {"tablet": 1})["arrived_at"] = known_at
    return decided(history, campaign("second_purchase", "second", after="7d"))


def test_second_purchases_and_returns_that_were_known_too_late() -> None:
    sent = "second o1/1 sent due"
    assert second_purchase("nothing") == [sent]
    assert second_purchase("bought") == [sent, "second o1/1 regretted bought_again"]
    assert second_purchase("returned") == [sent, "second o1/1 regretted returned"]


def test_a_reactivation_is_undone_by_a_late_receipt_after_the_episodes_date() -> None:
    late = campaign("reactivation", "late", after=0, options={"prior_interval": "10d", "at_least": "1d"})
    history = History()
    history.profile(NOON - DAY)
    history.order(NOON, "a", "o1")
    history.order(NOON + 10 * DAY, "a", "o2")
    history.receipt(NOON + 20 * DAY, "a")["arrived_at"] = rfc3339(NOON + 31 * DAY)
    found = decided_at(history, late, until=NOON + 45 * DAY)
    assert found == [
        ("late c1/2011-03-11/1 sent due", NOON + 30 * DAY),
        ("late c1/2011-03-11/1 cancelled bought_in_store", NOON + 31 * DAY),
        ("late c1/2011-03-21/1 sent due", NOON + 40 * DAY),
    ]


def test_a_send_gets_one_correction_only() -> None:
    history = reminded()
    history.receipt(SENT + MINUTE, "a")
    history.erased(SENT + 2 * MINUTE)
    assert after_the_send(history) == ["cancelled bought_in_store"]


def test_only_a_purchase_of_one_of_the_items_corrects_a_cart() -> None:
    """An order that was changed to a empties the cart but corrects nothing; nor does a receipt of something else."""
    history = reminded()
    history.order(NOON + MINUTE, "b")
    history.of_order("changed", SENT + MINUTE, lines=lines("a"))
    history.receipt(SENT + 2 * MINUTE, "c")
    assert after_the_send(history) == []
    history.receipt(SENT + 3 * MINUTE, "a", 2)
    assert after_the_send(history) == ["cancelled bought_in_store"]


def test_what_was_bought_before_the_send_is_not_counted_twice() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, {"a": 2, "b": 2})
    history.receipt(NOON + HOUR, {"a": 1, "b": 1})
    history.receipt(SENT + MINUTE, "b", 2)
    assert after_the_send(history) == []


def test_a_late_profile_without_the_consent_regrets_nothing() -> None:
    history = reminded()
    history.withdraw(SENT + 2 * HOUR)
    history.profile(NOON, reach=("push",))["arrived_at"] = rfc3339(SENT + DAY)
    assert after_the_send(history) == []


def test_a_late_return_of_something_else_regrets_no_second_purchase_offer() -> None:
    history = History()
    history.profile(NOON - DAY)
    history.product(NOON - DAY, "tablet", ["cover"])
    history.product(NOON - DAY, "cover")
    history.order(NOON, "tablet")
    history.receipt(NOON + 8 * DAY, "pen")
    history.back(NOON + DAY, {"other": 1}, order_id="o9")["arrived_at"] = rfc3339(NOON + 9 * DAY)
    assert decided(history, campaign("second_purchase", "second", after="7d")) == ["second o1/1 sent due"]


def test_feedback_from_before_the_send_does_not_count_for_it() -> None:
    history = reminded()
    history.feedback(SENT - MINUTE, "delivered")
    history.receipt(SENT + MINUTE, "a")
    assert after_the_send(history) == ["cancelled bought_in_store"]
