"""Campaigns that name sources wait for them, and give up: a late till file, and a feed that is dead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.campaigns import Campaign
from tests.decide.live import NOON, TILLS, Live
from tests.oracle.builders import HOUR, MINUTE, campaign


def cart(name: str = "cart", **fields: Any) -> Campaign:
    return campaign(
        "cart_abandoned", name, "0s", **{"sources": [TILLS], "stale_after": "2h", "valid_for": "2d", **fields}
    )


def with_a_cart(*campaigns: Campaign) -> Live:
    live = Live(*campaigns)
    live.read("customers", live.history.profile(NOON - HOUR))
    live.read("web-sessions", live.history.cart(NOON, "a"))
    return live


def test_a_message_waits_for_the_file_and_sees_what_is_in_it() -> None:
    live = with_a_cart(cart())
    assert live.reach(NOON + 20 * MINUTE, 0) == ["cart held source_waits 12:00"]
    live.read(TILLS, live.history.receipt(NOON - MINUTE, "a"))
    live.read(TILLS, live.history.receipt(NOON + 10 * MINUTE, "a", 2))
    assert live.reach(NOON + 21 * MINUTE, NOON) == ["cart suppressed bought_in_store 12:20"]


def test_a_complete_source_lets_it_go_at_the_next_look() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 1, NOON - 1)
    assert live.reach(NOON + 5 * MINUTE, NOON) == []
    assert live.reach(NOON + 5 * MINUTE + 1, NOON) == ["cart sent due 12:05"]


def test_at_the_end_of_its_patience_it_is_not_sent() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 2 * HOUR, NOON - 1)
    assert live.reasons == ["cart held source_waits 12:00"]
    assert live.reach(NOON + 2 * HOUR + 1, NOON - 1) == ["cart suppressed source_stale 14:00"]


def test_without_patience_it_is_stale_at_once_and_others_go() -> None:
    live = with_a_cart(cart(stale_after="0s"), cart("other", sources=[], priority=10))
    assert live.reach(NOON + 1, 0) == ["cart suppressed source_stale 12:00", "other sent due 12:00"]


def test_others_of_the_slot_do_not_wait() -> None:
    live = with_a_cart(cart(), cart("other", sources=["orders"], priority=10))
    assert live.reach(NOON + 1, 0) == ["other sent due 12:00", "cart held source_waits 12:00"]


def test_a_silent_source_is_behind_even_if_it_looks_complete() -> None:
    live = with_a_cart(cart(sources=["orders"], silent_after="30m", stale_after="1h"))
    dead, alive = NOON - 30 * MINUTE - 1, NOON - 25 * MINUTE
    assert live.reach(NOON + 1, 0, {"orders": dead}) == ["cart held source_waits 12:00"]
    assert live.reach(NOON + 6 * MINUTE, 0, {"orders": alive}) == ["cart sent due 12:05"]


def test_a_restart_while_it_waits_changes_nothing() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 1, NOON - 1)
    live.restart()
    assert live.reach(NOON + 4 * MINUTE, NOON) == []
    live.restart()
    assert live.reach(NOON + 6 * MINUTE, NOON) == ["cart sent due 12:05"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sources": ["orders", "orders"]}, "one is there twice"),
        ({"sources": ["ordres"]}, "Input should be 'orders'"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        cart(**fields)


def test_on_arrival_waits_for_nothing() -> None:
    with pytest.raises(ValidationError, match="leave sources out"):
        campaign("welcome", "hello", "0s", timing="on_arrival", sources=["orders"])
