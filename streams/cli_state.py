"""``cuepoint state``: look into the state of the stages, as it stands on the broker."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from schemas.topics import STAGES
from streams.cli_common import settings
from streams.operate.state import PartitionState, position, show, sizes
from streams.text_table import text_table
from streams.tools import consumer

MEBIBYTE = 1_048_576


@click.group()
def state() -> None:
    """Look into the state of the stages: read-only, from the broker."""


@state.command("sizes")
@click.option("--stage", "stages", type=click.Choice(list(STAGES)), multiple=True, help="Only this stage; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a partition.")
def state_sizes(stages: tuple[str, ...], as_json: bool) -> None:
    """Show how much state each partition has, of what, and how far it has read. It reads all of it."""
    config = settings()
    rows: list[PartitionState] = []
    with consumer(config) as client:
        for row in sizes(client, config, list(stages) or list(STAGES)):
            if as_json:
                click.echo(json.dumps(asdict(row)))
            rows.append(row)
    if not as_json:
        columns = ("stage", "partition", "entries", "MiB", "changelog", "lag", "what")
        click.echo(text_table(columns, (_cells(row) for row in rows)))


@state.command("show")
@click.argument("name")
def state_show(name: str) -> None:
    """Show what the stages hold under NAME, a customer id or an identifier such as card:…, as JSON.

    It is what the workers have; why it came to that: cuepoint explain. Times are milliseconds since the epoch.
    """
    config = settings()
    with consumer(config) as client:
        click.echo(json.dumps(show(client, config, name), indent=1, ensure_ascii=False))


@state.command("position")
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.argument("partition", type=click.IntRange(min=0))
def state_position(stage: str, partition: int) -> None:
    """Show how far PARTITION of STAGE has come: offsets, marks, the place in the order, counts, as JSON."""
    config = settings()
    with consumer(config) as client:
        click.echo(json.dumps(position(client, config, stage, partition), indent=1, ensure_ascii=False))


def _cells(row: PartitionState) -> tuple[str, ...]:
    return (
        row.stage,
        str(row.partition),
        f"{row.entries:,}",
        f"{row.size_bytes / MEBIBYTE:.1f}",
        f"{row.changelog_records:,}",
        f"{sum(row.lag.values()):,}",
        ", ".join(f"{number:,} {kind}" for kind, number in row.kinds.items()),
    )
