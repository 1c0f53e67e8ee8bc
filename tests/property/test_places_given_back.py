"""Feedback and caps: what a channel drops or loses gives its place back, named or not, in any order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from schemas.campaigns import BrandRules, Campaign
from streams.backtest import backtest_history
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t
from tests.oracle.customer import Key
from tests.oracle.walk import decision_id
from tests.property.choices import CHANNELS, Chooser

START = t("2011-03-20T09:00")
CASES = 150
WORDS = ("dropped", "bounced", "dropped", "delivered", "opened", "clicked", "accepted")


def campaigns(choose: Chooser) -> list[Campaign]:
    """Cart reminders on different channels, which share caps."""
    return [
        campaign("cart_abandoned", name, choose.one_of(("0s", "1h")), channels=[channel], valid_for="10d")
        for name, channel in (("mail", "email"), ("app", "push"))
    ]


def rules(choose: Chooser) -> BrandRules:
    caps = [
        {
            "channel": choose.one_of(("*", "email")),
            "max": choose.one_of((1, 2)),
            "per": choose.one_of(("1d", "7d", "day")),
        }
        for _ in range(choose.up_to(2, 1))
    ]
    lists = [{"id": "few", "channel": "push", "max": 1, "times": ["18:00"]}] if choose.chance(30) else []
    return brand(caps=caps, zone="Europe/London", lists=lists)


def history(choose: Chooser) -> History:
    """One customer's carts, and what channels say about the messages or about none."""
    told, at, carts = History(), START, 0
    told.profile(START - DAY, reach=CHANNELS)
    told.profile(START - DAY, "c2", reach=CHANNELS)
    for _ in range(choose.up_to(14, 6)):
        at += choose.one_of((MINUTE, HOUR, 5 * HOUR, 12 * HOUR, DAY))
        if choose.chance(45):
            carts += 1
            told.cart(at, "a", f"k{carts}", customer_id=choose.one_of(("c1", "c1", "c2")))
        else:
            told.feedback(at, choose.one_of(WORDS), choose.one_of(CHANNELS[:2]), **_about(choose, carts))
    if choose.chance(20):
        told.merged(at + HOUR, "c2", "c1")
        told.cart(at + 2 * HOUR, "a", "last")
    return told


def _about(choose: Chooser, carts: int) -> dict[str, Any]:
    soft = {"permanent": False}
    if not carts or choose.chance(40):
        return soft
    name, cart = choose.one_of(("mail", "app")), f"k{choose.up_to(carts, 1)}"
    return soft | {"decision_id": decision_id(Key(name, cart, 1, "acme"))}


def outcomes(told: History, wanted: list[Campaign], of: BrandRules) -> set[tuple[str, str, str]]:
    """Core and oracle have to agree."""
    by_core = backtest_history(told.sources, wanted, [of], LATENESS).outcomes
    assert by_core == oracle_decisions(told.sources, wanted, [of], LATENESS)
    return by_core


def test_places_that_feedback_gives_back_are_taken_by_others() -> None:
    """And the cases reach it: without this feedback a message that went would have met its cap."""
    reached: Counter[str] = Counter()
    for seed in range(CASES):
        choose = Chooser(seed)
        told, wanted, of = history(choose), campaigns(choose), rules(choose)
        all_ = outcomes(told, wanted, of)
        for word in ("dropped", "bounced"):
            told_less = History()
            told_less.sources = told.sources | {
                "channel-feedback": [row for row in told.sources["channel-feedback"] if row["status"] != word]
            }
            without = outcomes(told_less, wanted, of)
            capped = {name for name, _, reason in without if reason == "frequency_cap"}
            reached[word] += sum(outcome == "sent" and name in capped for name, outcome, _ in all_)
    assert min(reached["dropped"], reached["bounced"]) >= 5, reached
