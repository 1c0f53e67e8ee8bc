"""Companies: business hours in their zone, several persons under one customer; hours that contradict one another."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.campaigns import BrandRules, Campaign
from streams.backtest import backtest_history
from tests.oracle import oracle_decisions
from tests.oracle.builders import LATENESS, History, brand, campaign, t

CART = campaign("cart_abandoned", "cart", "0s", valid_for="10d")
CALL = campaign("cart_abandoned", "call", "0s", valid_for="10d", channels=["telesales"], when="customer.company")
OFFICE: dict[str, Any] = {"channel": "*", "start": "09:00", "end": "17:00"}
LONDON = {"zone": "Europe/London"}


def records(history: History, wanted: Campaign, rules: BrandRules) -> list[dict[str, Any]]:
    """What the core decides; the oracle has to agree."""
    found = backtest_history(history.sources, [wanted], [rules], LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, [wanted], [rules], LATENESS)
    return found.decisions


def sent(at: str, rules: BrandRules, wanted: Campaign = CART, **profile: Any) -> tuple[list[str], str]:
    """Reasons, and when it went: day and time."""
    history = History()
    history.profile(t("2011-01-01"), **{"company": True, **profile})
    history.cart(t(at), "a")
    found = records(history, wanted, rules)
    return [row["reason"] for row in found], found[-1]["decided_at"][8:16]


@pytest.mark.parametrize(
    ("at", "reasons", "when"),
    [
        ("2011-03-01T08:59", ["business_hours", "due"], "01T09:00"),
        ("2011-03-01T09:00", ["due"], "01T09:00"),
        ("2011-03-01T16:59", ["due"], "01T16:59"),
        ("2011-03-01T17:00", ["business_hours", "due"], "02T09:00"),
        ("2011-03-04T17:00", ["business_hours", "due"], "07T09:00"),
        ("2011-03-25T17:00", ["business_hours", "due"], "28T08:00"),
        ("2011-04-21T17:00", ["business_hours", "due"], "25T08:00"),
    ],
    ids=["before", "begins", "last minute", "over", "weekend", "clock change", "Good Friday"],
)
def test_a_company_hears_in_business_hours(at: str, reasons: list[str], when: str) -> None:
    assert sent(at, brand(business_hours=[OFFICE], **LONDON)) == (reasons, when)


def test_a_person_hears_at_any_time() -> None:
    assert sent("2011-03-05T20:00", brand(business_hours=[OFFICE], **LONDON), company=False) == (["due"], "05T20:00")


def test_the_rule_of_channel_and_market_counts_before_that_of_all() -> None:
    rules = brand(business_hours=[OFFICE, OFFICE | {"channel": "email", "market": "GB", "start": "10:00"}], **LONDON)
    assert sent("2011-03-01T08:00", rules) == (["business_hours", "due"], "01T10:00")
    assert sent("2011-03-01T08:00", rules, country="US")[1] == "01T09:00"


def test_where_work_goes_on_holidays_do_not_count() -> None:
    assert sent("2011-04-22T10:00", brand(business_hours=[OFFICE | {"public_holidays": True}], **LONDON))[0] == ["due"]


def test_without_a_zone_a_company_with_business_hours_hears_nothing() -> None:
    assert sent("2011-03-01T10:00", brand(business_hours=[OFFICE]))[0] == ["zone_unknown"]
    assert sent("2011-03-01T10:00", brand(business_hours=[OFFICE]), company=False)[0] == ["due"]


def test_sales_calls_companies_in_their_hours_and_nobody_else() -> None:
    rules = brand(business_hours=[OFFICE | {"channel": "telesales"}], **LONDON)
    reach = {"reach": ("telesales",)}
    assert sent("2011-03-01T20:00", rules, CALL, **reach) == (["business_hours", "due"], "02T09:00")
    assert sent("2011-03-01T20:00", rules, CALL, company=False, **reach)[0] == ["condition_not_met"]


def test_what_several_persons_of_a_company_do_is_the_companys() -> None:
    """Each has an address, and one has a cookie: the purchase of one ends the cart of the other."""
    history, hashes = History(), ["a" * 32, "b" * 32]
    points = [{"channel": "email", "reachable": True, "hash": value} for value in hashes]
    history.profile(t("2011-01-01"), "acme-ltd", company=True, contact_points=points)
    history.cart(t("2011-03-01T10:00"), "a", "k1", email_hash=hashes[0])
    history.cart(t("2011-03-01T10:30"), "b", "k2", anonymous_id="cookie")
    history.identified(t("2011-03-01T10:40"), "acme-ltd", anonymous_id="cookie")
    history.order(t("2011-03-01T11:00"), "a", email_hash=hashes[1])
    later = campaign("cart_abandoned", "cart", "4h", valid_for="10d")
    found = records(history, later, brand(business_hours=[OFFICE], **LONDON))
    assert [(row["customer_id"], row["episode"], row["reason"]) for row in found] == [
        ("acme-ltd", "k1", "bought_online"),
        ("acme-ltd", "k2", "due"),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"quiet_hours": [{"start": "20:00", "end": "08:00"}, {"start": "21:00", "end": "08:00"}]}, "in all markets"),
        (
            {"quiet_hours": [{"market": "GB", "start": f"{hour}:00", "end": "08:00"} for hour in (20, 21)]},
            "two rules for channel '\\*' in market GB; keep one",
        ),
        ({"business_hours": [OFFICE, OFFICE]}, "in all markets"),
        ({"business_hours": [OFFICE | {"end": "08:00"}]}, "not after their start"),
        ({"business_hours": [OFFICE | {"weekdays": []}]}, "at least 1 item"),
    ],
)
def test_hours_that_contradict_one_another_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        brand(**fields)
