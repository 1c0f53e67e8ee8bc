"""Holdouts, arms and ghosts, by example, through the whole core."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.campaigns import BrandRules, Campaign, Experiment
from schemas.experiments import Holdout
from streams.backtest import backtest_history
from streams.decide.experiments import arm_name, arm_of, draw, held_out
from streams.decide.state import STATE_VERSION, CustomerState, Exposure
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
PEOPLE = [f"c{number}" for number in range(2_000)]
ALL = {"percent": 100}


def decisions(history: History, campaigns: list[Campaign], rules: BrandRules) -> list[dict[str, Any]]:
    """What the core decides; the oracle has to agree."""
    found = backtest_history(history.sources, campaigns, [rules], LATENESS)
    assert found.outcomes == oracle_decisions(history.sources, campaigns, [rules], LATENESS)
    return found.decisions


def carts(*people: str) -> History:
    history = History()
    for person in people:
        history.profile(NOON - DAY, person)
        history.cart(NOON, "a", f"k-{person}", customer_id=person)
    return history


def told(found: list[dict[str, Any]]) -> list[str]:
    return [f"{d['campaign']} {d['outcome']} {d['reason']}" for d in found]


def test_a_holdout_grows_and_shrinks_without_drawing_again() -> None:
    def held(percent: str) -> set[str]:
        return {person for person in PEOPLE if held_out(Holdout(percent=percent), "acme", person)}

    assert held("0") == set()
    assert held("5") < held("7.25") < held("10") < held("100") == set(PEOPLE)
    assert 140 < len(held("10")) < 260
    assert held("10") != {person for person in PEOPLE if held_out(Holdout(percent="10", salt="b"), "acme", person)}


def test_arms_follow_their_weights_and_stay_with_those_who_were_exposed() -> None:
    def arms(*weights: int) -> list[str]:
        test = Experiment(arms=[{"id": f"a{n}", "weight": weight} for n, weight in enumerate(weights)])
        return [arm_of(test, "cart", CustomerState(STATE_VERSION, person)).id for person in PEOPLE]

    assert 1_350 < arms(3, 1).count("a0") < 1_650
    assert set(arms(0, 1)) == {"a1"}
    closed = Experiment(arms=[{"id": "a0", "weight": 0}, {"id": "a1"}])
    exposed = CustomerState(STATE_VERSION, "c1", exposures={arm_name(closed, "cart"): Exposure("a0")})
    assert arm_of(closed, "cart", exposed).id == "a0"
    assert 0 <= min(draw("s", person, 7) for person in PEOPLE) <= max(draw("s", person, 7) for person in PEOPLE) == 6


@pytest.mark.parametrize(
    ("of_campaign", "of_brand", "wanted"),
    [
        ({}, {"holdout": ALL}, "cart ghost global_holdout"),
        ({"holdout": ALL}, {}, "cart ghost campaign_holdout"),
        ({"holdout": ALL}, {"holdout": ALL}, "cart ghost global_holdout"),
        ({"purpose": "service"}, {"holdout": ALL}, "cart sent due"),
        ({"holdout": ALL, "channels": ["sms"]}, {}, "cart suppressed no_consent"),
    ],
)
def test_who_is_held_out_gets_a_ghost(of_campaign: dict[str, Any], of_brand: dict[str, Any], wanted: str) -> None:
    asked = campaign("cart_abandoned", "cart", **of_campaign)
    assert told(decisions(carts("c1"), [asked], brand(**of_brand))) == [wanted]


def test_a_ghost_says_what_would_have_been_sent_and_nothing_takes_it_back() -> None:
    offer = {"kind": "percent", "value": "10", "code": "SPRING"}
    asked = campaign("cart_abandoned", "cart", holdout=ALL, offer=offer)
    history = carts("c1")
    history.order(NOON + 5 * HOUR, "a")
    (ghost,) = decisions(history, [asked], brand(in_flight="1d"))
    assert (ghost["outcome"], ghost["channel"], ghost["content_key"]) == ("ghost", "email", "k")
    assert ghost["offer"]["code"] == "SPRING"
    assert not ghost["handed_over"]
    (found,) = backtest_history(history.sources, [asked], [brand()], LATENESS).decisions
    assert {"gate": "holdout", "passed": False, "value": "in the 100% of cart"} in found["gates"]


def test_a_ghost_is_in_the_way_of_ghosts_only() -> None:
    names = {"first": 90, "second": 80, "third": 70, "fourth": 60}
    asked = [
        campaign("cart_abandoned", name, priority=rank, **({"holdout": ALL} if name in ("first", "second") else {}))
        for name, rank in names.items()
    ]
    assert told(decisions(carts("c1"), asked, brand(hold_window="1h"))) == [
        "first ghost campaign_holdout",
        "second suppressed outranked",
        "third sent due",
        "fourth suppressed outranked",
    ]


def test_caps_count_ghosts_for_ghosts_only() -> None:
    held = campaign("cart_abandoned", "held", holdout=ALL, after=["1h", "2h"])
    real = campaign("cart_abandoned", "real", after=["3h", "4h"])
    rules = brand(caps=[{"max": 1, "per": "1d"}])
    assert told(decisions(carts("c1"), [held, real], rules)) == [
        "held ghost campaign_holdout",
        "held suppressed frequency_cap",
        "real sent due",
        "real suppressed frequency_cap",
    ]


def test_an_arm_has_its_own_content_and_offer() -> None:
    other = {"key": "other", "languages": ["en"], "fallback": ["en"]}
    arms = [{"id": "a"}, {"id": "b", "content": other, "offer": {"kind": "free_shipping"}}]
    asked = campaign("cart_abandoned", "cart", experiment={"arms": arms}, offer={"kind": "gift"})
    people = PEOPLE[:20]
    found = {d["customer_id"]: d for d in decisions(carts(*people), [asked], brand())}
    assert {d["arm"] for d in found.values()} == {"a", "b"}
    for decision in found.values():
        wanted = {"a": ("k", "gift"), "b": ("other", "free_shipping")}[decision["arm"]]
        assert (decision["content_key"], decision["offer"]["kind"]) == wanted


def test_a_merged_profile_keeps_the_survivors_arm_and_is_flagged() -> None:
    asked = campaign("cart_abandoned", "cart", experiment={"arms": [{"id": "a"}, {"id": "b"}]})
    drawn = {person: draw("cart", person, 2) for person in PEOPLE[:20]}
    keeps = "c1"
    alike = next(person for person in drawn if person != keeps and drawn[person] == drawn[keeps])
    unlike = next(person for person in drawn if drawn[person] != drawn[keeps])
    for gone, mixed in ((alike, False), (unlike, True)):
        history = carts(keeps, gone)
        history.merged(NOON + DAY, gone, keeps)
        history.cart(NOON + 2 * DAY, "a", "later", customer_id=keeps)
        first, last = [d for d in decisions(history, [asked], brand()) if d["customer_id"] == keeps]
        assert first["arm"] == last["arm"] == "ab"[drawn[keeps]]
        assert (first["mixed"], last["mixed"]) == (False, mixed)
