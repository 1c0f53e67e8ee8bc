"""Mail over a real SMTP server: what its answers mean, and what a death between sending and noting does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from deploy.local.ports import free_ports
from sinks.channels import Bounced, Refused, Retry
from sinks.channels.examples.mail import Mail, read_addresses
from streams.errors import InputError
from streams.settings import Settings
from tests.channels.kit import message
from tests.sinks.builders import decision_id
from tests.sinks.pipeline import ROOT

SENDER = "shop@example.com"
ADDRESS = {"c1": "ada@example.org"}
_DIE_AFTER_SENDING = """
import os, signal, sys
from pathlib import Path
from schemas.decisions import Trigger
from sinks.channels import Message, SqliteStore, logical_clock
from sinks.channels.examples.mail import Mail
from sinks.channels.sending import Sender
from streams.settings import Settings

class Dies(Mail):
    def send(self, message):
        outcome = super().send(message)
        if sys.argv[4] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

settings = Settings.model_validate_json(sys.argv[1])
mail = Dies("127.0.0.1", int(sys.argv[2]), "shop@example.com", {"c1": "ada@example.org"})
store = SqliteStore(settings.state_dir / "email.sqlite")
message = Message(Trigger.model_validate_json(sys.argv[3]), 0, 1)
print(Sender(settings, "email", mail, store, logical_clock).send(message, 1).entry.status)
"""


class Mailbox:
    """What the server took; ``replies`` are given to the next recipients."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.replies: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if b"refuse-me" in envelope.content:
            return "554 no such content"
        self.mails.append(envelope)
        return "250 taken"


@pytest.fixture
def server() -> Iterator[tuple[Mailbox, int]]:
    """A mail server on a port of its own."""
    mailbox = Mailbox()
    (port,) = free_ports(1)
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def test_a_mail_names_its_decision_and_holds_what_was_decided(server: tuple[Mailbox, int]) -> None:
    mailbox, port = server
    offer = {
        "kind": "percent",
        "value": "10",
        "code": "FITS10",
        "pool": None,
        "valid_until": "2026-04-01T09:00:00.000Z",
    }
    one = message("a", content_key="cart", language="en", items=[{"product_id": "p1", "quantity": 2}], offer=offer)
    assert Mail("127.0.0.1", port, SENDER, ADDRESS).send(one) == "delivered"
    (mail,) = mailbox.mails
    text = mail.content.decode()
    assert mail.rcpt_tos == [ADDRESS["c1"]]
    for part in (f"<{decision_id('a')}@example.com>", "Subject: cart (en)", "2 x p1", "FITS10"):
        assert part in text


def test_answers_of_the_server_are_bounces_refusals_or_another_try(server: tuple[Mailbox, int]) -> None:
    mailbox, port = server
    mail = Mail("127.0.0.1", port, SENDER, ADDRESS)
    mailbox.replies = ["550 no such user", "451 greylisted"]
    with pytest.raises(Bounced, match="550 no such user"):
        mail.send(message("a"))
    with pytest.raises(Retry, match="451 greylisted"):
        mail.send(message("a"))
    with pytest.raises(Refused, match="554"):
        mail.send(message("a", content_key="refuse-me"))
    with pytest.raises(Bounced, match="no address is known"):
        mail.send(message("a", customer_id="c2"))
    with pytest.raises(Retry, match="ConnectionRefusedError"):
        Mail("127.0.0.1", 1, SENDER, ADDRESS).send(message("a"))
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("delivery", "mails", "status"), [("at_least_once", 2, "delivered"), ("at_most_once", 1, "unknown")]
)
def test_a_death_between_sending_and_noting_does_what_the_setting_says(
    server: tuple[Mailbox, int], tmp_path: Path, delivery: str, mails: int, status: str
) -> None:
    mailbox, port = server
    settings = Settings.model_validate({"channel_delivery": delivery, "state_dir": tmp_path})
    trigger = message("a").trigger.model_dump_json()
    command = [sys.executable, "-W", "ignore", "-c", _DIE_AFTER_SENDING, settings.model_dump_json(), str(port), trigger]
    runs = [
        subprocess.run(
            [*command, when],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        for when in ("die", "live", "live")
    ]
    assert [run.returncode for run in runs] == [-9, 0, 0], runs[1].stderr
    assert [run.stdout.strip() for run in runs[1:]] == [status, status]
    assert len(mailbox.mails) == mails
    ids = {
        line for mail in mailbox.mails for line in mail.content.decode().splitlines() if line.startswith("Message-ID")
    }
    assert len(ids) == 1, "a mail that went twice is one to whoever compares Message-IDs"


def test_addresses_come_from_a_file_with_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "addresses.csv"
    path.write_text("customer_id,address\nc1,ada@example.org\n")
    assert read_addresses(path) == ADDRESS
    path.write_text("id,mail\nc1,ada@example.org\n")
    with pytest.raises(InputError, match="columns customer_id and address"):
        read_addresses(path)
