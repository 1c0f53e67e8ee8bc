"""``cuepoint quarantine``: see what could not be used, send it again, go on past a broken feed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.base import rfc3339
from schemas.quarantine import QUARANTINE_REASONS
from schemas.topics import INPUTS
from streams.cli_common import settings
from streams.errors import InputError
from streams.intake.task import SOURCES
from streams.quarantine import Filter, Quarantined, find, newest, replay, summary
from streams.replay.control import continue_feed
from streams.topics_admin import check_topics

LIMIT_DEFAULT = 50
MESSAGE_SHOWN_CHARACTERS = 160

TOPIC = click.option("--topic", type=click.Choice([topic.name for topic in INPUTS]), help="Only records of this input.")
REASON = click.option("--reason", type=click.Choice(sorted(QUARANTINE_REASONS)), help="Only records with this reason.")


@click.group()
def quarantine() -> None:
    """Records that could not be used: list them, look at them, send them again."""


@quarantine.command("list")
@TOPIC
@REASON
@click.option("--limit", type=click.IntRange(min=1), default=LIMIT_DEFAULT, show_default=True, help="Newest so many.")
@click.option("--summary", "summarised", is_flag=True, help="Count by topic and reason instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_records(topic: str | None, reason: str | None, limit: int, summarised: bool, as_json: bool) -> None:
    """What is in quarantine, newest first."""
    chosen = Filter(topic, reason)
    if summarised:
        _print_summary(chosen, as_json)
        return
    records = newest(settings(), chosen, limit)
    if as_json:
        for record in records:
            click.echo(msgspec.json.encode(_row(record)).decode())
        return
    if not records:
        click.echo(f"Nothing in quarantine ({chosen}).")
        return
    table = _table("key", "when", "reason", "message")
    for record in records:
        message = record.entry.message
        if len(message) > MESSAGE_SHOWN_CHARACTERS:
            message = message[:MESSAGE_SHOWN_CHARACTERS] + "…"
        table.add_row(record.key, rfc3339(record.at_ms), record.entry.reason, Text(message))
    Console().print(table)


@quarantine.command()
@click.argument("key")
def show(key: str) -> None:
    """Everything about the record KEY, and its value when that is text."""
    record = find(settings(), key)
    entry = record.entry
    for name, value in _row(record).items():
        click.echo(f"{name:<10}{value}")
    click.echo(f"meaning   {QUARANTINE_REASONS.get(entry.reason, 'unknown')}")
    part = "" if record.whole else f" (the first {len(entry.value):,} bytes)"
    try:
        click.echo(f"value{part}:\n{entry.value.decode()}")
    except UnicodeDecodeError:
        click.echo(f"value{part}, not UTF-8, in hexadecimal:\n{entry.value.hex(' ', 2)}")


@quarantine.command("replay")
@TOPIC
@REASON
@click.option("--key", help="Only the record with this key.")
@click.option(
    "--with",
    "corrected",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Send the content of this file in the place of the record --key.",
)
@click.option("--all", "everything", is_flag=True, help="Send everything that is in quarantine.")
def replay_records(
    topic: str | None, reason: str | None, key: str | None, corrected: Path | None, everything: bool
) -> None:
    """Send records back to the topics they came from; they stay in quarantine until its retention ends."""
    if topic is None and reason is None and key is None and not everything:
        raise InputError("Name what to send again with --reason, --topic or --key, or say --all.")
    sent = replay(settings(), Filter(topic, reason, key), None if corrected is None else _content(corrected))
    click.echo("Sent again: " + ", ".join(f"{number:,} to {name}" for name, number in sorted(sent.items())) + ".")


@quarantine.command("continue")
@click.argument("source", type=click.Choice(SOURCES))
def continue_source(source: str) -> None:
    """Let intake go on with SOURCE, at which it stopped because too many of its records were bad."""
    config = settings()
    check_topics(config, ["control"])
    continue_feed(config, source)
    click.echo(f"Intake may go on with {source}; start its worker again if it has ended.")


def _print_summary(chosen: Filter, as_json: bool) -> None:
    counts = summary(settings(), chosen)
    if as_json:
        for (topic, reason), number in sorted(counts.items()):
            click.echo(msgspec.json.encode({"topic": topic, "reason": reason, "count": number}).decode())
        return
    table = _table("topic", "reason", "meaning")
    table.add_column("count", justify="right")
    for (topic, reason), number in sorted(counts.items()):
        table.add_row(topic, reason, QUARANTINE_REASONS.get(reason, "unknown"), f"{number:,}")
    table.add_section()
    table.add_row("together", "", "", f"{counts.total():,}")
    Console().print(table)


def _table(*columns: str) -> Table:
    table = Table()
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0)
    return table


def _row(record: Quarantined) -> dict[str, Any]:
    """What is known of a record, its value apart."""
    entry = record.entry
    return {
        "key": record.key,
        "when": rfc3339(record.at_ms),
        "topic": entry.topic,
        "partition": entry.partition,
        "offset": entry.offset,
        "stage": entry.stage,
        "reason": entry.reason,
        "message": entry.message,
        "sha256": entry.sha256,
        "bytes": entry.size,
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name a file with the corrected record.") from error
