"""``cuepoint campaigns publish, history, rollback``: what is in force, since when, and by whom."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.base import rfc3339, to_ms
from schemas.campaigns import CampaignRecord
from schemas.catalog import KnownBrands
from streams import campaign_store
from streams.campaign_diff import Change, differences, in_words
from streams.campaign_store import Keyed, name_of
from streams.campaigns import CampaignSet, known_brands, load_campaigns, records, withdrawn
from streams.cli_common import settings
from streams.errors import InputError
from streams.intake.stamp import PLANNED_MS_MAX
from streams.replay.control import now, read_control, write_control
from streams.settings import Settings
from streams.text_table import text_table

WHEN = click.option(
    "--effective-at", type=click.DateTime(), help="In force from then on (UTC, at most 366 days ahead); else at once."
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@WHEN
@DRY_RUN
@click.option("--prune", is_flag=True, help="Withdraw published campaigns that DIRECTORY does not hold.")
def publish(directory: Path, effective_at: datetime | None, dry_run: bool, prune: bool) -> None:
    """Publish what differs in DIRECTORY from what is published; in force without a restart."""
    found = load_campaigns(directory)
    config = settings()
    moment = _effective(effective_at)
    before = campaign_store.published(config)
    changes = [change for change in differences(before, found) if change.kind != "removed" or change.what == "campaign"]
    wanted = [change for change in changes if prune or change.kind != "removed"]
    _say(wanted)
    kept = [change.name for change in changes if change not in wanted]
    if kept:
        click.echo(f"Only published, and left so: {', '.join(kept)}; --prune withdraws them.")
    if dry_run:
        click.echo(f"Dry run: {len(wanted)} records would be published, in force from {rfc3339(moment)}.")
        return
    _write(config, found, _records(wanted, before, found, moment), moment)


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def history(name: str | None, as_json: bool) -> None:
    """Every version that was published, of campaign or brand NAME or of all: when, from when on, and by whom."""
    found = campaign_store.history(settings(), name)
    if as_json:
        for record in found:
            click.echo(record.model_dump_json())
        return
    click.echo(text_table(("published", "in force from", "what", "name", "version", "by"), map(_history_row, found)))


@click.command()
@click.argument("name")
@click.option("--to", "version", help="Version to go back to; else the one before the present.")
@WHEN
@DRY_RUN
def rollback(name: str, version: str | None, effective_at: datetime | None, dry_run: bool) -> None:
    """Publish an earlier version of campaign or brand NAME again."""
    config = settings()
    moment = _effective(effective_at)
    target = campaign_store.version_before(campaign_store.history(config, name), name, version)
    before = campaign_store.published(config)
    one = CampaignSet(
        () if target.campaign is None else (target.campaign,), () if target.rules is None else (target.rules,)
    )
    present = CampaignSet(
        tuple(c for c in before.campaigns if target.campaign is not None and c.id == name),
        tuple(b for b in before.brands if target.rules is not None and b.brand == name),
    )
    changes = differences(present, one)
    _say(changes)
    if dry_run:
        click.echo(f"Dry run: version {target.version} of {name} would be published, in force from {rfc3339(moment)}.")
        return
    _write(config, one, _records(changes, present, one, moment), moment)


def _effective(moment: datetime | None) -> int:
    """From when on. Raises InputError for a time that is past, or further ahead than intake takes."""
    present = to_ms(now())
    if moment is None:
        return present
    wanted = to_ms(moment.replace(tzinfo=UTC))
    if wanted < present:
        raise InputError(f"--effective-at {rfc3339(wanted)} is past; leave it out to publish with effect from now.")
    if wanted > present + PLANNED_MS_MAX:
        raise InputError(
            f"--effective-at {rfc3339(wanted)} is more than 366 days ahead, which intake refuses; publish later."
        )
    return wanted


def _records(changes: Iterable[Change], before: CampaignSet, after: CampaignSet, moment: int) -> list[Keyed]:
    changes = list(changes)
    who = getpass.getuser()
    names = {(change.what, change.name) for change in changes if change.kind != "removed"}
    gone = {change.name for change in changes if change.kind == "removed"}
    changed = CampaignSet(
        tuple(campaign for campaign in after.campaigns if ("campaign", campaign.id) in names),
        tuple(rules for rules in after.brands if ("brand", rules.brand) in names),
    )
    left = [withdrawn(campaign, moment, who) for campaign in before.campaigns if campaign.id in gone]
    return [*records(changed, moment, who), *left]


def _write(config: Settings, found: CampaignSet, wanted: list[Keyed], moment: int) -> None:
    known = read_control(config).get("brands")
    brands = known_brands(found) | (frozenset(known.brands) if isinstance(known, KnownBrands) else frozenset())
    if not isinstance(known, KnownBrands) or brands != frozenset(known.brands):
        write_control(config, "brands", KnownBrands(kind="brands", brands=sorted(brands)))
    count = campaign_store.write(config, wanted, to_ms(now()))
    click.echo(f"{count} records published to {config.topic('campaigns')}, in force from {rfc3339(moment)}.")


def _say(changes: list[Change]) -> None:
    for change in changes:
        for line in in_words(change):
            click.echo(line)


def _history_row(record: CampaignRecord) -> tuple[str, ...]:
    published = "" if record.published_at is None else rfc3339(to_ms(record.published_at))
    in_force = rfc3339(to_ms(record.occurred_at))
    return published, in_force, record.type, name_of(record), record.version, record.published_by
