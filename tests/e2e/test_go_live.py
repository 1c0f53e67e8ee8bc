"""A retailer loads his history and goes on live from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from schemas.base import rfc3339, to_ms
from streams.replay.control import now
from streams.settings import Settings
from tests.e2e import kit
from tests.e2e.shop import LATER_MS, REMINDER_MS, RHYTHM_MS, SECOND, Now, campaign, shop_campaigns
from tests.oracle.builders import DAY, MINUTE, History


def test_history_then_live(settings: Settings, tmp_path: Path) -> None:
    until = (now() - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    campaigns = shop_campaigns(
        campaign("cart", "cart_abandoned", REMINDER_MS),
        campaign("cart-later", "cart_abandoned", LATER_MS),
        campaign("rhythm", "reactivation", 0, valid_for=7 * DAY, options={"min_purchases": 3, "prior_weight": 0}),
        campaign("second", "second_purchase", SECOND),
    )
    kit.write_campaigns(tmp_path / "campaigns", campaigns)
    with kit.Pipeline(settings) as pipeline:
        history = kit.write_lines(tmp_path / "history", past(to_ms(until)).sources)
        pipeline.replay(history, tmp_path / "campaigns", "--until", f"{until:%Y-%m-%d}")
        kit.succeed(settings, "go-live")
        live_from = kit.now_ms()
        assert pipeline.triggers() == []

        live = Now()
        live.cart(live_from, {"phone": 1}, "live-cart", customer_id="returning")
        live.order(live_from, {"tablet": 1}, "live-order", customer_id="returning")
        live.profile(live_from, "newcomer")
        live.order(live_from + 1, {"tablet": 1}, "first-order", customer_id="newcomer")
        live.of_order("cancelled", live_from, "latest", customer_id="regular")
        for source in sorted(live.sources, key=lambda name: name != "customers"):  # consents before what needs them
            pipeline.send(source, *live.sources[source])

        pipeline.wait(lambda: len(pipeline.triggers()) >= 3, "three triggers")
        decisions, triggers = pipeline.decisions(), pipeline.triggers()
        assert not pipeline.restarts

    sent = {trigger["decision_id"]: trigger for trigger in triggers}
    assert {(trigger["campaign"], trigger["customer_id"]) for trigger in triggers} == {
        ("cart", "returning"),
        ("second", "newcomer"),
        ("rhythm", "regular"),
    }
    assert {decision["decision_id"] for decision in decisions if decision["handed_over"]} == sent.keys()
    assert all(trigger["valid_from"] >= rfc3339(live_from) for trigger in triggers)
    found = {(decision["customer_id"], decision["campaign"]): decision for decision in decisions}
    in_the_gap = {("shopper", "cart-later"), ("gap-regular", "rhythm")}
    assert {place for place, row in found.items() if row["reason"] == "before_go_live"} == in_the_gap
    assert found["shopper", "cart"]["outcome"] == "sent", "decided in the replay, and not handed over"
    episodes = {decision["episode"] for decision in decisions if decision["campaign"] == "second"}
    assert "first-order" in episodes
    assert "live-order" not in episodes, "the returning customer's order is known as not his first"


def past(until: int) -> History:
    """What happened before: a customer of old, one in the middle of a cart, and two who buy every ten days.

    One of the two falls due between the history's end and going live. The other has bought again; without that last
    order, which he cancels live, he has been due for days.
    """
    history = History()
    for product, accessories in (("tablet", ["cover"]), ("cover", []), ("phone", [])):
        history.product(until - 90 * DAY, product, accessories)
    for customer in ("returning", "shopper", "regular", "gap-regular"):
        history.profile(until - 90 * DAY, customer)
    history.order(until - 60 * DAY, {"phone": 1}, "old-order", customer_id="returning")
    history.cart(until - 10 * MINUTE, {"phone": 1}, "gap-cart", customer_id="shopper")
    for customer, due in (("regular", until - 4 * DAY), ("gap-regular", until + 10 * MINUTE)):
        for number in range(3):
            at = due - RHYTHM_MS - number * 10 * DAY
            history.order(at, {"phone": 1}, f"{customer}-{number}", customer_id=customer)
    history.order(until - 5 * DAY, {"phone": 1}, "latest", customer_id="regular")
    return history
