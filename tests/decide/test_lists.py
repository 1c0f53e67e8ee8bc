"""Lists with a capacity, by example, through core and oracle: places, answers, caps, and what happens in between."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.capacity import CapacityList
from streams.backtest import backtest_history
from streams.decide.cutoffs import next_cutoff
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t
from tests.oracle.lists import cutoff_after

NOON = t("2011-03-01T12:00")
MAIL: dict[str, Any] = {"id": "mail", "channel": "email", "max": 1, "times": ["18:00"]}
CART = campaign("cart_abandoned", "cart", valid_for="10d")


def records(history: History, campaigns: list[Campaign], rules: BrandRules) -> list[dict[str, Any]]:
    """What the core decides; the oracle has to agree."""
    found = backtest_history(history.sources, campaigns, [rules], LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, campaigns, [rules], LATENESS)
    return found.decisions


def said(history: History, rules: BrandRules, *campaigns: Campaign) -> list[str]:
    """Episode, outcome, reason, and when it was decided: day and hour."""
    found = records(history, list(campaigns or [CART]), rules)
    return [f"{d['episode']} {d['outcome']} {d['reason']} {d['decided_at'][8:16]}" for d in found]


def carts(*customers: str, at: int = NOON) -> History:
    """Each customer has one cart, named after him; the first one's comes first."""
    history = History()
    for number, name in enumerate(customers):
        history.profile(t("2011-01-01"), name)
        history.cart(at + number * MINUTE, "a", f"k-{name}", customer_id=name)
    return history


def listed(**fields: Any) -> BrandRules:
    return brand(lists=[MAIL | fields])


def test_the_first_that_come_due_get_the_places_15_minutes_after_the_cutoff() -> None:
    assert said(carts("c1", "c2"), listed()) == [
        "k-c1 held capacity 01T16:00",
        "k-c2 held capacity 01T16:01",
        "k-c1 sent due 01T18:15",
        "k-c2 suppressed capacity_full 01T18:15",
    ]


def test_a_higher_priority_goes_before_an_earlier_one() -> None:
    history = carts("c1", "c2")
    history.profile(NOON + 5 * HOUR, "c3", registered_at=rfc3339(NOON + 5 * HOUR))
    hello = campaign("welcome", "hello", "0s", priority=90, valid_for="2d")
    found = said(history, listed(), CART, hello)
    assert found[-3:] == [
        "k-c1 suppressed capacity_full 01T18:15",
        "k-c2 suppressed capacity_full 01T18:15",
        "c3/2011-03-01 sent due 01T18:15",
    ]


def test_what_comes_due_at_the_cutoff_is_of_the_next_one() -> None:
    assert said(carts("c1", at=t("2011-03-01T14:00")), listed())[-1] == "k-c1 sent due 02T18:15"
    assert said(carts("c1", at=t("2011-03-01T14:00") - 1), listed())[-1] == "k-c1 sent due 01T18:15"


def test_who_buys_while_he_waits_gets_no_message_and_his_place_is_lost() -> None:
    history = carts("c1", "c2")
    history.order(NOON + 5 * HOUR, "a", customer_id="c1")
    assert said(history, listed())[-2:] == [
        "k-c1 suppressed bought_online 01T18:15",
        "k-c2 suppressed capacity_full 01T18:15",
    ]


def test_a_place_is_taken_from_the_cap_while_the_message_waits_and_given_back_when_it_is_not_chosen() -> None:
    history = carts("c1", "c2")
    for name in ("c1", "c2"):
        history.profile(t("2011-01-01"), name, reach=("email", "push"))
        history.cart(NOON + 30 * MINUTE, "b", f"p-{name}", customer_id=name)
        history.cart(NOON + 5 * HOUR, "b", f"q-{name}", customer_id=name)
    push = campaign("cart_abandoned", "push", channels=["push"], valid_for="10d")
    rules = brand(lists=[MAIL], caps=[{"max": 1, "per": "1d"}])
    mail = campaign("cart_abandoned", "cart", valid_for="10d", priority=90)
    found = [text for text in said(history, rules, mail, push) if "p-" in text or "q-" in text]
    assert "p-c1 suppressed frequency_cap 01T16:30" in found
    assert "p-c2 suppressed frequency_cap 01T16:30" in found
    assert "q-c1 suppressed frequency_cap 01T21:00" in found
    assert any(text.startswith("q-c2 ") and "frequency_cap" not in text for text in found)


