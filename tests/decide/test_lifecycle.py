"""Stages, value, scores and segments on states that were folded from events, at the moments at which they change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.campaigns import BrandRules
from schemas.envelope import Envelope
from schemas.lifecycle import LifecycleRhythm, LifecycleRules, Segment, Stage
from streams.decide import facts
from streams.decide.lifecycle import YEAR_MS, customer_facts, is_in, next_change, scores, stage, trade
from streams.decide.rules import Brand, Rules, RuleSet, compile_brand
from streams.decide.state import STATE_VERSION, CustomerState, decode_state, encode_state
from streams.decide.view import View
from tests.oracle.builders import DAY, HOUR

RHYTHM = LifecycleRhythm(min_purchases=1, prior_interval=10 * DAY, prior_weight=1, at_least=0, factor_percent=200)
LIFE = LifecycleRules(
    rhythm=RHYTHM, new_for=15 * DAY, loyal_purchases=3, loyal_within=40 * DAY, lapsed_percent=200, back_for=12 * DAY
)
"""Ten days between purchases are usual: late after 20 of silence, lapsed after 40."""


def days(*numbers: int) -> list[int]:
    return [number * DAY for number in numbers]


def bought(number: int, day: float, **data: Any) -> Envelope:
    """An order ``o<number>`` of three pieces for 10.00 each, less 1.00 in all."""
    line = {"line": "l1", "product": "p", "qty": 3, "price": 1_000, "discount": 100}
    own = {"order": f"o{number}", "channel": "web", "lines": [line]} | data
    at = int(day * DAY)
    return Envelope(f"e{number}", "order.placed", "orders", "c1", at, at, "acme", "GB", "GBP", data=own)


def sent_back(number: int, day: float, quantity: int) -> Envelope:
    lines = [{"line": "l1", "product": "p", "qty": quantity}]
    own = {"return": f"r{number}", "order": f"o{number}", "lines": lines}
    at = int(day * DAY)
    return Envelope(f"f{number}", "return.received", "returns", "c1", at, at, "acme", "GB", "GBP", data=own)


def folded(*events: Envelope) -> CustomerState:
    state = CustomerState(STATE_VERSION, "c1")
    for event in events:
        facts.apply(state, event)
    return state


def acme(**fields: Any) -> Brand:
    rules = BrandRules.model_validate({"brand": "acme", "currency": "GBP", "lifecycle": LIFE.model_dump()} | fields)
    return compile_brand(rules, "v1")


def view(state: CustomerState, day: float, brand: Brand) -> View:
    return View(state, int(day * DAY), RuleSet({}, {"acme": brand}, 1), Rules())


@pytest.mark.parametrize(
    ("bought_on", "now", "expected"),
    [
        ((), 5, "prospect"),
        ((0,), 14.99, "new"),
        ((0,), 15, "active"),
        ((0,), 19.99, "active"),
        ((0,), 20, "at_risk"),
        ((0,), 39.99, "at_risk"),
        ((0,), 40, "lapsed"),
        ((0, 39), 39, "active"),
        ((0, 40), 40, "back"),
        ((0, 40), 51.99, "back"),
        ((0, 40), 52, "active"),
        ((0, 10, 20), 20, "loyal"),
        ((0, 5, 10), 10, "new"),
        ((0, 10, 20, 30, 40), 49, "loyal"),
    ],
)
def test_a_stage_begins_at_its_moment(bought_on: tuple[int, ...], now: float, expected: Stage) -> None:
    assert stage(days(*bought_on), LIFE, int(now * DAY)) == expected


def test_a_rhythm_given_in_part_still_asks_for_one_purchase() -> None:
    given = acme(lifecycle={"rhythm": {"prior_interval": "1d", "at_least": "0s"}})
    assert customer_facts(view(folded(bought(1, 0)), 3, given), "acme")["stage"] == "at_risk"


def test_a_customer_is_loyal_until_a_purchase_day_is_as_old_as_the_window() -> None:
    calm = LIFE.model_copy(update={"rhythm": RHYTHM.model_copy(update={"at_least": 100 * DAY})})
    assert stage(days(0, 20, 30), calm, 40 * DAY - 1) == "loyal"
    assert stage(days(0, 20, 30), calm, 40 * DAY) == "active"


def test_value_is_net_of_returns_and_of_the_kept_share_of_discounts() -> None:
    brand = acme()
    state = folded(bought(1, 0), bought(2, 1), sent_back(2, 3, 1), bought(3, 2), sent_back(3, 4, 3))
    known = trade(view(state, 5, brand), brand)
    assert known.value("GBP") == (3_000 - 100) + (2_000 - 66)
    assert len(known.days) == 2
    assert known.value_since("GBP", DAY - 1) == 1_934
    assert known.value("EUR") == 0


def test_value_outlives_the_lines_and_a_year_ends_to_the_millisecond() -> None:
    brand = acme()
    state = folded(bought(1, 0), sent_back(1, 10, 1), bought(2, 200))
    assert not state.purchases["acme|o1"].lines, "the lines of the first are forgotten by then"
    assert customer_facts(view(state, 200, brand), "acme")["value_365d"] == 1_934 + 2_900
    state = decode_state(encode_state(state))
    assert customer_facts(view(state, 365, brand), "acme")["value_365d"] == 2_900
    last = View(state, YEAR_MS - 1, RuleSet({}, {"acme": brand}, 1), Rules())
    assert customer_facts(last, "acme")["value_365d"] == 1_934 + 2_900
    assert customer_facts(view(state, 365, brand), "acme")["value_lifetime"] == 1_934 + 2_900


def test_other_currencies_stand_beside_the_brands() -> None:
    brand = acme()
    foreign = bought(2, 1)
    foreign.currency = "JPY"
    known = customer_facts(view(folded(bought(1, 0), foreign), 2, brand), "acme")
    assert known["value_365d"] == 2_900
    assert known["values"]["JPY"] == {"value_365d": 2_900, "value_lifetime": 2_900}


def test_scores_follow_the_cut_points() -> None:
    brand = acme(
        rfm={"recency": ["1d", "2d", "3d", "4d"], "frequency": [1, 2, 3, 4], "monetary": ["9", "29", "30", "99"]}
    )
    known = trade(view(folded(bought(1, 0)), 0, brand), brand)
    rules = brand.rules.rfm
    found = [scores(known, rules, "GBP", now) for now in (DAY - 1, DAY, 4 * DAY - 1, 4 * DAY)]
    assert [score.recency for score in found if score] == [5, 4, 2, 1]
    assert {(score.frequency, score.monetary) for score in found if score} == {(2, 3)}
    assert scores(trade(view(folded(), 0, brand), brand), rules, "GBP", 0) is None


def test_the_next_change_is_when_membership_changes_by_time_alone() -> None:
    brand = acme()
    state = folded(bought(1, 0), bought(2, 10))
    for fields, expected in (
        ({"stages": ["at_risk"]}, [30 * DAY, 50 * DAY, None]),
        ({"value_min": "58"}, [YEAR_MS]),
        ({"purchases_max": 1}, [YEAR_MS]),
        ({"recency_min": 5}, [40 * DAY, None]),
        ({"countries": ["GB"]}, [None]),
    ):
        segment, at, found = Segment.model_validate({"id": "s", "name": "s"} | fields), 10 * DAY, []
        while len(found) < len(expected):
            inside, moment = is_in(view(state, at / DAY, brand), brand, segment), at
            while moment is not None and is_in(view(state, moment / DAY, brand), brand, segment) == inside:
                moment = next_change(view(state, moment / DAY, brand), brand, segment)
            found.append(moment)
            at = moment or at
        assert found == expected, fields


def test_waiting_brings_nobody_enough() -> None:
    brand, state = acme(), folded(bought(1, 0), bought(2, 10))
    for fields in ({"value_min": "59"}, {"purchases_min": 3}, {"recency_min": 5, "frequency_min": 5}):
        segment = Segment.model_validate({"id": "s", "name": "s", "stages": ["at_risk"]} | fields)
        assert next_change(view(state, 10, brand), brand, segment) is None


def test_a_purchase_worth_less_than_nothing_that_is_a_year_old_may_bring_enough() -> None:
    line = {"line": "l1", "product": "p", "qty": 3, "price": 1_000, "discount": 5_000}
    brand, state = acme(), folded(bought(1, 0, lines=[line]), bought(2, 10))
    segment = Segment.model_validate({"id": "s", "name": "s", "value_min": "29"})
    assert next_change(view(state, 10, brand), brand, segment) == YEAR_MS
    assert is_in(view(state, YEAR_MS / DAY, brand), brand, segment)


@pytest.mark.parametrize(("silent", "expected"), [(59, "active"), (60, "back")])
def test_nobody_has_lapsed_before_at_least_allows_it(silent: int, expected: Stage) -> None:
    rules = LIFE.model_copy(update={"rhythm": RHYTHM.model_copy(update={"at_least": 30 * DAY})})
    assert stage(days(0, silent), rules, silent * DAY) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("ac.uk", True), ("OX.ac.uk", True), ("xac.uk", False), ("uk", False), (None, False), ("", False)],
)
def test_a_domain_counts_with_all_below_it(domain: str | None, expected: bool) -> None:
    brand = acme(segments=[{"id": "academic", "name": "a", "email_domains": ["AC.uk"]}])
    state = folded(bought(1, 0))
    profile = {"birth": None, "email_domain": domain, "language": None, "country": None, "zone": None}
    profile |= {"home_store": None, "preferred": [], "company": False, "registered": None, "consents": [], "reach": []}
    facts.apply(state, Envelope("p1", "customer.updated", "customers", "c1", DAY, DAY, "acme", "GB", data=profile))
    assert (customer_facts(view(state, 2, brand), "acme")["segments"] == ["academic"]) is expected


def test_only_customers_of_the_brand_are_in_its_segments() -> None:
    brand = acme(segments=[{"id": "lead", "name": "l", "stages": ["prospect"]}])
    state = folded()
    assert customer_facts(view(state, 1, brand), "acme")["segments"] == []
    state.registered["acme"] = 0
    assert customer_facts(view(state, 1, brand), "acme")["segments"] == ["lead"]


def test_facts_of_a_prospect_and_of_an_unknown_brand_say_what_is_not_known() -> None:
    known = customer_facts(view(folded(), 1, acme()), "acme")
    unknown = {name for name, value in known.items() if value is None}
    rhythm = {"days_since_purchase", "usual_interval_days", "late_after_days", "risk_days"}
    assert unknown == rhythm | {"recency", "frequency", "monetary"}
    assert customer_facts(view(folded(), 1, acme()), "other") == {}


def test_risk_days_grow_with_silence_and_with_the_usual_interval() -> None:
    quick, slow = folded(bought(1, 0), bought(2, 4), bought(3, 8)), folded(bought(1, 0), bought(2, 24), bought(3, 48))
    facts_quick = customer_facts(view(quick, 8 + HOUR / DAY, acme()), "acme")
    assert facts_quick["risk_days"] == 6
    assert customer_facts(view(quick, 18, acme()), "acme")["risk_days"] == 16
    assert customer_facts(view(slow, 58, acme()), "acme")["risk_days"] == 29


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"segments": [{"id": "s", "name": "s"}]}, "segment 's' has no condition"),
        ({"segments": [{"id": "s", "name": "s", "company": True}] * 2}, "segment 's' is defined twice"),
        ({"rfm": {"frequency": [1, 1, 2, 3]}}, "does not rise"),
        ({"rfm": {"monetary": ["9", "10", "100", "20"]}}, "does not rise"),
        ({"rfm": {"recency": ["1d", "2d", "3d"]}}, "at least 4 items"),
    ],
)
def test_rules_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        acme(**fields)
