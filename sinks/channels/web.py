"""What a channel's consumer serves over HTTP: ``/metrics``, ``/healthz``, ``/readyz``, from a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app

from streams.errors import PlatformError

POLL_AGE_S_MAX = 60.0
"""A consumer whose last poll ended longer ago does not live."""


class ChannelWeb:
    """Serves until ``close``; ``polled`` is called after each poll. ``port`` 0 takes a free one."""

    def __init__(self, host: str, port: int) -> None:
        self._polled_at: float | None = None
        self._began = time.monotonic()
        self._metrics = make_wsgi_app()
        try:
            self._server = make_server(host, port, self._answer, handler_class=_Quiet)
        except OSError as error:
            raise PlatformError(
                f"Port {port} on {host} cannot be used ({error.strerror}); set CUEPOINT_WEB_PORT to another, or to 0."
            ) from error
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def polled(self) -> None:
        """A poll has ended."""
        self._polled_at = time.monotonic()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return self._metrics(environ, start)  # type: ignore[no-any-return]
        if path not in ("/healthz", "/readyz"):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        last = self._polled_at if path == "/readyz" else (self._polled_at or self._began)
        fine = last is not None and time.monotonic() - last < POLL_AGE_S_MAX
        start("200 OK" if fine else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if fine else b"no poll has ended lately\n"]


class _Quiet(WSGIRequestHandler):
    """Logs no request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
