"""Bad records through the real pipeline: each ends in quarantine with its reason, the rest flows, a fix goes back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.campaigns import BrandRules
from schemas.topics import RECORD_BYTES_MAX_INPUT
from streams.campaigns import CampaignSet
from streams.errors import CuepointError
from streams.intake.feed_limit import RUN_MAX
from streams.replay.produce import LINE_BYTES_MAX
from streams.settings import Settings
from streams.simulate.broken import broken_versions
from streams.wire import partition_of
from tests.e2e import kit
from tests.e2e.shop import REMINDER_MS, campaign, shop_campaigns
from tests.oracle.builders import HOUR, History, t

START = t("2025-03-03T10:00")
UNKNOWN = "no-such-brand"
"""The brand that ``broken_versions`` names."""
NOT_UTF8 = b'{"event_id": "\xff\xfe"}'


def good_records() -> History:
    """One good record of each source but the catalogue."""
    history = History()
    history.profile(START, "c1")
    history.cart(START + HOUR, {"mug": 1}, "cart-1", customer_id="c1")
    history.order(START + 5 * HOUR, {"mug": 1}, "o1")
    history.back(START + 9 * HOUR, {"mug": 1})
    history.receipt(START + 9 * HOUR, {"cup": 1})
    history.feedback(START + 9 * HOUR, "delivered")
    return history


def test_every_kind_of_bad_record(settings: Settings, tmp_path: Path) -> None:
    lines: dict[str, list[Any]] = {}
    expected: Counter[tuple[str, str]] = Counter()
    for source, records in good_records().sources.items():
        for record in records:
            broken = broken_versions(source, record)
            broken += [("too_large", _long(RECORD_BYTES_MAX_INPUT)), ("not_json", NOT_UTF8)]
            lines[source] = [record, *(line for _, line in broken)]
            expected.update((source, reason) for reason, _ in broken)
    lines["orders"].append(_long(LINE_BYTES_MAX))
    expected.update([("orders", "too_large"), ("orders", "empty")])
    kit.write_lines(tmp_path / "history", lines)
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    with kit.Pipeline(settings) as pipeline:
        pipeline.replay(tmp_path / "history", tmp_path / "campaigns")
        pipeline.send("orders", None)
        pipeline.wait(lambda: len(pipeline.read("quarantine")) == expected.total(), "all of it is in quarantine")

        summary = _rows(kit.succeed(settings, "quarantine", "list", "--summary", "--json"))
        assert {(row["topic"], row["reason"]): row["count"] for row in summary} == expected
        assert f"{expected.total()} " in kit.succeed(settings, "quarantine", "list", "--summary")
        counts = pipeline.counts()
        assert {source: row["accepted"] for source, row in counts.items() if source != "campaigns"} == dict.fromkeys(
            lines, 1
        )
        (decision,) = pipeline.decisions()
        assert (decision["customer_id"], decision["outcome"]) == ("c1", "sent")

        _look(settings)
        _send_back(pipeline, tmp_path, summary)
        assert not pipeline.restarts


def _look(settings: Settings) -> None:
    """``list`` and ``show``."""
    (naive,) = _rows(
        kit.succeed(settings, "quarantine", "list", "--json", "--topic", "orders", "--reason", "naive_time")
    )
    table = kit.succeed(settings, "quarantine", "list", "--topic", "orders", "--reason", "naive_time")
    assert naive["key"] in table
    assert "occurred_at" in table
    shown = kit.succeed(settings, "quarantine", "show", naive["key"])
    for text in (naive["key"], naive["sha256"], "naive_time", "occurred_at", '"order_id":"o1"'):
        assert text in shown
    assert len(_rows(kit.succeed(settings, "quarantine", "list", "--json", "--limit", "3"))) == 3
    large = _rows(kit.succeed(settings, "quarantine", "list", "--json", "--reason", "too_large", "--topic", "orders"))
    assert {row["stage"] for row in large} == {"intake", "replay"}
    for row in large:
        assert "the first 4,096 bytes" in kit.succeed(settings, "quarantine", "show", row["key"])


def _send_back(pipeline: kit.Pipeline, directory: Path, summary: list[dict[str, Any]]) -> None:
    """``replay``: after the brand was published, and with a corrected value; what cannot go back says why."""
    settings = pipeline.settings
    refused = kit.command(settings, "quarantine", "replay")
    assert refused.returncode == 2
    assert "--all" in refused.stderr
    refused = kit.command(settings, "quarantine", "replay", "--reason", "too_large")
    assert refused.returncode == 2
    assert "--with FILE" in refused.stderr

    kit.succeed(settings, "go-live")
    before = {source: row["accepted"] for source, row in pipeline.counts().items()}
    waiting = [row for row in summary if row["reason"] == "unknown_brand"]
    rules = BrandRules.model_validate({"brand": UNKNOWN, "currency": "GBP"})
    kit.write_campaigns(directory / "published", CampaignSet((), (rules,)))
    kit.succeed(settings, "campaigns", "publish", directory / "published")
    said = kit.succeed(settings, "quarantine", "replay", "--reason", "unknown_brand")
    assert all(f"{row['count']} to {row['topic']}" in said for row in waiting)

    (sent_by_replay,) = (
        row
        for row in _rows(kit.succeed(settings, "quarantine", "list", "--json", "--reason", "too_large"))
        if row["partition"] == -1
    )
    corrected = good_records().order(START + 6 * HOUR, {"cup": 2}, "o2")
    kit.write_lines(directory / "corrected", {"orders": [{**corrected, "event_id": "corrected"}]})
    file = directory / "corrected" / "orders.jsonl"
    kit.succeed(settings, "quarantine", "replay", "--key", sent_by_replay["key"], "--with", file)

    wanted = {row["topic"]: before[row["topic"]] + row["count"] for row in waiting}
    wanted["orders"] += 1
    pipeline.wait(
        lambda: {source: row["accepted"] for source, row in pipeline.counts().items() if source in wanted} == wanted,
        "what went back is accepted",
    )


def test_a_broken_feed_stops_intake_until_somebody_says_to_go_on(settings: Settings, tmp_path: Path) -> None:
    kit.write_campaigns(tmp_path / "campaigns", shop_campaigns(campaign("cart", "cart_abandoned", REMINDER_MS)))
    with kit.Pipeline(settings) as pipeline:
        kit.succeed(settings, "campaigns", "publish", tmp_path / "campaigns")
        kit.succeed(settings, "go-live")
        behind = next(
            name for name in "abcdefgh" if partition_of(name, kit.PARTITIONS) == partition_of("?", kit.PARTITIONS)
        )
        good = History().order(kit.now_ms(), {"mug": 1}, customer_id=behind)
        pipeline.send("orders", *[b"<html>"] * RUN_MAX, good)
        with pytest.raises(CuepointError, match="intake ended with exit code 2"):
            pipeline.wait(lambda: False, "intake stops")
        assert "cuepoint quarantine continue orders" in pipeline.log("intake")
        assert len(pipeline.read("quarantine")) == RUN_MAX, "the quarantine is committed first"
        assert pipeline.counts()["orders"]["accepted"] == 0

        pipeline.start("intake")
        with pytest.raises(CuepointError, match="intake ended with exit code 2"):
            pipeline.wait(lambda: False, "intake stops again")
        kit.succeed(settings, "quarantine", "continue", "orders")
        pipeline.start("intake")
        pipeline.wait(lambda: pipeline.counts()["orders"]["accepted"] == 1, "the record behind them is accepted")
        assert len(pipeline.read("quarantine")) == RUN_MAX


def _long(size: int) -> bytes:
    return b'{"event_id": "large", "note": "' + b"x" * size + b'"}'


def _rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
