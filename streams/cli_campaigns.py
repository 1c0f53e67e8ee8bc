"""``cuepoint campaigns``: check files, publish them."""

from __future__ import annotations

import getpass
from pathlib import Path

import click
import msgspec

from schemas.base import to_ms
from schemas.catalog import KnownBrands
from streams.campaigns import known_brands, load_campaigns, records
from streams.cli_common import settings
from streams.replay.control import now, read_control, write_control
from streams.tools import producer
from streams.wire import partition_of


@click.group()
def campaigns() -> None:
    """Campaign and brand files: check and publish."""


@campaigns.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def lint(directory: Path) -> None:
    """Check every file of DIRECTORY; says what is wrong in sentences."""
    found = load_campaigns(directory)
    click.echo(f"{len(found.campaigns)} campaigns and the rules of {len(found.brands)} brands are valid.")


@campaigns.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def publish(directory: Path) -> None:
    """Publish every file of DIRECTORY; in force at once, without a restart."""
    found = load_campaigns(directory)
    config = settings()
    known = read_control(config).get("brands")
    brands = known_brands(found) | (frozenset(known.brands) if isinstance(known, KnownBrands) else frozenset())
    write_control(config, "brands", KnownBrands(kind="brands", brands=sorted(brands)))
    count = 0
    with producer(config) as client:
        for key, record in records(found, to_ms(now()), getpass.getuser()):
            client.send(
                config.topic("campaigns"),
                msgspec.json.encode(record),
                key=key.encode(),
                partition=partition_of(key, config.partitions),
            )
            count += 1
    click.echo(f"{count} records published to {config.topic('campaigns')}.")
