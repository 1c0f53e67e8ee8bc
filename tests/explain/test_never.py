"""Why a campaign never began for a customer: each occasion names the precondition that does not hold."""

from __future__ import annotations

import pytest

from schemas.campaigns import Campaign
from streams.decide.occasions import OCCASIONS
from tests.explain.kit import told
from tests.oracle.builders import DAY, HOUR, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart")
REVIEW = campaign("review_request", "review", purpose="review")
SECOND = campaign("second_purchase", "second")
LATE = campaign("reactivation", "late", after="0s", options={"min_purchases": 3})
WELCOME = campaign("welcome", "welcome")
BIRTHDAY = campaign("birthday", "birthday", after="0s")
VIP = campaign("segment_changed", "vip", after="0s", options={"segment": "vip"})
LEFT = campaign("segment_changed", "left", after="0s", options={"segment": "vip", "change": "left"})
BROWSED = campaign("product_browsed", "browsed")
CHECKOUT = campaign("checkout_abandoned", "checkout")
BACK = campaign("after_return", "back")
PARCEL = campaign("delivery_late", "parcel", purpose="service")
YEARS = campaign("anniversary", "years", after="0s")
MEMBER = campaign("anniversary", "member", after="0s", options={"of": "registration"})
SHIFT = campaign("channel_shift", "shift")
VISIT = campaign("returning_session", "visit", after="0s")
PAST = campaign("calendar", "past", after="0s", options={"date": "2011-02-01"})
CHEAPER = campaign("price_drop", "cheaper")
AGAIN = campaign("back_in_stock", "again")
FITTING = campaign("complementary_offer", "fitting")
REFILL = campaign("replenishment", "refill")
RULES = (brand(segments=[{"id": "vip", "name": "n", "value_min": "100"}]),)


def nothing() -> History:
    """A customer of whom only a profile without registration and birth date is known."""
    history = History()
    history.profile(NOON)
    return history


def ordered() -> History:
    history = nothing()
    history.order(NOON + HOUR, "a", "o7", cart_id="k9")
    return history


def in_store() -> History:
    history = nothing()
    history.receipt(NOON + HOUR, "a")
    return history


def cancelled_first() -> History:
    history = ordered()
    history.of_order("cancelled", NOON, "o7")
    return history


def delivered_only() -> History:
    history = nothing()
    history.of_order("delivered", NOON + HOUR, "o8")
    return history


def filled() -> History:
    history = nothing()
    history.cart(NOON + HOUR, "a", "k9")
    return history


def requested() -> History:
    history = ordered()
    history.back(NOON + 2 * HOUR, {"a": 1}, "r1", order_id="o7")
    return history


def registered(name: str) -> History:
    history = nothing()
    history.profile(NOON + HOUR, kind="customer.registered", brand=name, registered_at="2011-03-01T00:00:00Z")
    return history