def test_its_own_place_does_not_stand_in_its_way_and_counts_from_the_answer() -> None:
    history = carts("c1")
    history.cart(NOON + DAY, "b", "k2", customer_id="c1")
    history.cart(NOON + DAY + 3 * HOUR, "b", "k3", customer_id="c1")
    rules = brand(lists=[MAIL | {"max": 9}], caps=[{"max": 1, "per": "1d"}])
    assert said(history, rules) == [
        "k-c1 held capacity 01T16:00",
        "k-c1 sent due 01T18:15",
        "k2 suppressed frequency_cap 02T16:00",
        "k3 held capacity 02T19:00",
        "k3 sent due 03T18:15",
    ]


def test_quiet_hours_at_the_answer_put_it_off() -> None:
    rules = brand(lists=[MAIL], quiet_hours=[{"start": "18:00", "end": "20:00"}], zone="UTC")
    assert said(carts("c1"), rules) == [
        "k-c1 held capacity 01T16:00",
        "k-c1 held quiet_hours 01T18:15",
        "k-c1 sent due 01T20:00",
    ]


def test_an_answer_after_its_validity_takes_no_place() -> None:
    short = campaign("cart_abandoned", "cart", valid_for="2h")
    assert said(carts("c1"), listed(), short) == ["k-c1 suppressed expired 01T16:00"]
    assert said(carts("c1"), listed(answer_after="0s"), short)[-1] == "k-c1 sent due 01T18:00"


def test_a_list_of_a_channel_and_one_of_a_pool_are_passed_one_after_the_other() -> None:
    pool = {"id": "codes", "pool": "v", "max": 9, "total": 1, "times": ["19:00"]}
    offer = campaign("cart_abandoned", "cart", valid_for="10d", offer={"kind": "percent", "value": "5", "pool": "v"})
    found = said(carts("c1", "c2"), brand(lists=[MAIL | {"max": 2}, pool]), offer)
    assert found[2:] == [
        "k-c1 held capacity 01T18:15",
        "k-c2 held capacity 01T18:15",
        "k-c1 sent due 01T19:15",
        "k-c2 suppressed capacity_full 01T19:15",
    ]


def test_an_erased_customer_waits_no_more() -> None:
    history = carts("c1")
    history.erased(NOON + 5 * HOUR)
    assert said(history, listed())[1:] == ["k-c1 suppressed erased 01T17:00"]


def test_who_becomes_another_while_he_waits_keeps_his_candidacy() -> None:
    history = carts("c1")
    history.merged(NOON + 5 * HOUR, "c1", "c2")
    history.profile(NOON + 5 * HOUR, "c2")
    found = records(history, [CART], listed())
    assert [(d["customer_id"], d["outcome"]) for d in found] == [("c1", "held"), ("c2", "sent")]


def test_a_ghost_takes_no_place() -> None:
    out = campaign("cart_abandoned", "cart", valid_for="10d", holdout={"percent": 100})
    assert said(carts("c1"), listed(), out) == ["k-c1 ghost campaign_holdout 01T16:00"]


def test_a_cart_that_goes_on_starts_to_wait_again() -> None:
    history = carts("c1")
    history.cart(NOON + 5 * HOUR, "b", "k-c1", customer_id="c1")
    assert said(history, listed())[1:] == ["k-c1 held capacity 01T21:00", "k-c1 sent due 02T18:15"]


@pytest.mark.parametrize(
    ("now", "fields", "expected"),
    [
        ("2011-03-26T17:59", {}, "2011-03-26T18:00"),
        ("2011-03-26T18:00", {}, "2011-03-27T17:00"),
        ("2011-03-04T18:00", {"weekdays": ["friday"]}, "2011-03-11T18:00"),
        ("2011-03-05T12:00", {"weekdays": ["monday", "friday"], "times": ["09:00", "07:00"]}, "2011-03-07T07:00"),
        ("2011-03-26T23:00", {"times": ["01:30"]}, "2011-03-27T01:30"),
        ("2011-10-29T23:00", {"times": ["01:30"]}, "2011-10-30T00:30"),
    ],
)
def test_cutoffs_are_wall_times_of_the_list(now: str, fields: dict[str, Any], expected: str) -> None:
    wanted = CapacityList.model_validate(MAIL | {"zone": "Europe/London"} | fields)
    assert next_cutoff(wanted, t(now)) == cutoff_after(wanted, t(now)) == t(expected)


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ([MAIL | {"pool": "v"}], "give either channel or pool"),
        ([{"id": "x", "max": 1}], "give either channel or pool"),
        ([MAIL, MAIL | {"channel": "push"}], "two lists have id 'mail'"),
        ([MAIL, MAIL | {"id": "other"}], "two lists have channel 'email'"),
        ([MAIL | {"max": -1}], "greater than or equal to 0"),
        ([MAIL | {"zone": "Mars"}], "zone 'Mars' is not a name"),
        ([MAIL | {"times": []}], "at least 1 item"),
    ],
)
def test_lists_that_cannot_be_are_refused(lists: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        brand(lists=lists)
