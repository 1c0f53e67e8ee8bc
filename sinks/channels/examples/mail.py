"""An e-mail service over SMTP (RFC 5321): ``python -m sinks.channels.examples.mail --help``.

The ``Message-ID`` is made of the decision id, so that a mail that went twice (a death between sending and noting, with
``channel_delivery`` = ``at_least_once``) is seen as one by the mail systems that compare it.
"""

from __future__ import annotations

import csv
import smtplib
import sys
from email.message import EmailMessage
from pathlib import Path

import click

from schemas.decisions import Trigger
from sinks.channels import Bounced, Handler, Message, Outcome, Refused, Retry, run_channel
from streams.errors import InputError
from streams.settings import load_settings

TIMEOUT_S = 30.0


class Mail(Handler):
    """Sends through one SMTP server; a connection a message, which a real service would keep."""

    def __init__(self, host: str, port: int, sender: str, addresses: dict[str, str]) -> None:
        self._host, self._port = host, port
        self._sender = sender
        self._addresses = addresses

    def send(self, message: Message) -> Outcome:
        """Refused by the server for ever (5xx): a bounce of a dead address. For now (4xx), or no server: Retry."""
        address = self._addresses.get(message.trigger.customer_id)
        if address is None:
            raise Bounced("no address is known")
        try:
            with smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S) as server:
                server.send_message(mail(message.trigger, self._sender, address))
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[address]
            if code >= 500:
                raise Bounced(f"{code} {text.decode(errors='replace')}") from error
            raise Retry(f"{code} {text.decode(errors='replace')}") from error
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= 500:
                raise Refused(f"{error.smtp_code} {error.smtp_error!r}") from error
            raise Retry(f"{error.smtp_code} {error.smtp_error!r}") from error
        except OSError as error:  # smtplib.SMTPException is one; the mail may have left when the answer was lost
            raise Retry(f"{type(error).__name__}: {error}") from error
        return "delivered"


def mail(trigger: Trigger, sender: str, address: str) -> EmailMessage:
    """What goes out. A real service takes subject and text from its content system, by ``content_key``."""
    made = EmailMessage()
    made["Message-ID"] = f"<{trigger.decision_id}@{sender.rpartition('@')[2]}>"
    made["From"], made["To"] = sender, address
    made["Subject"] = f"{trigger.content_key} ({trigger.language})"
    lines = [f"{item.quantity} x {item.product_id}" for item in trigger.items]
    if trigger.offer is not None:
        lines.append(f"{trigger.offer.kind} {trigger.offer.value}: {trigger.offer.code}, {trigger.offer.valid_until}")
    made.set_content("\n".join(lines) or trigger.campaign)
    return made


def read_addresses(path: Path) -> dict[str, str]:
    """customer_id -> address, of a CSV file with these two columns. Raises InputError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["customer_id"]: row["address"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InputError(
            f"--addresses {path} cannot be used ({type(error).__name__}: {error}); name a CSV file with the columns "
            "customer_id and address."
        ) from error


@click.command()
@click.option("--smtp", default="127.0.0.1:1025", show_default=True, help="SMTP server, host:port.")
@click.option("--sender", required=True, help="Address that mails come from.")
@click.option("--addresses", type=click.Path(path_type=Path), required=True, help="CSV: customer_id,address.")
def main(smtp: str, sender: str, addresses: Path) -> None:
    """Send what comes on triggers.email; settings as for every command (CUEPOINT_…)."""
    host, _, port = smtp.rpartition(":")
    sys.exit(run_channel(load_settings(), "email", Mail(host, int(port), sender, read_addresses(addresses))))


if __name__ == "__main__":
    main()
