"""The sink's metrics, readiness and liveness over HTTP, in its own event loop: a hung loop answers nothing."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import PlatformError
from streams.settings import Settings


class SinkServer:
    """``/readyz`` (connected and positioned), ``/healthz`` (no transaction hangs), ``/metrics``."""

    def __init__(self, settings: Settings, ready: Callable[[], bool], stalled: Callable[[], str | None]) -> None:
        self.port = 0
        self._host, self._wanted = settings.web_host, settings.web_port
        self._ready = ready
        self._stalled = stalled
        app = web.Application()
        app.add_routes(
            [
                web.get("/readyz", self._answer_ready),
                web.get("/healthz", self._answer_live),
                web.get("/metrics", self._answer_metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Listen on ``web_host:web_port``. Raises PlatformError when the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._wanted).start()
        except OSError as error:
            await self._runner.cleanup()
            raise PlatformError(
                f"{self._host}:{self._wanted} cannot be listened on ({error}). Set CUEPOINT_WEB_PORT to a free port, "
                "or to 0."
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _answer_ready(self, _: web.Request) -> web.Response:
        ready = self._ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _answer_live(self, _: web.Request) -> web.Response:
        reason = self._stalled()
        return web.json_response({"live": reason is None, "reason": reason}, status=200 if reason is None else 503)

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
