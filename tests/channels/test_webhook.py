"""The webhook against a real HTTP server: signed, idempotent, and what its answers mean."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sinks.channels import Refused, Retry
from sinks.channels.examples.webhook import Webhook
from tests.channels.kit import message
from tests.sinks.builders import decision_id

SECRET = b"a secret of both sides"


class Endpoint(HTTPServer):
    """Checks signatures; answers with ``codes``, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.codes: list[int] = []
        self.taken: list[tuple[str, dict[str, object]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/messages"


class _Request(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["Cuepoint-Timestamp"].encode() + b"." + body
        wanted = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
        code = self.server.codes.pop(0) if self.server.codes else 200
        if not hmac.compare_digest(wanted, self.headers["Cuepoint-Signature"]):
            code = 401
        if code < 300:
            self.server.taken.append((self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_sends_and_cancels_are_signed_and_have_a_key_of_their_own(endpoint: Endpoint) -> None:
    webhook = Webhook(endpoint.url, SECRET)
    assert webhook.send(message("a")) == "delivered"
    endpoint.codes = [202]
    assert webhook.send(message("b")) == "accepted"
    assert webhook.cancel(message("b", action="cancel"), "accepted")
    keys = [key for key, _ in endpoint.taken]
    assert keys == [f"{decision_id('a')}-send", f"{decision_id('b')}-send", f"{decision_id('b')}-cancel"]
    assert endpoint.taken[0][1] == json.loads(message("a").trigger.model_dump_json())


def test_a_wrong_secret_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(Refused, match="HTTP 401"):
        Webhook(endpoint.url, b"another secret").send(message("a"))
    assert endpoint.taken == []


def test_answers_mean_another_try_or_none(endpoint: Endpoint) -> None:
    webhook = Webhook(endpoint.url, SECRET)
    endpoint.codes = [503, 429, 422]
    with pytest.raises(Retry, match="HTTP 503") as down:
        webhook.send(message("a"))
    with pytest.raises(Retry, match="HTTP 429") as busy:
        webhook.send(message("a"))
    with pytest.raises(Refused, match="HTTP 422"):
        webhook.send(message("a"))
    assert (down.value.after_s, busy.value.after_s) == (None, 7)
    with pytest.raises(Retry, match="URLError"):
        Webhook("http://127.0.0.1:1/", SECRET).send(message("a"))
