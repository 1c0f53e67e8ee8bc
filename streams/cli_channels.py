"""``cuepoint channel``: channel services."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from schemas.base import rfc3339
from schemas.topics import CHANNELS
from streams.cli_common import settings


@click.group()
def channel() -> None:
    """Channel services: a consumer that only logs, and what services had to give up."""


@channel.command()
@click.argument("name", type=click.Choice(CHANNELS))
@click.option("--logical-clock", is_flag=True, help="Take the time of the decision as now (replays).")
def run(name: str, logical_clock: bool) -> None:
    """Consume triggers.NAME: log each message instead of sending it, answer on channel-feedback."""
    from sinks.channels import logical_clock as by_decision
    from sinks.channels import run_channel, wall_clock
    from sinks.channels.examples.logged import Logged

    sys.exit(run_channel(settings(), name, Logged(), clock=by_decision if logical_clock else wall_clock))


@channel.command("dead-letters")
@click.argument("name", type=click.Choice(CHANNELS), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the bytes as text.")
def dead_letters(name: str | None, as_json: bool) -> None:
    """What channel services could not read or gave up to send, of the channel NAME or of all."""
    import msgspec

    from sinks.channels.dead_letters import read_dead_letters

    table = Table("when", "channel", "from", "reason", "problem")
    found = sorted(read_dead_letters(settings(), name), key=lambda letter: letter.at_ms)
    for letter in found:
        if as_json:
            value = (letter.value or b"").decode(errors="replace")
            click.echo(msgspec.json.encode({**letter._asdict(), "value": value}).decode())
        table.add_row(rfc3339(letter.at_ms), letter.channel, letter.place, letter.reason, letter.problem)
    if not as_json:
        Console().print(table if found else "No dead letters.")
