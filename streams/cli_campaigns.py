"""``cuepoint campaigns``: check files, publish them."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from schemas.base import to_ms
from schemas.catalog import KnownBrands
from schemas.topics import INPUTS
from streams.campaign_faults import similar
from streams.campaign_findings import findings, places
from streams.campaigns import known_brands, load_campaigns, load_with_files, records
from streams.cli_common import settings
from streams.errors import CampaignError, InputError
from streams.replay.control import now, read_control, write_control
from streams.time_travel.run import Verdict, run_file
from streams.tools import producer
from streams.wire import partition_of


@click.group()
def campaigns() -> None:
    """Campaign and brand files: check and publish."""


@campaigns.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--at", type=click.DateTime(), help="Check as of this time (UTC); else now.")
@click.option("--sources", help="Input topics that exist here, with commas: names campaigns that wait for others.")
@click.option("--strict", is_flag=True, help="Fail on every finding, not only on campaigns that can never fire.")
def lint(directory: Path, at: datetime | None, sources: str | None, strict: bool) -> None:
    """Check every file of DIRECTORY; says in sentences what is wrong, what can never fire, and what competes."""
    found, files = load_with_files(directory)
    moment = now() if at is None else at.replace(tzinfo=UTC)
    present = None if sources is None else frozenset(sources.split(","))
    amiss = findings(found, moment, _known_sources(present))
    sentences = [f"{files[one.campaign].where(places(one.field))}: {one.campaign} {one.text}" for one in amiss]
    if any(strict or one.kind == "never" for one in amiss):
        raise CampaignError("\n".join(sentences))
    for sentence in sentences:
        click.echo(sentence)
    rest = f"; {len(amiss)} findings." if amiss else "."
    click.echo(f"{len(found.campaigns)} campaigns and the rules of {len(found.brands)} brands are valid{rest}")


def _known_sources(named: frozenset[str] | None) -> frozenset[str] | None:
    known = [topic.name for topic in INPUTS]
    for name in sorted(named or ()):
        if name not in known:
            raise InputError(f"--sources names {name!r}, which is no input{similar(name, known) or '.'}")
    return named


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


@campaigns.command("test")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default="campaigns")
@click.option("--only", default="", help="Only stories whose name or file contains this.")
def run_tests(directory: Path, only: str) -> None:
    """Run the time-travel tests in DIRECTORY/tests against the campaigns of DIRECTORY, without Kafka."""
    found = load_campaigns(directory)
    paths = sorted((directory / "tests").glob("*.yaml"))
    if not paths:
        raise CampaignError(f"{directory / 'tests'} holds no *.yaml file; docs/time-travel.md shows how to write one.")
    verdicts = [verdict for path in paths for verdict in run_file(path, found) if only in verdict.test + verdict.file]
    failed = [verdict for verdict in verdicts if verdict.faults]
    for verdict in verdicts:
        click.echo(f"{'FAILED' if verdict.faults else 'passed'}  {verdict.file}: {verdict.test}")
    if failed:
        raise CampaignError("\n".join(_failure(verdict) for verdict in failed))
    click.echo(f"{len(verdicts)} stories passed.")


def _failure(verdict: Verdict) -> str:
    return "\n".join(
        [
            f"{verdict.file}: {verdict.test}",
            *verdict.faults,
            "  what happened (UTC):",
            *(f"    {row}" for row in verdict.timeline),
        ]
    )
