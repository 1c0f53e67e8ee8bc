"""``cuepoint top`` and ``cuepoint doctor`` on a real broker: what they show is what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import STAGES
from streams.cli_operate import age
from streams.operate import doctor
from streams.operate.look import DECISIONS_WINDOW_MS, look
from streams.settings import Settings
from streams.tools import consumer, producer
from streams.topics_admin import administering, ensure_topics
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, Now, campaign, shop_campaigns
from tests.oracle.builders import HOUR, History, t

START = t("2025-03-03T10:00")
UNREACHABLE = "127.0.0.1:1"


def findings(settings: Settings, area: str) -> dict[str, tuple[str, str]]:
    """Text -> verdict and advice."""
    done = kit.command(settings, "doctor", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == int(any(row["verdict"] == "fail" for row in rows)), done.stderr
    return {row["text"]: (row["verdict"], row["advice"]) for row in rows if row["area"] == area}


def test_a_live_pipeline_is_seen_and_is_well(broker: Any, prefix: str, tmp_path: Path) -> None:
    settings = kit.small_settings(broker, prefix, tmp_path)
    history = History()
    history.profile(START, "c1")
    history.profile(START, "c2")
    history.cart(START + HOUR, {"mug": 1}, "cart-1", customer_id="c1")
    kit.write_lines(tmp_path / "history", {**history.sources, "returns": [b"not json"]})
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    with kit.Pipeline(settings) as pipeline:
        assert findings(settings, "stages")["decide has never reported"][0] == "warn"
        pipeline.replay(tmp_path / "history", tmp_path / "campaigns")
        kit.succeed(settings, "go-live")
        live = Now()
        moment = kit.now_ms()
        live.cart(moment, {"mug": 1}, "cart-live", customer_id="c2")
        pipeline.send("web-sessions", *live.sources["web-sessions"])
        pipeline.wait(lambda: len(pipeline.decisions()) == 2, "both are decided", 120)
        view = json.loads(kit.succeed(settings, "top", "--once", "--json"))
        stages = {stage["stage"]: stage for stage in view["stages"]}
        assert set(stages) == set(STAGES)
        assert {stages[name]["reported"] for name in doctor.REPORTING} == {kit.PARTITIONS}
        assert stages["decide"]["customers"] == 2
        assert all(stage["missing"] == [] for stage in stages.values())
        assert {"orders", "web-sessions"} <= set(view["watermark_age_s"])
        assert all(s is None or s < HOUR / 1000 for s in view["watermark_age_s"].values())
        assert view["quarantined"] == [{"topic": "returns", "reason": "not_json", "count": 1}]
        shown = kit.succeed(settings, "top", "--once")
        for words in ("watermark age", "decisions a second", "not_json", "identity", "clock age"):
            assert words in shown
        assert findings(settings, "stages") == {f"{stage} reports": ("ok", "") for stage in doctor.REPORTING}
        assert findings(settings, "campaigns") == {"1 published, of 1 brands": ("ok", "")}
        assert findings(settings, "clock") == {"not behind the broker's": ("ok", "")}


def test_decisions_of_the_last_seconds_are_a_rate(settings: Settings) -> None:
    ensure_topics(settings)
    with producer(settings) as client:
        sent = [
            client.send(settings.topic("decisions"), b'{"outcome": "%s"}' % outcome, partition=0)
            for outcome in (b"sent", b"sent", b"held")
        ]
        arrived = max(future.get(timeout=60).timestamp for future in sent)
    with consumer(settings) as client, administering(settings) as admin:
        assert look(client, admin, settings, arrived).decisions_per_s == {"held": 0.1, "sent": 0.2}
        assert look(client, admin, settings, arrived + DECISIONS_WINDOW_MS + 1).decisions_per_s == {}


def test_what_is_wrong_is_said_with_what_to_do(settings: Settings) -> None:
    ensure_topics(settings, ["orders"])
    missing = findings(settings, "topics")
    assert missing[f"topic {settings.topic('returns')} is missing"] == ("fail", "cuepoint topics apply")
    assert findings(settings, "stages") == {}, "without topics nothing else is asked"
    ensure_topics(settings)
    assert set(findings(settings, "topics").values()) == {("ok", "")}
    assert findings(settings, "campaigns")["no campaign is published"] == (
        "warn",
        "cuepoint campaigns publish DIRECTORY",
    )
    assert findings(settings, "security")["hash_key is the one of the documentation"][0] == "warn"
    more = settings.model_copy(update={"replication": 3})
    assert findings(more, "broker")["1 brokers for replication = 3"][0] == "fail"


def test_without_a_broker_the_sentence_of_the_connection_is_the_finding(tmp_path: Path) -> None:
    found = findings(Settings(bootstrap_servers=UNREACHABLE, state_dir=tmp_path), "broker")
    ((text, (verdict, _)),) = found.items()
    assert verdict == "fail"
    assert "nothing listens there" in text


def test_a_full_disk_and_an_open_secret_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "key"
    secret.write_text("a-key-that-everybody-can-read")
    secret.chmod(0o644)
    settings = Settings(bootstrap_servers=UNREACHABLE, state_dir=tmp_path, hash_key_file=str(secret))
    monkeypatch.setattr(doctor, "DISK_FREE_MB_MIN", 1 << 40)
    found = list(doctor.examine(settings))
    assert {finding.verdict for finding in found if finding.area == "disk"} == {"fail"}
    (open_secret,) = [finding for finding in found if finding.advice == f"chmod o-r {secret}"]
    assert open_secret.verdict == "warn"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "none"), (4.24, "4.2 s"), (210, "3.5 min"), (7_200, "2.0 h"), (440_640, "5.1 d")]
)
def test_ages_are_read_at_a_glance(seconds: float | None, text: str) -> None:
    assert age(seconds) == text
