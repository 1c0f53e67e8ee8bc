"""The cluster is lost, with a real broker and real workers: a backup's state goes on with empty logs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from schemas.topics import STAGES
from streams.replay.control import now
from streams.settings import Settings
from streams.tools import consumer, latest_values
from tests.e2e import kit
from tests.e2e.shop import BRAND, Now, campaign, shop_campaigns
from tests.oracle.builders import DAY, History

CHANGELOGS = [stage.changelog for stage in STAGES.values()]
RESTORE_S = 90.0
DUE_MS = 15_000
"""A reminder comes so long after its cart: longer than it takes to stop the workers."""


def restore(settings: Settings, *arguments: object) -> str:
    """Restore as soon as the group has forgotten the workers that were stopped."""
    deadline = time.monotonic() + RESTORE_S
    while (done := kit.command(settings, "backup", "restore", *arguments)).returncode:
        assert "workers of" in done.stderr, done.stderr
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.5)
    return str(done.stdout + done.stderr)


def in_changelogs(settings: Settings, name: str) -> set[str]:
    """The changelogs that hold a name."""
    with consumer(settings) as client:
        return {
            topic
            for topic in CHANGELOGS
            for (_, key), value in latest_values(client, settings, topic).items()
            if name.encode() in key + value
        }


def test_a_backups_state_goes_on_with_new_logs_and_nothing_old_is_sent(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", DUE_MS)))
    until = now().replace(hour=0, minute=0, second=0, microsecond=0)
    history = History()
    for who in ("known", "waiting"):
        history.profile(kit.now_ms() - 9 * DAY, who)
    files = kit.write_lines(tmp_path / "history", history.sources)
    backups = tmp_path / "backups"
    with kit.Pipeline(settings) as pipeline:
        pipeline.replay(files, tmp_path / "campaigns", "--until", f"{until:%Y-%m-%d}")
        kit.succeed(settings, "go-live")
        due = leave_cart(pipeline, "waiting") + DUE_MS
        pipeline.wait(lambda: in_changelogs(settings, "cart-of-waiting"), "the cart is known")
        pipeline.stop()
        kit.succeed(settings, "backup", "create", backups)
        assert pipeline.decisions() == [], "his reminder was not due when everything stopped"

    anew = settings.model_copy(update={"topic_prefix": f"{prefix}-new"})
    pipeline = kit.Pipeline(anew)
    refused = kit.command(anew, "backup", "restore", backups)
    assert f"is of the topics {prefix}.*" in refused.stderr
    while kit.now_ms() < due:
        time.sleep(0.2)
    restore(anew, backups, "--new-logs")
    with pipeline:
        leave_cart(pipeline, "known")
        pipeline.wait(lambda: len(pipeline.decisions()) >= 2, "both reminders are decided")
        reasons = {row["customer_id"]: row["reason"] for row in pipeline.decisions()}
        assert reasons["waiting"] == "before_go_live"
        assert [trigger["customer_id"] for trigger in pipeline.triggers()] == ["known"]
        assert not pipeline.restarts
        shown = json.loads(kit.succeed(anew, "state", "show", "waiting"))
        assert [entry["stage"] for entry in shown] == ["decide"]
        assert set(shown[0]["state"]["carts"]) == {f"{BRAND}|cart-of-waiting"}
        sizes = [json.loads(line) for line in kit.succeed(anew, "state", "sizes", "--json").splitlines()]
        held = [row["kinds"]["customers"] for row in sizes if "customers" in row["kinds"]]
        assert sum(held) == 2
        place = json.loads(kit.succeed(anew, "state", "position", "decide", str(shown[0]["partition"])))
        assert place["extra"]["live_from"] >= due


def leave_cart(pipeline: kit.Pipeline, who: str) -> int:
    """Somebody leaves a cart now; when that was."""
    live, at = Now(), kit.now_ms()
    live.cart(at, {"phone": 1}, f"cart-of-{who}", customer_id=who)
    pipeline.send("web-sessions", *live.sources["web-sessions"])
    return at
