"""The oracle on the other five occasions: hand-computed examples."""

from __future__ import annotations

import pytest

from schemas.base import rfc3339
from tests.oracle.builders import DAY, HOUR, History, brand, campaign, t
from tests.oracle.helpers import decided, decided_at

NOON = t("2011-03-01T12:00")
REVIEW = campaign("review_request", "review", after="7d", purpose="review")
SECOND = campaign("second_purchase", "second", after="7d")
LONDON = brand(zone="Europe/London")


def known(at: int = NOON - DAY, **fields: object) -> History:
    """Customer c1 consents and can be reached by e-mail."""
    history = History()
    history.profile(at, **fields)
    return history


# --- review request ---------------------------------------------------------------------------------------------------


def test_a_review_is_asked_seven_days_after_the_last_delivery() -> None:
    history = known()
    history.order(NOON, {"a": 1, "b": 1})
    history.of_order("delivered", NOON + DAY, lines=[{"line_id": "l1", "quantity": 1}])
    history.of_order("delivered", NOON + 2 * DAY, lines=[{"line_id": "l2", "quantity": 1}])
    assert decided_at(history, REVIEW) == [("review o1/1 sent due", NOON + 9 * DAY)]


def test_a_delivery_known_before_its_order_arms_with_the_order() -> None:
    history = known()
    history.of_order("delivered", NOON + DAY)
    history.order(NOON, "a")["arrived_at"] = rfc3339(NOON + 2 * DAY)
    assert decided_at(history, REVIEW) == [("review o1/1 sent due", NOON + 8 * DAY)]


def test_no_review_of_an_order_that_came_back_as_a_whole() -> None:
    history = known()
    history.order(NOON, {"a": 2})
    history.of_order("delivered", NOON + DAY)
    history.back(NOON + 2 * DAY, {"a": 1}, "r1", order_id="o1")
    history.back(NOON + 3 * DAY, {"a": 1}, "r2", order_id="o1")
    assert decided(history, REVIEW) == ["review o1/1 suppressed returned"]


def test_a_partial_return_leaves_something_to_review() -> None:
    history = known()
    history.order(NOON, {"a": 2})
    history.of_order("delivered", NOON + DAY)
    history.back(NOON + 2 * DAY, {"a": 1}, order_id="o1")
    assert decided(history, REVIEW) == ["review o1/1 sent due"]


def test_kept_but_undelivered_lines_are_not_reviewed() -> None:
    history = known()
    history.order(NOON, {"a": 1, "b": 1})
    history.of_order("delivered", NOON + DAY, lines=[{"line_id": "l1", "quantity": 1}])
    history.back(NOON + 2 * DAY, {"a": 1}, order_id="o1")
    assert decided(history, REVIEW) == ["review o1/1 suppressed returned"]


def test_received_replaces_requested_and_rejected_undoes_it() -> None:
    requested = known()
    requested.order(NOON, {"a": 2})
    requested.of_order("delivered", NOON + DAY)
    requested.back(NOON + 2 * DAY, {"a": 2}, order_id="o1")
    requested.back(NOON + 3 * DAY, {"a": 1}, kind="return.received", order_id="o1")
    assert decided(requested, REVIEW) == ["review o1/1 sent due"]
    requested.back(NOON + 4 * DAY, {"a": 2}, kind="refund.issued", order_id="o1")
    assert decided(requested, REVIEW) == ["review o1/1 suppressed returned"]
    requested.back(NOON + 5 * DAY, {"a": 2}, kind="return.rejected", order_id="o1")
    assert decided(requested, REVIEW) == ["review o1/1 sent due"]


def test_a_return_without_order_fits_the_latest_purchase_within_90_days_first() -> None:
    history = known(at=NOON - 200 * DAY)
    history.order(NOON, "a", "o1")
    history.of_order("delivered", NOON, "o1")
    history.order(NOON + DAY, "a", "o2")
    history.of_order("delivered", NOON + DAY, "o2")
    history.back(NOON + 2 * DAY, {"a": 1})
    assert decided(history, REVIEW) == ["review o1/1 sent due", "review o2/1 suppressed returned"]


@pytest.mark.parametrize(("beyond", "outcome"), [(0, "suppressed returned"), (1, "sent due")])
def test_90_days_are_the_limit_of_a_return(beyond: int, outcome: str) -> None:
    history = known()
    history.order(NOON, "a")
    history.of_order("delivered", NOON + 89 * DAY)
    history.back(NOON + 90 * DAY + beyond, {"a": 1}, order_id="o1")
    assert decided(history, REVIEW) == [f"review o1/1 {outcome}"]


def test_a_return_waits_for_its_purchase() -> None:
    history = known()
    history.back(NOON + 2 * DAY, {"a": 1}, order_id="o1")
    history.of_order("delivered", NOON + DAY)
    history.order(NOON, "a")["arrived_at"] = rfc3339(NOON + 3 * DAY)
    assert decided(history, REVIEW) == ["review o1/1 suppressed returned"]


