"""Webhooks as vendors send them: signed, with their headers, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from streams.ingest.signatures import HEADERS, signature
from streams.settings import Settings
from streams.up import environment

SECRET = b"a-secret-of-the-tests"
URL = "https://hooks.example.com/square"
ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 120


def ingest_settings(settings: Settings, directory: Path, **changes: Any) -> Settings:
    """Settings with all vendors on, their secrets in files."""
    secret = directory / "secret"
    secret.write_bytes(b"the-one-before\n" + SECRET + b"\n")
    vendors = ["shopify", "segment", "square"]
    values: dict[str, Any] = {
        "ingest_vendors": vendors,
        "ingest_secrets": dict.fromkeys(vendors, secret),
        "ingest_port": 0,
        "ingest_brand": "shop",
        "ingest_market": "GB",
        "ingest_currency": "GBP",
        "ingest_square_url": URL,
        "ingest_answer_ms": 60_000,
    }
    return Settings(**{**settings.model_dump(), **values, **changes})


@dataclass
class Answered:
    """Status, headers and text of an answer."""

    status: int
    retry_after: str | None
    text: str


class Hooks:
    """Sends webhooks to one receiver."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    async def post(
        self, vendor: str, body: Any, topic: str = "", secret: bytes = SECRET, headers: dict[str, str] | None = None
    ) -> Answered:
        """One webhook."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {
            HEADERS[vendor]: signature(vendor, secret, raw, URL).decode(),
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": "test.myshopify.com",
            "X-Shopify-Webhook-Id": "b54557e4",
            "X-Shopify-Triggered-At": "2026-02-20T10:00:00.000000Z",
            **(headers or {}),
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.base}/{vendor}", data=raw, headers=sent) as answer,
        ):
            return Answered(answer.status, answer.headers.get("Retry-After"), await answer.text())

    def send(self, *args: Any, **options: Any) -> Answered:
        """One webhook, from a test that is not asynchronous."""
        return asyncio.run(self.post(*args, **options))


@contextlib.contextmanager
def receiver(settings: Settings, log: Path, failpoint: str = "", *options: str) -> Iterator[tuple[Any, Hooks]]:
    """``cuepoint ingest http`` as a process; it is stopped at the end, unless it died."""
    environ = {**os.environ, **environment(settings), "CUEPOINT_FAILPOINTS": failpoint}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "ingest", "http", *options],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        yield process, Hooks(_port(process, log))
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(START_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()


def _port(process: Any, log: Path) -> int:
    import time

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith("{") and "webhooks_port" in (told := json.loads(line)):
                return int(told["webhooks_port"])
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(f"the receiver does not listen: {log.read_text()}")
