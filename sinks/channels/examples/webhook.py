"""A channel that hands each message to an HTTP endpoint of yours: ``python -m sinks.channels.examples.webhook --help``.

``POST`` with the trigger as JSON, and three headers: ``Idempotency-Key`` (decision id and action: the endpoint answers
a repeated one without doing it again, and so makes it exactly once), ``Cuepoint-Timestamp`` (seconds since the epoch)
and ``Cuepoint-Signature`` (HMAC-SHA-256 over ``timestamp.body`` with a secret of both sides, in hexadecimal; the
endpoint refuses what is older than a few minutes).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import click

from schemas.decisions import Trigger
from sinks.channels import Handler, Message, Outcome, Refused, Retry, run_channel
from streams.errors import InputError
from streams.settings import load_settings

TIMEOUT_S = 30.0
LATER = frozenset({408, 425, 429})
"""Client errors that mean: try again."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What both sides work out; compare it with ``hmac.compare_digest``."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook(Handler):
    """Posts sends and cancels to one URL. 202 means that the endpoint says later how it ended."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._url = url
        self._secret = secret

    def send(self, message: Message) -> Outcome:
        """2xx: delivered (202: accepted); 408, 425, 429 and 5xx: Retry, after ``Retry-After``; else Refused."""
        return "accepted" if self._post(message.trigger) == 202 else "delivered"

    def cancel(self, message: Message, outcome: Outcome) -> bool:
        """Whether the endpoint took it back: 2xx. Raises as ``send`` does."""
        return self._post(message.trigger) < 300

    def _post(self, trigger: Trigger) -> int:
        body, timestamp = trigger.model_dump_json().encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{trigger.decision_id}-{trigger.action}",
            "Cuepoint-Timestamp": timestamp,
            "Cuepoint-Signature": signature(self._secret, timestamp, body),
        }
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in LATER or error.code >= 500:
                    after = error.headers.get("Retry-After", "")
                    raise Retry(f"HTTP {error.code}", float(after) if after.isdigit() else None) from error
                raise Refused(f"HTTP {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Retry(f"{type(error).__name__}: {error}") from error


@click.command()
@click.argument("channel")
@click.option("--url", required=True, help="Endpoint; http or https.")
@click.option("--secret-file", type=click.Path(path_type=Path), required=True, help="File with the shared secret.")
def main(channel: str, url: str, secret_file: Path) -> None:
    """Post what comes on triggers.CHANNEL to an endpoint; settings as for every command (CUEPOINT_…)."""
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url {url!r} is no address of an endpoint; begin it with https://.")
    sys.exit(run_channel(load_settings(), channel, Webhook(url, secret_file.read_bytes().strip())))


if __name__ == "__main__":
    main()
