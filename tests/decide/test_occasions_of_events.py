"""Occasions of visits, parcels, returns, dates and channels: the edges. Core and oracle have to agree on each."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.envelope import Envelope
from streams.backtest import backtest_history
from streams.decide.customer import CustomerFold
from streams.decide.rules import Rules
from streams.decide.state import STATE_VERSION, VIEWED_MAX, CustomerState, Viewed
from streams.decide.web_facts import absorb, host_of
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t
from tests.oracle.helpers import decided_at

START = t("2024-01-31T12:00")
RULES = brand(segments=[{"id": "academic", "name": "Academic", "email_domains": ["ac.uk"]}], zone="Europe/London")
SECOND = campaign("second_purchase", "second", after="7d")
BROWSED = campaign("product_browsed", "browsed", after="1h")
CHECKOUT = campaign("checkout_abandoned", "checkout", after="1h")
BACK = campaign("after_return", "back", after="1h", purpose="service")
LATE = campaign("delivery_late", "late", after="1d", purpose="service")
SHIFT = campaign("channel_shift", "shift", after="1h", options={"only": "store", "purchases": 2})


def story(**fields: Any) -> History:
    history = History()
    history.profile(START - 100 * DAY, **fields)
    return history


def outcome(history: History, *campaigns: Campaign, rules: BrandRules = RULES, days: int = 60) -> list[str]:
    """``campaign episode/step outcome reason @ hours after START`` of all records; the core has to agree."""
    until = START + days * DAY
    told = decided_at(history, campaigns, [rules], until)
    expected = oracle_decisions(history.sources, campaigns, [rules], LATENESS, until)
    assert backtest_history(history.sources, campaigns, [rules], LATENESS, until).outcomes == expected
    return [f"{text} @{(at - START) / HOUR:g}" for text, at in told]


def view(history: History, at: int, product: str, session: str = "v1", **fields: Any) -> None:
    named = {"session_id": session, "product_id": product}
    history.add("web-sessions", "product.viewed", at, **named, **fields or {"customer_id": "c1"})


def visit(history: History, at: int, session: str, **fields: Any) -> None:
    own = {"customer_id": "c1"} if "anonymous_id" not in fields else {}
    history.add("web-sessions", "session.started", at, session_id=session, **own, **fields)


def enter(history: History, at: int, cart: str = "k1") -> None:
    history.add("web-sessions", "checkout.started", at, session_id="s", cart_id=cart, customer_id="c1")


# --- product browsed --------------------------------------------------------------------------------------------------


def test_a_product_that_is_viewed_again_belongs_to_the_later_visit() -> None:
    history = story()
    view(history, START, "p", "v1")
    view(history, START + 30 * MINUTE, "p", "v2")
    assert outcome(history, BROWSED) == ["browsed v2/1 sent due @1.5"]


def test_what_another_member_of_a_merged_profile_bought_is_left_out() -> None:
    history = story()
    history.profile(START - DAY, "c2")
    view(history, START, "p")
    history.receipt(START - DAY, "p", customer_id="c2")
    history.merged(START + MINUTE, "c2")
    assert outcome(history, BROWSED) == ["browsed v1/1 suppressed bought_in_store @1"]


def test_a_late_receipt_takes_the_reminder_back_only_when_all_is_bought() -> None:
    history = story()
    view(history, START, "p")
    view(history, START, "q")
    history.receipt(START + MINUTE, "p", 1, arrived=START + 2 * HOUR)
    history.receipt(START + MINUTE, "q", 2, arrived=START + 3 * HOUR)
    assert outcome(history, BROWSED) == ["browsed v1/1 sent due @1", "browsed v1/1 cancelled bought_in_store @3"]


def test_views_of_a_visitor_count_when_he_is_known() -> None:
    history = story()
    view(history, START, "p", anonymous_id="a1")
    view(history, START, "p", "v1", customer_id="c1")
    history.identified(START + MINUTE, anonymous_id="a1")
    twice = campaign("product_browsed", "twice", after="1h", options={"min_views": 2})
    assert outcome(history, twice) == ["twice v1/1 sent due @1"]


def test_views_are_bounded_and_the_oldest_go_first() -> None:
    one, other = (CustomerState(STATE_VERSION, name) for name in ("c1", "c2"))
    one.views = {f"acme|p{n}": Viewed(n, "s", 1) for n in range(VIEWED_MAX)}
    other.views = {"acme|new": Viewed(500, "s", 1), "acme|p5": Viewed(600, "z", 2)}
    absorb(one, other)
    assert len(one.views) == VIEWED_MAX
    assert "acme|p0" not in one.views
    assert one.views["acme|p5"] == Viewed(600, "z", 3)


@pytest.mark.parametrize(("asked", "kept"), [(SECOND, 0), (BROWSED, 1)])
def test_views_are_remembered_only_for_a_campaign_that_asks_for_them(asked: Campaign, kept: int) -> None:
    rules, state = Rules(), CustomerState(STATE_VERSION, "c1")
    published = {"campaign": asked.id, "version": "1", "definition": asked.model_dump(mode="json")}
    rules.apply(Envelope("e1", "campaign.published", "campaigns", "", 0, 0, "acme", data=published))
    seen = {"session": "v1", "product": "p", "category": None}
    fold = CustomerFold(rules)
    assert fold.apply(state, Envelope("e2", "product.viewed", "web-sessions", "c1", 1, 1, "acme", data=seen))
    assert fold.apply(state, Envelope("e3", "product.viewed", "web-sessions", "c1", 1, 1, "zest", data=seen))
    assert len(state.views) == kept


# --- checkout ---------------------------------------------------------------------------------------------------------


def test_of_two_carts_each_has_its_own_checkout() -> None:
    history = story()
    history.cart(START, "p", "k1")
    history.cart(START, "q", "k2")
    enter(history, START + MINUTE, "k1")
    enter(history, START + 2 * MINUTE, "k2")
    history.order(START + 3 * MINUTE, "q", cart_id="k2")
    (found,) = outcome(history, CHECKOUT)
    assert found.startswith("checkout k1/1 sent due")


def test_a_cart_filled_anew_after_its_order_was_not_checked_out() -> None:
    history = story()
    history.cart(START, "p")
    enter(history, START + MINUTE)
    history.order(START + 2 * MINUTE, "p", cart_id="k1")
    history.cart(START + 3 * MINUTE, "q")
    assert outcome(history, CHECKOUT) == []


def test_entering_again_after_a_day_begins_a_new_round_and_changing_the_cart_does_not() -> None:
    history = story()
    history.cart(START, "p")
    enter(history, START)
    history.cart(START + 30 * HOUR, {"p": 2})
    enter(history, START + 40 * HOUR)
    assert outcome(history, CHECKOUT) == ["checkout k1/1 sent due @1", "checkout k1#2/1 sent due @41"]


# --- after a return ---------------------------------------------------------------------------------------------------


def test_a_partial_return_counts_from_its_receipt_and_only_once() -> None:
    history = story()
    history.order(START - DAY, {"p": 2})
    history.back(START, {"p": 1}, kind="return.requested", order_id="o1")
    history.back(START + 2 * DAY, {"p": 1}, kind="return.received", order_id="o1")
    history.back(START + 3 * DAY, {"p": 1}, kind="refund.issued", order_id="o1")
    assert outcome(history, BACK) == ["back r1/1 sent due @49"]


def test_an_exchange_at_the_till_needs_no_help() -> None:
    history = story()
    history.receipt(START - DAY, "p", 1)
    history.receipt(START, "q", 2, ["p"])
    (found,) = outcome(history, BACK)
    assert found.endswith("suppressed bought_in_store @1")


def test_a_refused_return_takes_the_help_back() -> None:
    history = story()
    history.back(START, {"p": 1}, kind="return.received")
    history.back(START + 90 * MINUTE, {"p": 1}, kind="return.rejected")
    assert outcome(history, BACK) == ["back r1/1 sent due @1", "back r1/1 cancelled return_rejected @1.5"]


# --- delivery ---------------------------------------------------------------------------------------------------------


def test_only_the_missing_line_is_late_and_its_arrival_takes_the_message_back() -> None:
    history = story()
    history.order(START, {"p": 1, "q": 1}, promised_at=rfc3339(START + DAY))
    history.of_order("delivered", START + DAY, lines=[{"line_id": "l1", "quantity": 1}])
    history.of_order("delivered", START + 49 * HOUR - MINUTE, lines=[{"line_id": "l2", "quantity": 1}])
    found = outcome(history, LATE)
    assert found[0] == "late o1/1 sent due @48"
    assert found[1].startswith("late o1/1 cancelled delivered")


def test_a_cancelled_and_re_placed_order_is_late_under_its_new_id_only() -> None:
    history = story()
    history.order(START, "p", "o1", promised_at=rfc3339(START + DAY))
    history.of_order("cancelled", START + HOUR, "o1")
    history.order(START + 2 * HOUR, "p", "o2", promised_at=rfc3339(START + 2 * DAY))
    assert outcome(history, LATE) == ["late o1/1 suppressed returned @48", "late o2/1 sent due @72"]


def test_without_a_promise_the_usual_time_counts_if_there_is_one() -> None:
    history = story()
    history.order(START, "p")
    usual = campaign("delivery_late", "usual", after="1d", purpose="service", options={"usual": "3d"})
    assert outcome(history, LATE, usual) == ["usual o1/1 sent due @96"]


# --- first purchases --------------------------------------------------------------------------------------------------


def test_a_customer_whose_first_order_came_back_is_new_again() -> None:
    history = story()
    history.product(START - DAY, "q", ["x"])
    history.product(START - DAY, "x")
    history.order(START, "p", "o1")
    history.back(START + DAY, "p", order_id="o1")
    history.order(START + 20 * DAY, "q", "o2")
    assert outcome(history, SECOND) == ["second o1/1 suppressed returned @168", "second o2/1 sent due @648"]


def test_an_order_of_which_two_identities_know_a_part_is_one_order_when_they_are_one() -> None:
    history = story()
    history.order(START, "p", anonymous_id="a1", promised_at=rfc3339(START + DAY))
    history.of_order("delivered", START + 2 * HOUR, customer_id="c1")
    history.identified(START + 3 * HOUR, anonymous_id="a1")
    review = campaign("review_request", "review", after="7d", purpose="review")
    assert outcome(history, review, LATE) == ["review o1/1 sent due @170"]


# --- channel shift ----------------------------------------------------------------------------------------------------


def test_a_return_moves_the_completion_and_another_channel_begins_a_new_row() -> None:
    history = story()
    history.receipt(START, "p", 1)
    history.receipt(START + DAY, "q", 2)
    history.receipt(START + DAY + 10 * MINUTE, (), 3, ["q"])
    history.receipt(START + 3 * DAY, "p", 4)
    history.order(START + 4 * DAY, "p")
    history.receipt(START + 5 * DAY, "p", 5)
    history.receipt(START + 6 * DAY, "p", 6)
    assert [text.split(" ", 2)[2] for text in outcome(history, SHIFT)] == ["sent due @73", "sent due @145"]


def test_a_late_order_shows_that_he_bought_online_too() -> None:
    history = story()
    history.receipt(START, "p", 1)
    history.receipt(START + 2 * DAY, "p", 2)
    history.order(START + DAY, "p", arrived=START + 3 * DAY)
    assert [text.split(" ", 2)[2] for text in outcome(history, SHIFT)] == [
        "sent due @49",
        "cancelled bought_online @72",
    ]


# --- visits -----------------------------------------------------------------------------------------------------------


def greeting(**options: Any) -> Campaign:
    return campaign("returning_session", "hello", after="0s", valid_for="30m", options=options)


def test_the_second_visit_is_greeted_over_devices_and_before_he_was_known() -> None:
    history = story(email_domain="ox.ac.uk", registered_at=rfc3339(START - DAY))
    visit(history, START, "v1", anonymous_id="a1", device="desktop")
    history.identified(START + MINUTE, anonymous_id="a1")
    visit(history, START + DAY, "v2", device="mobile", referrer="https://www.example.com")
    visit(history, START + 2 * DAY, "v3", device="desktop")
    asked = greeting(segment="academic", devices=["mobile"], origins=["example.com"])
    assert outcome(history, asked) == ["hello v2/1 sent due @24"]
    assert outcome(history, greeting(visits_max=2)) == ["hello v2/1 sent due @24"]
    assert outcome(history, greeting(origins=["direct"])) == ["hello v3/1 sent due @48"]
    assert outcome(history, greeting(away_for="25h")) == []


@pytest.mark.parametrize(
    ("referrer", "host"),
    [(None, ""), ("https://WWW.Example.com:8443/x", "www.example.com"), ("example.com", "example.com"), ("//[", "")],
)
def test_the_host_of_an_origin(referrer: str | None, host: str) -> None:
    assert host_of(referrer) == host


# --- dates ------------------------------------------------------------------------------------------------------------


def planned(**options: Any) -> Campaign:
    return campaign("calendar", "plan", after="0s", options={"local_time": "09:00"} | options)


def test_every_month_on_the_31st_or_its_last_day_across_the_clock_change() -> None:
    history = story(registered_at=rfc3339(START - DAY))
    found = outcome(history, planned(date="2024-01-31", every="month"), days=65)
    assert [text.split()[1] for text in found] == ["c1/2024-01-31/1", "c1/2024-02-29/1", "c1/2024-03-31/1"]
    assert [text.rsplit("@", 1)[1] for text in found] == ["-3", "693", "1436"]


def test_a_date_comes_where_the_customer_lives_on_either_side_of_the_date_line() -> None:
    history = story(registered_at=rfc3339(START - DAY), time_zone="Pacific/Kiritimati")
    history.profile(START, "c2", registered_at=rfc3339(START), time_zone="Pacific/Pago_Pago")
    found = outcome(history, planned(date="2024-02-10"))
    assert [text.split()[1] for text in found] == ["c1/2024-02-10/1", "c2/2024-02-10/1"]
    assert [float(text.rsplit("@", 1)[1]) for text in found] == [223, 248]


def test_who_leaves_the_segment_before_the_date_hears_nothing_and_next_week_is_another() -> None:
    history = story(registered_at=rfc3339(START - DAY), email_domain="ox.ac.uk")
    history.profile(START + 10 * DAY, email_domain="example.com")
    weekly = planned(date="2024-02-05", every="week", segment="academic")
    assert [text.split()[1] for text in outcome(history, weekly)] == ["c1/2024-02-05/1"]


def test_the_anniversary_moves_with_the_first_purchase_that_is_kept() -> None:
    history = story()
    history.order(t("2024-02-29T23:30"), "p", "o1")
    history.order(t("2024-03-20T12:00"), "p", "o2")
    history.back(t("2024-03-25T12:00"), "p", order_id="o1")
    yearly = campaign("anniversary", "year", after="0s", options={"of": "first_purchase"})
    assert [text.split()[1] for text in outcome(history, yearly, days=500)] == ["c1/2025-03-20/1"]
    east = brand(zone="Asia/Tokyo")
    del history.sources["returns"][:]
    assert [text.split()[1] for text in outcome(history, yearly, rules=east, days=500)] == ["c1/2025-03-01/1"]