def test_a_line_gives_at_most_what_is_left_of_it() -> None:
    history = known()
    history.order(NOON, {"a": 1}, "o1")
    history.of_order("delivered", NOON, "o1")
    history.order(NOON + DAY, {"a": 2}, "o2")
    history.of_order("delivered", NOON + DAY, "o2")
    history.receipt(NOON + 2 * DAY, [], returned={"a": 2})
    assert decided(history, REVIEW) == ["review o1/1 sent due", "review o2/1 suppressed returned"]


def test_a_cancelled_order_has_nothing_to_review() -> None:
    history = known()
    history.order(NOON, "a")
    history.of_order("delivered", NOON + DAY)
    history.of_order("cancelled", NOON + 2 * DAY)
    assert decided(history, REVIEW) == ["review o1/1 suppressed returned"]


# --- second purchase --------------------------------------------------------------------------------------------------


def with_catalogue() -> History:
    history = known()
    history.product(NOON - DAY, "tablet", ["sold-out", "cover", "pen"])
    history.product(NOON - DAY, "sold-out", available=False)
    history.product(NOON - DAY, "cover")
    history.product(NOON - DAY, "pen")
    return history


def test_the_first_purchase_is_followed_by_what_fits_it() -> None:
    history = with_catalogue()
    history.receipt(NOON, "tablet")
    assert decided_at(history, SECOND) == [("second s1/w1/2011-03-01/1/1 sent due", NOON + 7 * DAY)]


def test_nothing_fits_when_he_owns_it_or_the_catalogue_lacks_it() -> None:
    history = with_catalogue()
    history.order(NOON, ["tablet", "cover", "pen"])
    assert decided(history, SECOND) == ["second o1/1 suppressed no_accessory"]
    unknown = known()
    unknown.order(NOON, "thing")
    assert decided(unknown, SECOND) == ["second o1/1 suppressed no_accessory"]


def test_a_second_purchase_or_a_return_stop_the_offer() -> None:
    again = with_catalogue()
    again.order(NOON, "tablet")
    again.receipt(NOON + DAY, "pen")
    assert decided(again, SECOND) == ["second o1/1 suppressed bought_again"]
    back = with_catalogue()
    back.order(NOON, "tablet")
    back.back(NOON + DAY, {"tablet": 1})
    assert decided(back, SECOND) == ["second o1/1 suppressed returned"]


def test_when_the_first_came_back_the_next_is_the_first() -> None:
    history = with_catalogue()
    history.order(NOON, "thing", "o1")
    history.order(NOON + DAY, "tablet", "o2")
    history.back(NOON + 2 * DAY, {"thing": 1}, order_id="o1")
    assert decided_at(history, SECOND) == [
        ("second o1/1 suppressed returned", NOON + 7 * DAY),
        ("second o2/1 sent due", NOON + 8 * DAY),
    ]


def test_beyond_the_window_it_is_over() -> None:
    for late, outcome in ((0, "sent due"), (1, "suppressed window_over")):
        history = with_catalogue()
        history.order(NOON, "tablet")["arrived_at"] = rfc3339(NOON + 8 * DAY + late)
        window = campaign("second_purchase", "second", after="7d", options={"window": "8d"})
        assert decided(history, window) == [f"second o1/1 {outcome}"]


# --- reactivation -----------------------------------------------------------------------------------------------------

LATE = campaign(
    "reactivation",
    "late",
    after="1d",
    options={"prior_interval": "10d", "prior_weight": 2, "factor_percent": 200, "at_least": "1d", "at_most": "60d"},
)


def test_the_rhythm_is_a_shrunk_lower_median() -> None:
    """Intervals 10, 20, 40: m = 3, own = 20; (60 + 20) // 5 = 16; threshold 32, one day later: 33 after the last."""
    history = known()
    for number, day in enumerate((0, 10, 30, 70)):
        history.order(NOON + day * DAY, "a", f"o{number}")
    expected = [("late c1/2011-05-10/1 sent due", NOON + (70 + 33) * DAY)]
    assert decided_at(history, LATE, until=NOON + 120 * DAY)[-1:] == expected


def test_two_purchases_of_one_utc_day_are_one() -> None:
    history = known()
    history.order(NOON, "a", "o1")
    history.receipt(NOON + HOUR, "a")
    assert decided(history, LATE, until=NOON + 200 * DAY) == []


def test_the_last_return_takes_the_purchase_out_of_the_rhythm() -> None:
    """Intervals 10 and 10 until the third purchase is returned; then one interval 10 counted from day 10."""
    history = known()
    for number, day in enumerate((0, 10, 20)):
        history.order(NOON + day * DAY, "a", f"o{number}")
    history.back(NOON + 22 * DAY, {"a": 1}, order_id="o2")
    assert decided_at(history, LATE, until=NOON + 100 * DAY) == [("late c1/2011-03-11/1 sent due", NOON + 31 * DAY)]


