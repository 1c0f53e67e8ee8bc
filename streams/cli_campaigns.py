"""``cuepoint campaigns``: check files, test them, compare them, and see what runs when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.topics import INPUTS
from streams import campaign_calendar, campaign_diff
from streams.campaign_diff import differences
from streams.campaign_faults import similar
from streams.campaign_findings import findings, places
from streams.campaign_store import published
from streams.campaigns import load_campaigns, load_with_files
from streams.cli_common import settings
from streams.cli_publish import history, publish, rollback
from streams.errors import CampaignError, InputError
from streams.replay.control import now
from streams.time_travel.run import Verdict, run_file


@click.group()
def campaigns() -> None:
    """Campaign and brand files: check, test, compare, publish."""


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
@click.argument("other", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def diff(directory: Path, other: Path | None, as_json: bool) -> None:
    """What OTHER changes in DIRECTORY, field by field; without OTHER, what DIRECTORY changes in what is published."""
    new = load_campaigns(directory if other is None else other)
    old = published(settings()) if other is None else load_campaigns(directory)
    changes = differences(old, new)
    if as_json:
        click.echo(json.dumps(campaign_diff.as_rows(changes), indent=2, ensure_ascii=False))
        return
    for change in changes:
        for line in campaign_diff.in_words(change):
            click.echo(line)
    click.echo(f"{len(changes)} differences.")


@campaigns.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--at", type=click.DateTime(), help="First day (UTC); else today.")
@click.option("--days", type=click.IntRange(1, 3_660), default=90, show_default=True, help="How many days ahead.")
@click.option("--brand", help="Only this brand.")
@click.option("--market", help="Only campaigns that run in this market.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def calendar(
    directory: Path | None, at: datetime | None, days: int, brand: str | None, market: str | None, as_json: bool
) -> None:
    """What of DIRECTORY, or else of what is published, runs when, for which brand, market and segment."""
    found = published(settings()) if directory is None else load_campaigns(directory)
    present = now()
    moment = present if at is None else at.replace(tzinfo=UTC)
    entries = campaign_calendar.calendar(found, moment, days, present, brand, market)
    if as_json:
        click.echo(json.dumps(campaign_calendar.as_rows(entries), indent=2, ensure_ascii=False))
    else:
        click.echo(campaign_calendar.table(entries))


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


for command in (publish, history, rollback):
    campaigns.add_command(command)
