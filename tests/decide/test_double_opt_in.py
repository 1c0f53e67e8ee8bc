"""Double opt-in: a grant counts from its confirmation on; core and oracle alike."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from schemas.base import rfc3339
from schemas.campaigns import BrandRules
from schemas.envelope import Envelope
from streams.backtest import backtest_history
from streams.decide.facts import is_confirmed
from streams.decide.merge import absorb
from streams.decide.state import STATE_VERSION, CustomerState, encode_state
from streams.intake.admit import Admission
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
SENT = NOON + 4 * HOUR
CART = campaign("cart_abandoned", "cart")


def words(history: History, rules: BrandRules, purpose: str = "marketing") -> list[str]:
    """Outcome and reason of the cart's decisions, as core and oracle agree on."""
    wanted = [CART.model_copy(update={"purpose": purpose})]
    found = backtest_history(history.sources, wanted, [rules], LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, wanted, [rules], LATENESS)
    return [f"{row['outcome']} {row['reason']}" for row in found.decisions]


def left_a_cart(**consent: Any) -> History:
    """A profile of the day before with one more field in each consent, and a cart at noon."""
    history = History()
    profile = history.profile(NOON - DAY, country="DE")
    for each in profile["consents"]:
        each |= consent
    history.cart(NOON, "a")
    return history


def confirmed(at: int) -> dict[str, str]:
    return {"confirmed_at": rfc3339(at)}


@pytest.mark.parametrize(
    ("consent", "found"),
    [
        ({}, "suppressed consent_unconfirmed"),
        (confirmed(NOON - DAY), "sent due"),
        (confirmed(SENT), "sent due"),
        (confirmed(SENT + 1), "suppressed consent_unconfirmed"),
        (confirmed(NOON - DAY - 1), "suppressed consent_unconfirmed"),
    ],
)
def test_a_grant_counts_from_its_confirmation_on(consent: dict[str, str], found: str) -> None:
    history = left_a_cart(**consent)
    assert words(history, brand(double_opt_in=True)) == [found]
    assert words(history, brand()) == ["sent due"]


@pytest.mark.parametrize(
    ("whole", "in_market", "found"),
    [
        (False, True, "suppressed consent_unconfirmed"),
        (True, False, "sent due"),
        (True, None, "suppressed consent_unconfirmed"),
        (False, None, "sent due"),
    ],
)
def test_a_market_may_say_otherwise_than_its_brand(whole: bool, in_market: bool | None, found: str) -> None:
    rules = brand(double_opt_in=whole, markets={"DE": {"double_opt_in": in_market}})
    assert words(left_a_cart(), rules) == [found]


def test_service_messages_need_no_confirmation() -> None:
    assert words(left_a_cart(), brand(double_opt_in=True), "service") == ["sent due"]


def test_a_confirmation_may_come_by_itself_and_a_new_grant_needs_a_new_one() -> None:
    rules, history = brand(double_opt_in=True), left_a_cart()
    same = {"channel": "email", "status": "granted", "at": rfc3339(NOON - DAY)}
    history.add("customers", "customer.updated", NOON, customer_id="c1", consents=[same | confirmed(NOON)])
    assert words(history, rules) == ["sent due"]
    withdrawn = same | {"status": "withdrawn", "at": rfc3339(NOON + HOUR)}
    anew = same | {"at": rfc3339(NOON + 2 * HOUR)}
    history.add("customers", "customer.updated", NOON + 2 * HOUR, customer_id="c1", consents=[withdrawn, anew])
    assert words(history, rules) == ["suppressed consent_unconfirmed"]


def test_a_withdrawal_takes_back_what_was_handed_over() -> None:
    history = left_a_cart(**confirmed(NOON - DAY))
    history.withdraw(SENT + 5 * MINUTE)
    assert words(history, brand(double_opt_in=True)) == ["sent due", "cancelled consent_withdrawn"]


def test_known_and_withdrawn_rank_behind_what_waits_for_its_confirmation() -> None:
    history = left_a_cart()
    history.withdraw(NOON, "push")
    both = CART.model_copy(update={"channels": ["push", "email"]})
    found = backtest_history(history.sources, [both], [brand(double_opt_in=True)], LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, [both], [brand(double_opt_in=True)], LATENESS)
    assert [row["reason"] for row in found.decisions] == ["consent_unconfirmed"]
    gate = found.decisions[0]["gates"][-1]["value"]
    assert gate == "push: marketing withdrawn; email: marketing granted, not confirmed"


KEY = "acme|email|marketing"


def person(name: str, word: tuple[bool, int] | None, confirmed: int | None, source: str | None = None) -> CustomerState:
    state = CustomerState(STATE_VERSION, name)
    state.consents = {} if word is None else {KEY: word}
    state.confirmed = {} if confirmed is None else {KEY: confirmed}
    state.consent_sources = {} if source is None else {KEY: source}
    return state


@pytest.mark.parametrize(
    ("mine", "theirs", "at", "source"),
    [
        (((True, 1), 2, "till"), ((True, 3), 5, "web"), 5, "web"),
        (((True, 4), 6, "till"), ((True, 3), 5, None), 6, "till"),
        (((True, 1), 2, None), ((True, 3), None, "web"), None, "web"),
        (((True, 1), None, None), ((True, 3), 5, None), None, None),
        ((None, None, None), ((True, 3), 5, "web"), 5, "web"),
        (((True, 3), 5, "web"), (None, None, None), 5, "web"),
        (((True, 9), 9, "till"), ((False, 3), None, "web"), None, "web"),
    ],
)
def test_of_two_grants_both_have_to_be_confirmed(mine: Any, theirs: Any, at: int | None, source: str | None) -> None:
    state, other = person("c1", *mine), person("c2", *theirs)
    carried = base64.b64encode(encode_state(other)).decode()
    absorb(state, Envelope("m", "merge.in", "identity", "c1", 9, 9, data={"merge": "m", "state": carried}))
    assert (state.confirmed.get(KEY), state.consent_sources.get(KEY)) == (at, source)
    granted, since = state.consents[KEY]
    assert is_confirmed(state, KEY, 100) == (at is not None and at >= since)
    assert granted == (theirs[0] is None or theirs[0][0])


def test_source_and_confirmation_come_through_intake() -> None:
    record = left_a_cart(source="till s1", **confirmed(NOON)).sources["customers"][0]
    for fast in (True, False):
        admission = Admission(None) if fast else Admission(None, None)
        admission.admit("customers", msgspec.json.encode(record), NOON, NOON)
        admitted = admission.admit("customers", msgspec.json.encode(record), NOON, NOON)
        assert isinstance(admitted, list)
        rows = admitted[0][1].data["consents"]
        assert {(row["source"], row["confirmed"]) for row in rows} == {("till s1", NOON)}