def test_who_buys_at_the_till_is_not_missed_online() -> None:
    """Threshold 20 days and one: due on day 31 for the online purchase of day 10, and day 46 for the receipt."""
    history = known()
    history.order(NOON, "a", "o1")
    history.order(NOON + 10 * DAY, "a", "o2")
    history.receipt(NOON + 25 * DAY, "a")
    # Intervals 10, 15: own = 10; expected (20 + 20) // 4 = 10; threshold 20.
    assert decided_at(history, LATE, until=NOON + 100 * DAY) == [
        ("late c1/2011-03-11/1 suppressed bought_in_store", NOON + 31 * DAY),
        ("late c1/2011-03-26/1 sent due", NOON + 46 * DAY),
    ]


def test_the_threshold_stays_within_its_bounds() -> None:
    bounds = {"prior_interval": "10d", "prior_weight": 2, "at_least": "25d", "at_most": "30d"}
    history = known()
    history.order(NOON, "a", "o1")
    history.order(NOON + 10 * DAY, "a", "o2")
    low = campaign("reactivation", "late", after=0, options=bounds)
    assert decided_at(history, low)[0][1] == NOON + 35 * DAY
    high = campaign("reactivation", "late", after=0, options=bounds | {"factor_percent": 900})
    assert decided_at(history, high, until=NOON + 90 * DAY)[0][1] == NOON + 40 * DAY


def test_unknown_customers_are_never_reactivated() -> None:
    history = History()
    for day in (0, 10):
        history.receipt(NOON + day * DAY, "a", day, loyalty_card_id="9")
    assert decided(history, LATE, until=NOON + 100 * DAY) == []


# --- welcome and birthday ---------------------------------------------------------------------------------------------


def test_a_welcome_counts_from_the_registration() -> None:
    history = known(kind="customer.registered", registered_at=rfc3339(NOON - DAY))
    assert decided_at(history, campaign("welcome", after="1h")) == [
        ("welcome c1/2011-02-28/1 sent due", NOON - DAY + HOUR)
    ]


def birthday(birth: str, registered: str, until: str, **fields: object) -> list[tuple[str, str]]:
    """Birthday decisions in London with their times in UTC."""
    at = t(registered)
    history = known(at=at, birth_date=birth, registered_at=rfc3339(at), country="GB")
    options = {"occasion": "birthday", "after": 0, "options": fields}
    found = decided_at(history, campaign(**options), [LONDON], until=t(until))
    return [(text, rfc3339(time)[:16]) for text, time in found]


def test_a_birthday_comes_every_year_at_nine_in_the_customers_zone() -> None:
    assert birthday("1980-03-28", "2010-01-01", "2012-01-01") == [
        ("birthday c1/2010-03-28/1 sent due", "2010-03-28T08:00"),
        ("birthday c1/2011-03-28/1 sent due", "2011-03-28T08:00"),
    ]


def test_the_29th_of_february_has_a_date_in_every_year() -> None:
    assert [text[12:22] for text, _ in birthday("1980-02-29", "2011-01-01", "2013-01-01")] == [
        "2011-02-28",
        "2012-02-29",
    ]
    assert [text[12:22] for text, _ in birthday("1980-02-29", "2011-01-01", "2012-01-01", leap_day="03-01")] == [
        "2011-03-01"
    ]


def test_lead_days_bring_the_message_forward_but_not_the_episode() -> None:
    assert birthday("1980-01-03", "2010-12-01", "2011-06-01", lead_days=5) == [
        ("birthday c1/2011-01-03/1 sent due", "2010-12-29T09:00")
    ]


def test_a_birthday_in_the_hour_that_the_clocks_skip() -> None:
    """27 March 2011, London: 01:30 does not exist; by the offset before (GMT) it is 01:30Z, which is 02:30 BST."""
    assert birthday("1980-03-27", "2011-01-01", "2011-06-01", local_time="01:30")[0][1] == "2011-03-27T01:30"


def test_a_birthday_in_the_hour_that_the_clocks_repeat() -> None:
    """30 October 2011, London: 01:30 comes twice; the first is BST."""
    assert birthday("1980-10-30", "2011-01-01", "2012-01-01", local_time="01:30")[0][1] == "2011-10-30T00:30"


def test_a_changed_birth_date_ends_the_old_one() -> None:
    history = known(birth_date="1980-04-01", registered_at=rfc3339(NOON))
    history.profile(NOON, birth_date="1980-05-01")
    found = decided(history, campaign("birthday", after=0), [LONDON], until=t("2011-12-01"))
    assert found == ["birthday c1/2011-05-01/1 sent due"]


def test_a_birthday_needs_a_zone() -> None:
    history = known(birth_date="1980-04-01", registered_at=rfc3339(NOON))
    found = decided_at(history, campaign("birthday", after=0), until=t("2011-12-01"))
    assert found == [("birthday c1/2011-04-01/1 suppressed zone_unknown", t("2011-04-01T09:00"))]