CASES: list[tuple[Campaign, History, str]] = [
    (CART, nothing(), "No cart of acme is known."),
    (CART, ordered(), "No cart of acme holds anything: the last one, k9, became order o7."),
    (REVIEW, nothing(), "No order of acme is known."),
    (REVIEW, in_store(), "No order of acme is known; 1 purchases in a store need no delivery."),
    (REVIEW, ordered(), "No order of acme has been delivered; 1 known."),
    (REVIEW, delivered_only(), "Order o8 was delivered, but its order.placed has not come."),
    (SECOND, nothing(), "No purchase of acme is known."),
    (SECOND, cancelled_first(), "No purchase of acme is kept: 1 came back or cancelled."),
    (LATE, nothing(), "No purchase of acme is known."),
    (LATE, ordered(), "Purchase days of acme: 1, too few for a rhythm; min_purchases is 3."),
    (WELCOME, nothing(), "No registration with acme is known."),
    (WELCOME, registered("zest"), "No registration with acme is known, only with zest."),
    (BIRTHDAY, nothing(), "No registration with acme is known."),
    (BIRTHDAY, registered("acme"), "The profile has no birth date."),
    (VIP, ordered(), "The customer is not in segment vip; stage new, value of 365 days 1000, purchase days 1."),
    (LEFT, ordered(), "The customer never was in segment vip; stage new, value of 365 days 1000, purchase days 1."),
    (CHEAPER, nothing(), "No interest in a product of acme is known."),
    (CHEAPER, filled(), "None of the 1 products of acme that he looked at has changed so since."),
    (AGAIN, filled(), "None of the 1 products of acme that he looked at has changed so since."),
    (AGAIN, nothing(), "No interest in a product of acme is known."),
    (REFILL, nothing(), "No purchase of acme is known."),
    (FITTING, nothing(), "No purchase of acme is known."),
    (FITTING, ordered(), "Nothing in the catalogue goes with what was kept of acme."),
    (
        REFILL,
        ordered(),
        "Nothing kept of acme was bought often enough, and the catalogue does not say how long it lasts.",
    ),
    (BROWSED, nothing(), "No view of a product of acme is remembered."),
    (CHECKOUT, nothing(), "No cart of acme is known."),
    (CHECKOUT, filled(), "The checkout of cart k9 of acme was not entered since the cart was begun."),
    (BACK, ordered(), "No return to acme is known."),
    (BACK, requested(), "Return r1 has not been received."),
    (PARCEL, in_store(), "No order of acme is known."),
    (PARCEL, delivered_only(), "Order o8 is spoken of, but its order.placed has not come."),
    (PARCEL, ordered(), "Order o7 of acme has no promised time, and options.usual names none for all."),
    (YEARS, nothing(), "No purchase of acme is known."),
    (MEMBER, registered("zest"), "No registration with acme is known, only with zest."),
    (SHIFT, nothing(), "No purchase of acme is known."),
    (SHIFT, in_store(), "Purchase days of acme in a row in the store: 1; purchases is 3."),
    (VISIT, nothing(), "No visit to acme is remembered."),
    (PAST, nothing(), "No purchase of acme is known. No registration with acme is known."),
    (PAST, ordered(), "2011-02-01 is over."),
]


@pytest.mark.parametrize(("wanted", "history", "why"), CASES, ids=[f"{c.id}: {why[:30]}" for c, _, why in CASES])
def test_the_precondition_that_does_not_hold_is_named(wanted: Campaign, history: History, why: str) -> None:
    account = told(history, wanted, at=NOON + 3 * HOUR, brands=(*RULES, brand("zest")))
    assert (account.status, account.never) == ("never_entered", why)


def test_the_cases_name_every_occasion() -> None:
    assert {wanted.occasion for wanted, _, _ in CASES} == set(OCCASIONS)


@pytest.mark.parametrize("wanted", [LATE, VIP, YEARS, PAST], ids=lambda wanted: wanted.id)
def test_who_is_not_in_the_crm_is_told_so(wanted: Campaign) -> None:
    history = History()
    history.order(NOON, "a", loyalty_card_id="x")
    why = told(history, wanted, "card:x", NOON + DAY, RULES).never
    assert why.startswith("Not a customer of the CRM")


def test_a_segment_that_the_rules_do_not_define_is_named() -> None:
    assert told(nothing(), VIP, at=NOON + HOUR).never == "The rules of acme define no segment vip."


def test_a_rhythm_that_nothing_is_assumed_of_is_told_so() -> None:
    wanted = campaign("reactivation", "late", options={"min_purchases": 1, "prior_weight": 0, "prior_interval": "0s"})
    history = nothing()
    history.order(NOON, "a")
    assert told(history, wanted, at=NOON + HOUR).never.startswith("One purchase day of acme has no interval")


def test_an_episode_that_was_over_before_the_rules_counted_is_told_so() -> None:
    history = nothing()
    wanted = campaign("welcome", "welcome", valid_for="1h")
    history.profile(NOON + DAY, kind="customer.registered", registered_at="2011-01-01T00:00:00Z")
    account = told(history, wanted, at=NOON + 2 * DAY)
    assert account.status == "never_entered"
    assert account.never == "Episode c1/2011-01-01 counts from 2011-01-01 00:00: it was over when it became known."


def test_nobody_knows_who_was_never_heard_of() -> None:
    assert told(nothing(), WELCOME, "c2", NOON + DAY).never == "Nothing is known of c2 here."
