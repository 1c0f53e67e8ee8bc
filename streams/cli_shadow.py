"""``cuepoint shadow``: a set of campaigns beside the live one, on the live log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.base import to_ms
from schemas.topics import SHADOW, SHADOW_STAGE
from streams.campaigns import load_campaigns
from streams.cli_common import settings
from streams.cli_what_if import ATTRIBUTION, PAGE, check_place, show
from streams.errors import InputError
from streams.topics_admin import delete_topics

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


@click.group(invoke_without_command=True)
@click.option(
    "--campaigns",
    "campaign_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of campaign and brand files that decide in the shadow.",
)
@click.pass_context
def shadow(context: click.Context, campaign_dir: Path | None) -> None:
    """Run a worker that decides under other campaigns beside the live ones, until it is asked to stop.

    It begins with a copy of the live state, reads the live log, and writes to shadow topics only. Started again it goes
    on where it stopped, and takes over what has changed in the directory.
    """
    if context.invoked_subcommand is not None:
        if campaign_dir is not None:
            raise InputError(f"--campaigns goes with cuepoint shadow itself, not with {context.invoked_subcommand}.")
        return
    if campaign_dir is None:
        raise InputError("A shadow needs campaigns; name their directory with --campaigns.")
    from streams.runtime.worker import run_worker
    from streams.stages import shadow_factory
    from streams.what_if.shadow_seed import seed

    config, content = settings(), load_campaigns(campaign_dir)
    seed(config, lambda words: click.echo(words, err=True))
    sys.exit(run_worker(SHADOW_STAGE, config, shadow_factory(content, config)))


@shadow.command()
@click.option("--from", "since", type=click.DateTime(_TIMES), help="Begin of the period, UTC; else of the shadow.")
@click.option("--until", type=click.DateTime(_TIMES), help="End (exclusive), UTC; else as far as both have decided.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write what differs here, a DuckDB file.")
@PAGE
@ATTRIBUTION
def report(
    since: datetime | None, until: datetime | None, out: Path | None, page: Path | None, attribution_days: int
) -> None:
    """Show what the shadow decides otherwise than the live set."""
    from streams.what_if.shadow_report import shadow_difference

    for path, option in ((out, "--out"), (page, "--page")):
        check_place(path, option)
    difference, changes = shadow_difference(settings(), _moment(since), _moment(until), attribution_days)
    show(difference, changes, out, page, ("the live set", "the shadow"))


@shadow.command()
def forget() -> None:
    """Delete the shadow's topics with all that it decided; the next one begins with the live state again.

    Stop the shadow's workers first.
    """
    config = settings()
    for name in delete_topics(config, prefix=config.topic_prefix, only=[topic.name for topic in SHADOW]):
        click.echo(f"deleted {name}")


def _moment(time: datetime | None) -> int | None:
    return None if time is None else to_ms(time.replace(tzinfo=UTC))
