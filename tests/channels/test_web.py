"""The HTTP side of a channel's consumer."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from sinks.channels.web import ChannelWeb
from streams.errors import PlatformError


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_is_ready_after_a_poll_and_a_taken_port_is_said() -> None:
    web = ChannelWeb("127.0.0.1", 0)
    try:
        assert (status(web.port, "/healthz"), status(web.port, "/readyz")) == (200, 503)
        web.polled()
        assert status(web.port, "/readyz") == 200
        assert status(web.port, "/metrics") == 200
        assert status(web.port, "/table") == 404
        with pytest.raises(PlatformError, match=f"Port {web.port} on 127.0.0.1 cannot be used"):
            ChannelWeb("127.0.0.1", web.port)
    finally:
        web.close()
