"""``cuepoint ingest http`` as a process: receiver, outlet, memory and web server, until a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from schemas.base import to_ms
from sinks.web import SinkServer
from streams.errors import SettingsError
from streams.ingest.memory import SqliteMemory
from streams.ingest.outlet import KafkaOutlet
from streams.ingest.receiver import Receiver
from streams.ingest.report import write_report
from streams.ingest.sources import read_secret, vendors
from streams.ingest.square_api import SquareApi
from streams.ingest.worker import Fetch, Worker
from streams.replay.control import now
from streams.settings import Settings
from streams.topics_admin import check_topics

log = logging.getLogger(__name__)

TOPICS = (
    "orders",
    "returns",
    "web-sessions",
    "pos-transactions",
    "customers",
    "channel-feedback",
    "catalog",
    "quarantine",
)
PRUNE_EVERY_S = 86_400.0


def now_ms() -> int:
    """The wall clock, milliseconds since the epoch."""
    return to_ms(now())


def secrets_of(settings: Settings) -> dict[str, tuple[bytes, ...]]:
    """Vendor -> its secrets. Raises SettingsError for a vendor without them, or none at all."""
    if not settings.ingest_vendors:
        raise SettingsError(
            "Setting ingest_vendors is empty; name what you take, as CUEPOINT_INGEST_VENDORS='[\"shopify\"]'."
        )
    if "square" in settings.ingest_vendors and not settings.ingest_square_url:
        raise SettingsError("Setting ingest_square_url is empty; Square signs its notification URL, so name it there.")
    files = settings.ingest_secrets
    return {name: read_secret(files.get(name), f"ingest_secrets.{name}") for name in settings.ingest_vendors}


async def serve(settings: Settings, report: Path | None) -> None:
    """Take webhooks until SIGTERM or SIGINT; then answer what is being worked on, and write the report."""
    secrets = secrets_of(settings)
    mappings = vendors(settings, list(settings.ingest_vendors))
    check_topics(settings, TOPICS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(kind, stop.set)
    memory = SqliteMemory(settings.state_dir / "ingest.sqlite")
    async with AsyncExitStack() as stack:
        stack.callback(memory.close)
        outlet = await stack.enter_async_context(KafkaOutlet(settings))
        fetch: dict[str, Fetch] = {}
        if settings.ingest_square_token is not None:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            token = read_secret(settings.ingest_square_token, "ingest_square_token")[0]
            fetch["square"] = SquareApi(session, settings.ingest_square_api, token, memory)
        worker = Worker(mappings, memory, outlet, now_ms, fetch)
        receiver = Receiver(settings, secrets, worker, now_ms)
        server = SinkServer(settings, lambda: not receiver.stopping, outlet.stalled)
        await server.start()
        stack.push_async_callback(server.stop)
        await receiver.start()
        log.info("listening", extra={"port": server.port, "webhooks_port": receiver.port})
        await _until(stop, memory)
        await receiver.stop()
        if report is not None:
            write_report(worker, report)
    log.info("receiver stopped")


async def _until(stop: asyncio.Event, memory: SqliteMemory) -> None:
    """Wait for the stop; once a day forget what is old."""
    while not stop.is_set():
        memory.prune(now_ms())
        try:
            await asyncio.wait_for(stop.wait(), PRUNE_EVERY_S)
        except TimeoutError:
            continue
