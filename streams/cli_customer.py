"""``cuepoint customer``: what is held about one customer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.base import to_ms
from streams.cli_common import settings
from streams.cli_explain import TIMES, read_recording
from streams.cli_pipeline import AS_IS, CAMPAIGNS
from streams.explain.export import exported, in_text


@click.group()
def customer() -> None:
    """What is held about one customer."""


@customer.command("export")
@click.argument("customer_id", metavar="ID")
@click.option("--at", type=click.DateTime(TIMES), help="As of this time, UTC; else as far as all is decided.")
@click.option(
    "--history",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read a folder of history, as backtest does, and not the log on the broker.",
)
@CAMPAIGNS
@AS_IS
@click.option("--snapshot", is_flag=True, help="Read the newest snapshot of the sink, which reaches back furthest.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, complete; the text leaves details of events out.")
def export(
    customer_id: str,
    at: datetime | None,
    directory: Path | None,
    campaign_dir: Path,
    as_is: bool,
    snapshot: bool,
    as_json: bool,
) -> None:
    """Write everything that is held about customer ID: profile, consents with source and time, identifiers and links,
    state, decisions, segments, events. An id that became another customer's gives that customer, with a note."""
    until = None if at is None else to_ms(at.replace(tzinfo=UTC))
    recording = read_recording(customer_id, settings(), until, directory, campaign_dir, as_is, None, snapshot)
    document = exported(recording)
    if as_json:
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        for line in in_text(document, recording.events):
            click.echo(line)
