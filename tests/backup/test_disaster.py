"""The disaster, with a real broker and real workers: all state and the sink's file are lost, and come back."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from sinks.snapshots import LATEST
from streams.backup.files import read_entries
from streams.backup.manifest import find_backup, read_manifest
from streams.replay.control import now
from streams.settings import Settings
from streams.simulate.retailer import START_MS
from streams.tools import consumer, latest_values
from streams.topics_admin import delete_topics, ensure_topics
from tests.e2e import kit
from tests.e2e.retailer import BRAND as SHOP
from tests.e2e.retailer import backtest, make_retailer, moment, small_campaigns
from tests.e2e.shop import BRAND, Now, campaign, shop_campaigns
from tests.oracle.builders import DAY, History
from tests.sinks.pipeline import start_sink

GONE, GONE_LATER = "s-returned", "s-looks"
"""Erased between the backup and the loss, and after both."""
CHANGELOGS = [stage.changelog for stage in STAGES.values()]
CORE = ("fct_order_lines", "fct_returns", "fct_pos_lines", "fct_decisions", "fct_feedback", "dim_customers")
RESTORE_S, REACH_S = 90.0, 240.0
DUE_MS = 15_000
"""A reminder comes so long after its cart: longer than it takes to stop the workers."""


def drain(settings: Settings) -> None:
    """Write all that is on the topics, and publish."""
    with start_sink(settings) as sink:
        _, log = sink.communicate(timeout=REACH_S)
    assert sink.returncode == 0, log


def rows(path: Path) -> dict[str, list[str]]:
    with duckdb.connect(str(path), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        return {name: sorted(map(repr, database.execute(f"FROM core.{name}").fetchall())) for name in CORE}


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


def once(records: list[dict[str, object]], *fields: str) -> Counter[tuple[object, ...]]:
    return Counter(tuple(record[field] for field in fields) for record in records)


def reach(pipeline: kit.Pipeline, clocks: kit.Clocks, moment: int) -> None:
    pipeline.wait(lambda: (clocks.slowest() or 0) >= moment, f"the clock reaches {moment}", REACH_S)


@pytest.mark.timeout(900)
def test_nothing_is_lost_doubled_or_sent_twice_and_who_was_erased_stays_erased(
    broker: LocalBroker, prefix: str, tmp_path: Path
) -> None:
    settings = kit.small_settings(broker, prefix, tmp_path, replay_ahead_ms=3 * DAY, snapshot_interval_s=1.0)
    retailer = make_retailer(tmp_path)
    erased = History()
    for who, at in ((GONE, moment(20, 9)), (GONE_LATER, moment(35, 9))):
        erased.add("customers", "customer.erased", at, arrived=at, customer_id=who, brand=SHOP)
    kit.write_lines(retailer.history, erased.sources)
    expected = backtest(retailer.history, small_campaigns()).decisions
    backups = tmp_path / "backups"
    with kit.Pipeline(settings) as pipeline, kit.Clocks(settings) as clocks:
        with pipeline.replaying(retailer.history, retailer.campaigns, "--hand-over") as replay:
            reach(pipeline, clocks, START_MS + 14 * DAY)
            replay.send_signal(signal.SIGSTOP)  # the sources hold still, so that the history lasts; the workers go on
            with start_sink(settings, drain=False) as sink:
                pipeline.wait((settings.snapshot_dir / LATEST).exists, "a snapshot", REACH_S)
                kit.succeed(settings, "backup", "create", backups)
                sink.terminate()
                sink.communicate(timeout=REACH_S)
            replay.send_signal(signal.SIGCONT)
            reach(pipeline, clocks, START_MS + 24 * DAY)
            replay.send_signal(signal.SIGSTOP)
            pipeline.stop()
            assert replay.poll() is None, "the replay ended before everything was lost"
            refused = kit.command(settings, "backup", "restore", backups)
            assert "workers of" in refused.stderr or "is not empty" in refused.stderr

            folder = find_backup(backups)
            held = [read_entries(folder / part.file, part.sha256) for part in read_manifest(folder).parts]
            assert any(GONE.encode() in key for values in held for key in values), "he was there at the backup"
            before = Counter(kit.without_hand_over(pipeline.decisions()))
            settings.duckdb_path.unlink()
            delete_topics(settings, prefix=prefix, only=CHANGELOGS)
            ensure_topics(settings, CHANGELOGS)
            told = restore(settings, backups)
            assert "come out otherwise" not in told
            assert not in_changelogs(settings, GONE)
            assert "decide-changelog" in in_changelogs(settings, GONE_LATER)
            assert kit.without_hand_over(pipeline.decisions()) == before, "a restore writes no decision"
            pipeline.start_again()
            replay.send_signal(signal.SIGCONT)
            pipeline.wait(lambda: replay.poll() is not None, "the replay ends", 2 * REACH_S)
        decisions, triggers = pipeline.decisions(), pipeline.triggers()
        assert kit.without_hand_over(decisions) == kit.without_hand_over(expected)
        assert max(once(triggers, "decision_id", "action").values()) == 1
        handed_over = [decision for decision in decisions if decision["handed_over"]]
        assert once(triggers, "decision_id").keys() == once(handed_over, "decision_id").keys() != set()
        assert not in_changelogs(settings, GONE)
        assert not in_changelogs(settings, GONE_LATER)
        assert "No stage holds" in kit.command(settings, "state", "show", GONE).stderr

        drain(settings)
        anew = settings.model_copy(
            update={"duckdb_path": tmp_path / "anew.duckdb", "snapshot_dir": tmp_path / "anew-snapshots"}
        )
        drain(anew)
        found = rows(settings.snapshot_dir / LATEST)
        assert found == rows(anew.snapshot_dir / LATEST)
        assert all(found[name] for name in CORE if name != "fct_feedback")
        assert not any(GONE in row or GONE_LATER in row for table in found.values() for row in table)
        for arguments in ([backups], ["--from-beginning", "--without-duckdb"]):
            told = kit.succeed(settings, "backup", "rehearse", *arguments)
            assert "decide 0: the same" in told
            assert ("raw.decisions: the same" in told) == (backups in arguments)


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
