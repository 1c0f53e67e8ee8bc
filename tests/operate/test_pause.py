"""``cuepoint pause`` and ``resume`` on a live pipeline of real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from streams.tools import consumer, read_progress
from streams.topics_admin import ensure_topics
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, SECOND, Now, campaign, shop_campaigns
from tests.oracle.builders import History, t

START = t("2025-03-03T10:00")


def cart(pipeline: kit.Pipeline, customer: str) -> int:
    """A cart is left now; returns when the reminder is due."""
    live, moment = Now(), kit.now_ms()
    live.cart(moment, {"mug": 1}, f"cart-{customer}", customer_id=customer)
    pipeline.send("web-sessions", *live.sources["web-sessions"])
    return moment + REMINDER_MS


def fates(pipeline: kit.Pipeline) -> dict[str, str]:
    """Customer -> reason of what was decided last."""
    return {decision["customer_id"]: decision["reason"] for decision in pipeline.decisions()}


def told(settings: Settings, stage: str) -> int:
    """Until when every partition of the stage has told everything."""
    with consumer(settings) as client:
        rows = [row for (name, _), row in read_progress(client, settings).items() if name == stage]
    return min((row.clock or 0 for row in rows), default=0)


def test_everything_a_campaign_and_a_channel_are_stopped_and_go_on(broker: Any, prefix: str, tmp_path: Path) -> None:
    settings = kit.small_settings(broker, prefix, tmp_path)
    history = History()
    for number in range(1, 5):
        history.profile(START, f"c{number}")
    kit.write_lines(tmp_path / "history", history.sources)
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    with kit.Pipeline(settings) as pipeline:
        pipeline.replay(tmp_path / "history", tmp_path / "campaigns")
        kit.succeed(settings, "go-live")
        kit.succeed(settings, "pause", "campaign", "cart", "--reason", "wrong price", "--by", "marketing")
        cart(pipeline, "c1")
        pipeline.wait(lambda: fates(pipeline) == {"c1": "campaign_paused"}, "the campaign is stopped", 120)
        assert "wrong price" in kit.succeed(settings, "paused")
        assert "campaign cart" in kit.succeed(settings, "top", "--once")
        kit.succeed(settings, "resume", "campaign", "cart")
        kit.succeed(settings, "pause", "channel", "email", "--brand", "acme")
        cart(pipeline, "c2")
        pipeline.wait(lambda: fates(pipeline).get("c2") == "channel_paused", "the channel is stopped", 120)
        kit.succeed(settings, "resume", "channel", "email", "--brand", "acme")

        kit.succeed(settings, "pause", "everything", "--reason", "the night is long")
        pipeline.wait(lambda: "stage paused" in pipeline.log("decide"), "decide has heard it")
        due = cart(pipeline, "c3")
        pipeline.kill("decide")
        pipeline.wait(lambda: told(settings, "identity") > due + 3 * SECOND, "the stages before it go on", 120)
        assert "c3" not in fates(pipeline)
        assert "the night is long" in kit.succeed(settings, "paused")
        kit.succeed(settings, "resume", "everything")
        pipeline.wait(lambda: fates(pipeline).get("c3") == "due", "what waited is decided", 120)
        assert kit.succeed(settings, "paused") == "nothing is paused\n"
        explained = kit.succeed(settings, "explain", "c1", "--recompute")
        assert "Somebody has stopped the campaign" in explained


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("resume", "everything"), "Everything runs already"),
        (("resume", "campaign", "cart"), "is not paused already"),
        (("pause", "campaign", "cart"), "No campaign 'cart' is published"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], sentence: str, settings: Settings) -> None:
    ensure_topics(settings, ["control", "campaigns", "switch"])
    done = kit.command(settings, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
