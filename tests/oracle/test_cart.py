"""The oracle on carts: hand-computed examples of the rule book's first occasion."""

from __future__ import annotations

from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t
from tests.oracle.helpers import decided, decided_at

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart")


def known() -> History:
    """Customer c1 consents and can be reached by e-mail since the day before."""
    history = History()
    history.profile(NOON - DAY)
    return history


def test_a_cart_left_for_four_hours_is_reminded_of_at_the_fourth() -> None:
    history = known()
    history.cart(NOON, "a")
    assert decided_at(history, CART) == [("cart k1/1 sent due", NOON + 4 * HOUR)]


def test_two_steps_count_from_the_last_update() -> None:
    history = known()
    history.cart(NOON, "a")
    history.cart(NOON + HOUR, "ab")
    two = campaign("cart_abandoned", "cart", after=["4h", "1d"])
    assert decided_at(history, two) == [
        ("cart k1/1 sent due", NOON + 5 * HOUR),
        ("cart k1/2 sent due", NOON + HOUR + DAY),
    ]


def test_news_between_the_steps_moves_the_second_step_only() -> None:
    history = known()
    history.cart(NOON, "a")
    history.cart(NOON + 6 * HOUR, "ab")
    two = campaign("cart_abandoned", "cart", after=["4h", "1d"])
    assert [time - NOON for _, time in decided_at(history, two)] == [4 * HOUR, 6 * HOUR + DAY]


def test_a_purchase_in_a_store_stops_the_cart() -> None:
    history = known()
    history.cart(NOON, "a")
    history.receipt(NOON + HOUR, "a")
    assert decided(history, CART) == ["cart k1/1 suppressed bought_in_store"]


def test_what_was_bought_before_the_cart_began_stays_open() -> None:
    history = known()
    history.receipt(NOON - 1, "a")
    history.cart(NOON, "a")
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_a_purchase_at_the_very_start_of_the_cart_counts() -> None:
    history = known()
    history.receipt(NOON, "a")
    history.cart(NOON, "a")
    assert decided(history, CART) == ["cart k1/1 suppressed bought_in_store"]


def test_a_partial_purchase_leaves_the_rest_open() -> None:
    history = known()
    history.cart(NOON, {"a": 2, "b": 1})
    history.receipt(NOON + HOUR, {"a": 1, "b": 1})
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_the_latest_purchase_gives_the_reason() -> None:
    history = known()
    history.cart(NOON, ["a", "b"])
    history.receipt(NOON + HOUR, "a")
    history.order(NOON + 2 * HOUR, "b")
    assert decided(history, CART) == ["cart k1/1 suppressed bought_online"]


def test_a_cancelled_purchase_leaves_the_cart_open() -> None:
    history = known()
    history.cart(NOON, "a")
    history.order(NOON + HOUR, "a")
    history.of_order("cancelled", NOON + 2 * HOUR)
    assert decided(history, CART) == ["cart k1/1 sent due"]


def test_an_order_with_the_cart_id_ends_it_without_a_record() -> None:
    history = known()
    history.cart(NOON, "a")
    history.order(NOON + HOUR, "b", cart_id="k1")
    assert decided(history, CART) == []


def test_an_emptied_cart_ends_without_a_record() -> None:
    history = known()
    history.cart(NOON, "a")
    history.cart(NOON + HOUR, [])
    assert decided(history, CART) == []


def test_old_news_of_an_ordered_cart_is_ignored() -> None:
    history = known()
    history.order(NOON + HOUR, "b", cart_id="k1")
    history.cart(NOON, "a", customer_id="c1")["arrived_at"] = "2011-03-01T14:00:00.000Z"
    assert decided(history, CART) == []


def test_open_lines_below_min_value_are_not_worth_a_message() -> None:
    history = known()
    history.cart(NOON, ["a", "b"])
    history.receipt(NOON + HOUR, "a")
    assert decided(history, campaign("cart_abandoned", "cart", options={"min_value": "10.01"})) == [
        "cart k1/1 suppressed below_min_value"
    ]
    assert decided(history, campaign("cart_abandoned", "cart", options={"min_value": "10"})) == ["cart k1/1 sent due"]


def test_a_second_round_begins_when_the_decided_cart_ended_and_is_filled_again() -> None:
    history = known()
    history.cart(NOON, "a")
    history.cart(NOON + 5 * HOUR, [])
    history.cart(NOON + 6 * HOUR, "a")
    assert decided(history, CART) == ["cart k1/1 sent due", "cart k1#2/1 sent due"]


def test_a_second_round_begins_exactly_at_rearm_after_the_decision() -> None:
    rearm = campaign("cart_abandoned", "cart", options={"rearm_after": "2d"})
    for wait, expected in ((2 * DAY - 1, 1), (2 * DAY, 2)):
        history = known()
        history.cart(NOON, "a")
        history.cart(NOON + 4 * HOUR + wait, "a")
        assert len(decided(history, rearm)) == expected


def test_a_cart_that_became_known_after_its_validity_is_not_armed() -> None:
    for delay, expected in ((4 * HOUR + 2 * DAY, 1), (4 * HOUR + 2 * DAY + 1, 0)):
        history = known()
        history.cart(NOON, "a")["arrived_at"] = "2011-03-03T16:00:00.000Z" if expected else "2011-03-03T16:00:00.001Z"
        assert len(decided(history, CART)) == expected, delay


def test_a_late_known_cart_is_due_when_it_becomes_known() -> None:
    history = known()
    history.cart(NOON, "a")["arrived_at"] = "2011-03-01T20:00:00Z"
    assert decided_at(history, CART) == [("cart k1/1 sent due", NOON + 8 * HOUR)]


def test_a_waiting_cart_with_newer_activity_goes_back_to_waiting() -> None:
    history = known()
    history.cart(NOON, "a")
    history.cart(NOON + 4 * HOUR + MINUTE, "a")
    hold = brand(hold_window="30m")
    assert decided_at(history, CART, [hold]) == [("cart k1/1 sent due", NOON + 8 * HOUR + 31 * MINUTE)]


def test_an_unknown_visitor_has_given_no_consent() -> None:
    history = History()
    history.cart(NOON, "a", anonymous_id="v1")
    assert decided(history, CART) == ["cart k1/1 suppressed no_consent"]
