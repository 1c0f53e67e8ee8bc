"""Webhooks over HTTP to a real receiver, a real broker and the real pipeline."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import aiohttp
import pytest

from deploy.local.broker import LocalBroker
from schemas.campaigns import BrandRules
from streams.campaigns import CampaignSet
from streams.runtime.failpoints import EXIT_CODE
from streams.settings import Settings
from tests.e2e import kit
from tests.ingest import shopify_payloads as shopify
from tests.ingest.hooks import SECRET, ingest_settings, receiver

REPORT = "report.json"


@pytest.fixture
def settings(broker: LocalBroker, prefix: str, tmp_path: Path) -> Settings:
    """A small pipeline of this test alone."""
    return kit.small_settings(broker, prefix, tmp_path)


def test_webhooks_reach_the_customer_once_even_if_the_receiver_dies_before_it_answers(
    settings: Settings, tmp_path: Path
) -> None:
    taking = ingest_settings(settings, tmp_path)
    with kit.Pipeline(taking) as pipeline:
        kit.write_campaigns(tmp_path / "campaigns", CampaignSet((), (BrandRules(brand="shop", currency="EUR"),)))
        kit.succeed(taking, "campaigns", "publish", tmp_path / "campaigns")
        kit.succeed(taking, "go-live")

        log = tmp_path / "dies.log"
        with receiver(taking, log, "ingest_before_answer") as (process, hooks):
            try:
                answered = hooks.send("shopify", shopify.order(), "orders/create").status
            except (OSError, aiohttp.ClientError):
                answered = None
            assert answered is None
            assert process.wait(60) == EXIT_CODE
        assert len(pipeline.read("orders")) == 1, "Kafka had the order before the answer"

        report = tmp_path / REPORT
        with receiver(taking, tmp_path / "lives.log", "", "--report", str(report)) as (process, hooks):
            update = shopify.order(
                updated_at="2026-02-11T00:00:00Z", refunds=[shopify.refund(7, (11, "MUG 1", 1, 8.33))], colour="red"
            )
            sent = [
                hooks.send("shopify", shopify.order(), "orders/create"),
                hooks.send("shopify", update, "orders/updated"),
                hooks.send("shopify", shopify.refund(7, (11, "MUG 1", 1, 8.33)), "refunds/create"),
                hooks.send("shopify", shopify.customer(), "customers/create"),
                hooks.send("shopify", shopify.product(), "products/update"),
                hooks.send("shopify", shopify.order(id=5, line_items=[]), "orders/create"),
            ]
            assert [answer.status for answer in sent] == [200] * 6
            pipeline.wait(lambda: pipeline.counts().get("returns", {}).get("duplicate") == 1, "all is counted")
            counts = pipeline.counts()
            port = json.loads(_line_with(tmp_path / "lives.log", "webhooks_port"))["port"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                told = answer.read().decode()
            assert 'cuepoint_ingest_payloads_total{result="mapped",vendor="shopify"} 5.0' in told
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                assert answer.status == 200
        assert process.returncode == 0

        assert (counts["orders"]["accepted"], counts["orders"]["duplicate"]) == (2, 1), "the retry is the same order"
        assert (counts["returns"]["accepted"], counts["returns"]["duplicate"]) == (1, 1)
        assert counts["customers"]["accepted"] == 1
        assert sum(row["quarantined"] for row in counts.values()) == 0, "intake takes all that was mapped"
        (refused,) = pipeline.read("quarantine")
        headers = dict(refused.headers)
        assert (headers["cuepoint-topic"], headers["cuepoint-reason"]) == (b"ingest-shopify", b"missing_field")
        assert b"example.com" not in refused.value
        failed = kit.command(taking, "quarantine", "replay", "--reason", "missing_field")
        assert failed.returncode == 2
        assert "send it again" in failed.stderr

        found = json.loads(report.read_text())
        assert found["unknown_fields"] == [{"vendor": "shopify", "field": "colour", "payloads": 1}]
        assert found["refused"] == [{"vendor": "shopify", "reason": "missing_field", "payloads": 1}]
        for path in (log, tmp_path / "lives.log"):
            written = path.read_text()
            assert SECRET.decode() not in written
            assert "example.com" not in written


def _line_with(path: Path, words: str) -> str:
    return next(line for line in path.read_text().splitlines() if words in line)
