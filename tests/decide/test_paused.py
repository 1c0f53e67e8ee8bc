"""A campaign or a channel that somebody has stopped: what comes due meanwhile is suppressed for good."""

from __future__ import annotations

from schemas.campaigns import Campaign
from tests.decide.live import NOON, Live
from tests.oracle.builders import HOUR, campaign

CART = campaign("cart_abandoned", "cart", "0s", valid_for="2d")
TWO_WAYS = campaign("cart_abandoned", "cart", "0s", valid_for="2d", channels=["email", "push"])


def word(live: Live, what: str, name: str, paused: bool, brand: str | None = None) -> None:
    live.control(kind="pause", what=what, name=name, brand=brand, paused=paused)


def shop(*campaigns: Campaign) -> Live:
    """Customer c1 can be reached by mail and by push; a cart at noon and one each hour after it."""
    live = Live(*campaigns)
    live.read("customers", live.history.profile(NOON - HOUR, reach=("email", "push")))
    for hour in range(4):
        live.read("web-sessions", live.history.cart(NOON + hour * HOUR, f"p{hour}", f"k{hour}"))
    return live


def until(live: Live, hour: int) -> list[str]:
    """All is complete a moment after the cart of that hour."""
    return live.reach(NOON + hour * HOUR + 1, NOON + hour * HOUR + 1)


def test_it_counts_from_where_it_is_read_until_it_goes_on() -> None:
    live = shop(CART)
    assert until(live, 0) == ["cart sent due 12:00"]
    word(live, "campaign", "cart", True)
    assert until(live, 1) == ["cart suppressed campaign_paused 13:00"]
    live.restart()
    assert until(live, 2) == ["cart suppressed campaign_paused 14:00"]
    word(live, "campaign", "cart", False)
    live.restart()
    assert until(live, 3) == ["cart sent due 15:00"]


def test_a_word_before_the_clock_has_moved_counts_for_what_was_read_before_it() -> None:
    live = shop(CART)
    word(live, "campaign", "cart", True)
    word(live, "campaign", "cart", False)
    word(live, "campaign", "other", True)
    assert until(live, 0) == ["cart sent due 12:00"]
    word(live, "campaign", "cart", True)
    assert until(live, 3) == [f"cart suppressed campaign_paused {hour}:00" for hour in (13, 14, 15)]


def test_a_channel_that_is_stopped_leaves_the_others() -> None:
    live = shop(TWO_WAYS)
    word(live, "channel", "email", True)
    until(live, 0)
    assert live.channels == ["push"]
    word(live, "channel", "push", True)
    assert until(live, 1) == ["cart suppressed channel_paused 13:00"]
    word(live, "channel", "email", False)
    until(live, 2)
    assert live.channels == ["push", None, "email"]


def test_it_may_be_of_one_brand() -> None:
    live = shop(CART)
    word(live, "campaign", "cart", True, "another")
    assert until(live, 0) == ["cart sent due 12:00"]
    word(live, "campaign", "cart", True, "acme")
    word(live, "campaign", "cart", False)
    assert until(live, 1) == ["cart suppressed campaign_paused 13:00"], "each word is of its own brand, or of all"


def test_a_candidate_that_waits_in_its_slot_is_stopped_at_its_release() -> None:
    live = shop(campaign("cart_abandoned", "cart", "0s", valid_for="2d", sources=["pos-transactions"]))
    assert live.reach(NOON + 1, 0) == ["cart held source_waits 12:00"]
    word(live, "campaign", "cart", True)
    assert live.reach(NOON + HOUR, NOON + HOUR) == ["cart suppressed campaign_paused 12:05"]
