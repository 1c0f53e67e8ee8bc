"""A campaign published while the workers run takes effect without a restart."""

from __future__ import annotations

from pathlib import Path

from streams.settings import Settings
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, Now, campaign, shop_campaigns


def test_a_campaign_takes_effect_without_a_restart(settings: Settings, tmp_path: Path) -> None:
    kit.write_campaigns(tmp_path / "first", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    changed = campaign("cart", "cart_abandoned", REMINDER_MS, key="second")
    added = campaign("welcome", "welcome", 0)
    kit.write_campaigns(tmp_path / "second", shop_campaigns(changed, added))
    live = Now()
    with kit.Pipeline(settings) as pipeline:
        kit.succeed(settings, "campaigns", "publish", tmp_path / "first")
        kit.succeed(settings, "go-live")
        pipeline.send("customers", live.profile(kit.now_ms(), "c1"))
        pipeline.send("web-sessions", live.cart(kit.now_ms(), {"phone": 1}, "cart-1", customer_id="c1"))
        pipeline.wait(lambda: pipeline.triggers(), "the first reminder")

        kit.succeed(settings, "campaigns", "publish", tmp_path / "second")
        pipeline.send("web-sessions", live.cart(kit.now_ms(), {"phone": 1}, "cart-2", customer_id="c1"))
        registered = {"registered_at": live.profile(kit.now_ms(), "c2")["occurred_at"]}
        pipeline.send("customers", live.profile(kit.now_ms(), "c2", **registered))
        pipeline.wait(lambda: len(pipeline.triggers()) == 3, "the reminder and the welcome of the new version")

        triggers, decisions = pipeline.triggers(), pipeline.decisions()
        assert not pipeline.restarts
    assert {(trigger["campaign"], trigger["content_key"]) for trigger in triggers} == {
        ("cart", "first"),
        ("cart", "second"),
        ("welcome", "first"),
    }
    versions = {decision["campaign_version"] for decision in decisions if decision["campaign"] == "cart"}
    assert len(versions) == 2
