"""The webhook receiver: ``POST /<vendor>`` is answered with 200 once Kafka has the records, and never before.

What is answered otherwise: 401 a wrong signature, 404 a vendor that is not enabled, 413 a body that is too large; 503
with ``Retry-After`` beyond the limit of payloads at once, while Kafka does not answer, and while stopping: all three
vendors send again what was answered with 5xx. A payload that cannot be mapped is in quarantine, and is answered so that
its vendor does not send it forever: Shopify and Square, which take endpoints that keep failing off, get 200; Segment,
which does not repeat and shows 4xx, gets 400; rows of your own get 422. All with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from streams.errors import BrokerError, PlatformError
from streams.ingest import metrics
from streams.ingest.common import Delivery, Refused, moment
from streams.ingest.signatures import HEADERS, signed
from streams.ingest.worker import Worker
from streams.settings import Settings

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
STOP_WITHIN_S = 20.0
"""How long a stop waits for payloads that are being worked on."""
REFUSED_STATUS = {"shopify": 200, "square": 200, "segment": 400, "generic": 422}
Answer = tuple[int, dict[str, str]]


class Receiver:
    """Takes the webhooks of all vendors that have secrets."""

    def __init__(
        self, settings: Settings, secrets: dict[str, tuple[bytes, ...]], worker: Worker, now_ms: Callable[[], int]
    ) -> None:
        self.port = 0
        self.stopping = False
        self.in_flight = 0
        self._settings = settings
        self._secrets = secrets
        self._worker = worker
        self._now_ms = now_ms
        app = web.Application(client_max_size=settings.ingest_body_bytes_max)
        app.add_routes([web.post("/{vendor}", self._post)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_WITHIN_S)

    async def start(self) -> None:
        """Listen. Raises PlatformError when the port is taken."""
        host, port = self._settings.ingest_host, self._settings.ingest_port
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise PlatformError(
                f"{host}:{port} cannot be listened on ({error.strerror}); set CUEPOINT_INGEST_PORT to a free port."
            ) from error
        self.port = self._runner.addresses[0][1]
        log.info("webhooks are taken", extra={"host": host, "port": self.port, "vendors": sorted(self._secrets)})

    async def stop(self) -> None:
        """Refuse what is new, answer what is being worked on, and close the port."""
        self.stopping = True
        deadline = time.monotonic() + STOP_WITHIN_S
        while self.in_flight and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        vendor = request.match_info["vendor"]
        if vendor not in self._secrets:
            return _response(404, {"error": "not enabled: see the setting ingest_vendors"})
        if self.stopping or self.in_flight >= self._settings.ingest_in_flight_max:
            metrics.PAYLOADS.labels(vendor, "busy").inc()
            return _response(503, {"error": "stopping" if self.stopping else "too many at once"})
        self._count(1)
        began = time.monotonic()
        work: list[asyncio.Future[Answer]] = []
        try:
            return _response(*await self._answer(vendor, request, work))
        finally:
            metrics.SECONDS.labels(vendor).observe(time.monotonic() - began)
            if work and not work[0].done():
                work[0].add_done_callback(self._ended)
            else:
                self._count(-1)

    def _count(self, by: int) -> None:
        self.in_flight += by
        metrics.IN_FLIGHT.set(self.in_flight)

    def _ended(self, work: asyncio.Future[Answer]) -> None:
        """A payload that was worked on beyond its answer: its vendor sends it again, whatever became of it."""
        self._count(-1)
        if not work.cancelled() and (error := work.exception()) is not None:
            log.warning("a payload failed after its answer", extra={"error": type(error).__name__})

    async def _answer(self, vendor: str, request: BaseRequest, works: list[asyncio.Future[Answer]]) -> Answer:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            metrics.PAYLOADS.labels(vendor, "too_large").inc()
            return 413, {"error": f"more than {self._settings.ingest_body_bytes_max:,} bytes"}
        if not signed(vendor, self._secrets[vendor], request.headers, body, self._settings.ingest_square_url):
            metrics.PAYLOADS.labels(vendor, "unsigned").inc()
            return 401, {"error": f"the header {HEADERS[vendor]} does not fit the body"}
        work = asyncio.ensure_future(self._work(vendor, request, body))
        works.append(work)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._settings.ingest_answer_ms / 1000)
        except TimeoutError:
            metrics.PAYLOADS.labels(vendor, "failed").inc()
            return 503, {"error": "Kafka has not answered in time"}
        except BrokerError as error:
            metrics.PAYLOADS.labels(vendor, "failed").inc()
            log.warning("%s", error)
            return 503, {"error": "Kafka does not take records"}

    async def _work(self, vendor: str, request: BaseRequest, body: bytes) -> Answer:
        place = f"webhook {request.headers.get('X-Shopify-Webhook-Id', '')}".strip()
        try:
            delivery = self._delivery(vendor, request, msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refused = Refused("not_json", f"The body is not JSON: {error}.")
            await self._worker.refuse(vendor, place, refused, body, None)
            fate, text = "refused", refused.message
        else:
            fate, text = await self._worker.take(vendor, delivery, body, place)
        metrics.PAYLOADS.labels(vendor, fate).inc()
        return (REFUSED_STATUS[vendor], {"refused": text}) if fate == "refused" else (200, {fate: text})

    def _delivery(self, vendor: str, request: BaseRequest, payload: object) -> Delivery:
        """The payload with what the headers say of it (Shopify), or it itself."""
        if vendor == "shopify":
            headers = request.headers
            sent = headers.get("X-Shopify-Triggered-At", "")
            return Delivery(
                headers.get("X-Shopify-Topic", ""),
                payload,
                headers.get("X-Shopify-Shop-Domain", ""),
                self._sent_ms(sent),
            )
        kind = payload.get("type") if isinstance(payload, dict) else None
        return Delivery(str(kind or ""), payload, received=self._now_ms())

    def _sent_ms(self, text: str) -> int:
        try:
            return moment(text, "X-Shopify-Triggered-At")
        except Refused:
            return self._now_ms()


def _response(status: int, body: dict[str, str]) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return web.json_response(body, status=status, headers=headers)
