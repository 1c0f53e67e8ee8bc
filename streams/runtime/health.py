"""Readiness, liveness and metrics of one worker over HTTP, in the worker's event loop: a hung loop answers nothing."""

from __future__ import annotations

import logging

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import PlatformError
from streams.runtime.runtime import StageRuntime
from streams.settings import Settings

log = logging.getLogger(__name__)


class HealthServer:
    """``/readyz`` (assigned, restored, not rebalancing), ``/healthz`` (no round hangs, it reads), ``/metrics``."""

    def __init__(self, settings: Settings, runtime: StageRuntime) -> None:
        self.port = 0
        self._settings = settings
        self._runtime = runtime
        app = web.Application()
        app.add_routes(
            [
                web.get("/readyz", self._ready),
                web.get("/healthz", self._live),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Listen on ``web_host:web_port``. Raises PlatformError when the port is taken."""
        host, port = self._settings.web_host, self._settings.web_port
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise PlatformError(
                f"{host}:{port} cannot be listened on ({error}). Set CUEPOINT_WEB_PORT to a free port, or to 0."
            ) from error
        self.port = self._runner.addresses[0][1]
        log.info("listening", extra={"host": host, "port": self.port, "stage": self._runtime.stage.name})

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _ready(self, _: web.Request) -> web.Response:
        runtime = self._runtime
        body = {
            "ready": runtime.ready,
            "stage": runtime.stage.name,
            "rebalancing": runtime.rebalancing,
            "paused": runtime.paused,
            "partitions": {str(number): partition.ready for number, partition in sorted(runtime.partitions.items())},
        }
        return web.json_response(body, status=200 if runtime.ready else 503)

    async def _live(self, _: web.Request) -> web.Response:
        reason = self._runtime.stalled()
        return web.json_response({"live": reason is None, "reason": reason}, status=200 if reason is None else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
