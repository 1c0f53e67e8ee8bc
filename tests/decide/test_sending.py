"""Caps, days, look-ahead, products: what stops or delays a message, by example, through the whole core."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from schemas.base import from_ms, rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.iso import COUNTRIES
from streams.backtest import backtest_history
from streams.decide.holidays import is_public_holiday
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart", valid_for="10d")
LONDON = {"zone": "Europe/London"}


def records(history: History, campaigns: list[Campaign], brands: list[BrandRules]) -> list[dict[str, Any]]:
    """What the core decides; the oracle has to agree."""
    found = backtest_history(history.sources, campaigns, brands, LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, campaigns, brands, LATENESS)
    return found.decisions


def said(history: History, campaigns: list[Campaign], *brands: BrandRules) -> list[str]:
    """Campaign, episode, outcome and reason of every decision in order."""
    found = records(history, campaigns, list(brands))
    return [f"{d['campaign']} {d['episode']} {d['outcome']} {d['reason']}" for d in found]


def carts(*times: int, **profile: Any) -> History:
    """One cart of customer c1 at each time, k1, k2, …"""
    history = History()
    history.profile(t("2011-01-01"), **profile)
    for number, at in enumerate(times, 1):
        history.cart(at, "a", f"k{number}")
    return history


def capped(*times: int, **cap: Any) -> list[str]:
    return [text.split(" ", 1)[1] for text in said(carts(*times), [CART], brand(caps=[cap], **LONDON))]


def test_a_calendar_day_begins_at_local_midnight() -> None:
    before, after = t("2011-06-01T18:30"), t("2011-06-01T19:00")
    late = {"max": 1, "per": "day"}
    assert capped(before, after, **late) == ["k1 sent due", "k2 sent due"], (
        "22:30 UTC is 23:30 in London, 23:00 midnight"
    )
    assert capped(after, after + HOUR, **late) == ["k1 sent due", "k2 suppressed frequency_cap"]


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    sunday, first = t("2011-03-06T10:00"), t("2011-04-01T10:00")
    assert capped(sunday, sunday + DAY, max=1, per="week") == ["k1 sent due", "k2 sent due"]
    assert capped(sunday - DAY, sunday, max=1, per="week")[1] == "k2 suppressed frequency_cap"
    assert capped(first - DAY, first, max=1, per="month") == ["k1 sent due", "k2 sent due"]
    assert capped(first, first + 20 * DAY, max=1, per="month")[1] == "k2 suppressed frequency_cap"


def test_a_rolling_window_ends_on_the_millisecond() -> None:
    assert capped(NOON, NOON + DAY, max=1, per="1d") == ["k1 sent due", "k2 sent due"]
    assert capped(NOON, NOON + DAY - 1, max=1, per="1d")[1] == "k2 suppressed frequency_cap"


def test_caps_by_category_and_campaign_concern_only_these() -> None:
    welcome = campaign("welcome", "hello", "0s", category="news")
    history = carts(NOON, NOON + HOUR)
    history.profile(NOON + HOUR, registered_at=rfc3339(NOON + HOUR))
    news = [campaign("cart_abandoned", "cart", category="reminder"), welcome]

    def outcome(**cap: Any) -> list[str]:
        return said(history, news, brand(caps=[{"max": 1, "per": "7d", **cap}]))

    assert outcome(category="reminder") == [
        "hello c1/2011-03-01 sent due",
        "cart k1 sent due",
        "cart k2 suppressed frequency_cap",
    ]
    assert outcome(campaign="hello") == ["hello c1/2011-03-01 sent due", "cart k1 sent due", "cart k2 sent due"]
    assert outcome() == [
        "hello c1/2011-03-01 sent due",
        "cart k1 suppressed frequency_cap",
        "cart k2 suppressed frequency_cap",
    ]


@pytest.mark.parametrize(("all_brands", "second"), [(True, "suppressed frequency_cap"), (False, "sent due")])
def test_a_cap_over_all_brands_counts_those_of_the_others(all_brands: bool, second: str) -> None:
    history = carts(NOON)
    history.profile(NOON - DAY, brand="zest")
    history.cart(NOON + HOUR, "a", "z1", brand="zest", customer_id="c1")
    both = campaign("cart_abandoned", "cart", brands=["acme", "zest"])
    rules = [brand(name, caps=[{"max": 1, "per": "7d", "all_brands": all_brands}]) for name in ("acme", "zest")]
    assert said(history, [both], *rules) == ["cart k1 sent due", f"cart z1 {second}"]


@pytest.mark.parametrize(
    ("words", "second"),
    [
        ([], "suppressed frequency_cap"),
        (["dropped"], "sent due"),
        (["bounced"], "sent due"),
        (["delivered", "bounced"], "suppressed frequency_cap"),
        (["opened"], "suppressed frequency_cap"),
    ],
)
def test_a_message_that_was_not_sent_gives_its_place_back(words: list[str], second: str) -> None:
    history = carts(NOON, NOON + 6 * HOUR)
    for number, word in enumerate(words):
        history.feedback(NOON + 5 * HOUR + number, word, permanent=False)
    rules = brand(caps=[{"max": 1, "per": "7d"}])
    assert said(history, [CART], rules) == ["cart k1 sent due", f"cart k2 {second}"]


def test_exempt_messages_count_for_others() -> None:
    free = campaign("welcome", "hello", "0s", exempt_from_caps=True)
    history = carts(NOON)
    history.profile(NOON + HOUR, registered_at=rfc3339(NOON + HOUR))
    history.profile(NOON + HOUR, brand="acme")
    rules = brand(caps=[{"max": 1, "per": "7d"}])
    assert said(history, [CART, free], rules) == ["hello c1/2011-03-01 sent due", "cart k1 suppressed frequency_cap"]


def sent_at(history: History, rules: BrandRules, **fields: Any) -> tuple[list[str], str]:
    """Reasons, and when it was decided at last."""
    found = records(history, [campaign("cart_abandoned", "cart", valid_for="10d", **fields)], [rules])
    return [d["reason"] for d in found], found[-1]["decided_at"][:16]


def test_public_holidays_of_market_and_region_and_weekends_close_a_channel() -> None:
    closed = [{"weekdays": ["saturday", "sunday"], "public_holidays": True}]
    easter = carts(t("2011-04-22T08:00"))
    assert sent_at(easter, brand(closed_days=closed, **LONDON)) == (["closed_day", "due"], "2011-04-24T23:00")
    in_england = carts(t("2011-04-22T08:00"), region="GB-ENG")
    assert sent_at(in_england, brand(closed_days=closed, **LONDON)) == (["closed_day", "due"], "2011-04-25T23:00")
    other_market = [closed[0] | {"market": "DE"}]
    assert sent_at(easter, brand(closed_days=other_market, **LONDON)) == (["due"], "2011-04-22T12:00")


def test_quiet_hours_and_closed_days_add_up_over_changes_of_the_clock() -> None:
    rules = {"closed_days": [{"weekdays": ["sunday"]}], "quiet_hours": [{"start": "20:00", "end": "09:00"}]}
    spring, autumn = carts(t("2011-03-26T18:00")), carts(t("2011-10-29T17:00"))
    assert sent_at(spring, brand(**rules, **LONDON)) == (["quiet_hours", "due"], "2011-03-28T08:00")
    assert sent_at(autumn, brand(**rules, **LONDON)) == (["quiet_hours", "due"], "2011-10-31T09:00")


def test_a_channel_may_have_hours_of_its_own_in_a_market() -> None:
    hours = [{"start": "12:00", "end": "18:00"}, {"start": "12:00", "end": "17:00", "market": "GB"}]
    assert sent_at(carts(NOON), brand(quiet_hours=hours, **LONDON))[1] == "2011-03-01T17:00"


def test_the_zone_is_looked_at_again_at_the_release() -> None:
    night = {"quiet_hours": [{"start": "22:00", "end": "08:00"}]}
    history = carts(t("2011-03-01T19:00"))
    history.profile(t("2011-03-02T03:00"), time_zone="America/New_York")
    assert sent_at(history, brand(**night, **LONDON)) == (["quiet_hours", "due"], "2011-03-02T13:00")


@pytest.mark.parametrize(
    ("profile", "morning"),
    [
        ({}, "08:00"),
        ({"country": "DE"}, "07:00"),
        ({"country": "DE", "region": "DE-BY"}, "05:00"),
        ({"region": "DE-BY", "home_store": "s1"}, "13:00"),
        ({"home_store": "s1", "time_zone": "Asia/Tokyo"}, None),
    ],
)
def test_the_zone_comes_from_profile_store_address_market_and_brand(
    profile: dict[str, str], morning: str | None
) -> None:
    rules = brand(
        zone="UTC",
        markets={"DE": {"zone": "Europe/Berlin"}},
        regions={"DE-BY": "Europe/Moscow"},
        stores={"s1": "America/New_York"},
        quiet_hours=[{"start": "20:00", "end": "08:00"}],
    )
    history = carts(t("2011-01-31T22:00"), **profile)
    found = sent_at(history, rules)
    assert found[1] == ("2011-02-01T02:00" if morning is None else f"2011-02-01T{morning}")


def test_the_holidays_of_every_market_are_known() -> None:
    for country in sorted(COUNTRIES):
        is_public_holiday(date(2026, 1, 1), country, f"{country}-1")
    assert is_public_holiday(date(2026, 1, 6), "DE", "DE-BY")
    assert not is_public_holiday(date(2026, 1, 6), "DE", "DE-HH")
    assert not is_public_holiday(date(2026, 1, 6), "DE", "FR-6AE")


@pytest.mark.parametrize(("look_ahead", "kept"), [("2h", True), ("59m", False)])
def test_a_slot_waits_for_a_better_message_that_is_about_to_come_due(look_ahead: str, kept: bool) -> None:
    better = campaign("welcome", "hello", "1h", priority=90)
    history = carts(NOON)
    history.profile(NOON + 4 * HOUR, registered_at=rfc3339(NOON + 4 * HOUR))
    rules = brand(look_ahead=look_ahead, caps=[{"max": 1, "per": "1d"}])
    hello = "hello c1/2011-03-01"
    if kept:
        wanted = [
            "cart k1 held look_ahead",
            f"{hello} held look_ahead",
            f"{hello} sent due",
            "cart k1 suppressed outranked",
        ]
    else:
        wanted = ["cart k1 sent due", f"{hello} suppressed frequency_cap"]
    assert said(history, [CART, better], rules) == wanted


def test_at_equal_priority_the_higher_expected_value_goes() -> None:
    worth = [campaign("cart_abandoned", name, expected_value=value) for name, value in (("a", "2"), ("b", "10.5"))]
    assert said(carts(NOON), worth, brand(hold_window="1h")) == ["b k1 sent due", "a k1 suppressed outranked"]


@pytest.mark.parametrize(
    ("listed", "known", "sellable"),
    [
        (None, "sent due", "suppressed product_unavailable"),
        ({"available": False}, "suppressed product_unavailable", "suppressed product_unavailable"),
        ({}, "sent due", "suppressed product_unavailable"),
        ({"prices": "DE"}, "suppressed product_unavailable", "suppressed product_unavailable"),
        ({"prices": "GB"}, "sent due", "sent due"),
    ],
)
def test_a_message_names_only_what_can_be_had(listed: dict[str, Any] | None, known: str, sellable: str) -> None:
    history = carts(NOON)
    if listed is not None:
        prices = [{"market": listed["prices"], "currency": "GBP", "amount": "1"}] if "prices" in listed else []
        history.product(NOON, "a", **listed | {"prices": prices})
    for products, wanted in (("any", "sent due"), ("known", known), (None, known), ("sellable", sellable)):
        asked = campaign("cart_abandoned", "cart", products=products)
        assert said(history, [asked], brand()) == [f"cart k1 {wanted}"], products


def test_of_several_items_those_that_can_be_had_are_named() -> None:
    history = carts()
    history.cart(NOON, ["a", "b"])
    history.product(NOON, "a", available=False)
    (found,) = records(history, [CART], [brand()])
    assert found["items"] == [{"product_id": "b", "quantity": 1}]
    assert from_ms(NOON).isoformat() < found["decided_at"]
