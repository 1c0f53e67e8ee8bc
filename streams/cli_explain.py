"""``cuepoint explain``: why a customer got a message, or did not."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.base import from_ms, to_ms
from streams.campaigns import load_campaigns
from streams.cli_common import settings
from streams.cli_pipeline import AS_IS, CAMPAIGNS
from streams.errors import InputError
from streams.explain.compare import compared
from streams.explain.export import refuse_erased
from streams.explain.history import from_history
from streams.explain.kafka_log import kafka_log
from streams.explain.log import from_log
from streams.explain.recording import Recording
from streams.explain.show import as_object, in_lines
from streams.explain.snapshot import from_snapshot
from streams.explain.story import accounts
from streams.replay.control import now
from streams.replay.files import merged
from streams.settings import Settings

ROWS_DEFAULT = 60
WIDTH_MAX = 120
EXIT_DIFFERS = 1
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


@click.command()
@click.argument("customer")
@click.option("--campaign", help="Only this campaign.")
@click.option("--at", type=click.DateTime(TIMES), help="As of this time, UTC; else as far as all is decided.")
@click.option(
    "--history",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read a folder of history, as backtest does, and not the log on the broker.",
)
@CAMPAIGNS
@AS_IS
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --history: the decisions that backtest --out wrote, to explain and to compare with.",
)
@click.option("--snapshot", is_flag=True, help="Read the newest snapshot of the sink, which reaches back furthest.")
@click.option("--recompute", is_flag=True, help="Decide again from what was read and compare with what was recorded.")
@click.option("--last", type=click.IntRange(1), default=ROWS_DEFAULT, show_default=True, help="Rows of the timeline.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the whole timeline.")
def explain(
    customer: str,
    campaign: str | None,
    at: datetime | None,
    directory: Path | None,
    campaign_dir: Path,
    as_is: bool,
    decisions: Path | None,
    snapshot: bool,
    recompute: bool,
    last: int,
    as_json: bool,
) -> None:
    """Tell CUSTOMER's story, and for each campaign why it was sent, held, suppressed, taken back, or never began.

    It reads the log on the broker, unless --history or --snapshot say otherwise. Exit code 1: --recompute found a
    difference that a log which begins late does not explain.
    """
    moment = None if at is None else to_ms(at.replace(tzinfo=UTC))
    recording = read_recording(customer, settings(), moment, directory, campaign_dir, as_is, decisions, snapshot)
    _tell(recording, campaign, recompute, last, as_json)


def read_recording(
    customer: str,
    config: Settings,
    at: int | None,
    directory: Path | None,
    campaign_dir: Path,
    as_is: bool,
    decisions: Path | None,
    snapshot: bool,
) -> Recording:
    """The customer out of the source that the options name. Raises InputError when they name two."""
    if snapshot and directory is not None:
        raise InputError("--snapshot and --history name two sources; leave one out.")
    if directory is not None:
        return _history(customer, directory, campaign_dir, as_is, decisions, at)
    if decisions is not None:
        raise InputError("--decisions goes with --history; the log and the snapshot hold their own decisions.")
    if snapshot:
        return from_snapshot(customer, config, at)
    with kafka_log(config) as log:
        return from_log(customer, log, at)


def _history(
    customer: str, directory: Path, campaign_dir: Path, as_is: bool, decisions: Path | None, at: int | None
) -> Recording:
    campaigns, config = load_campaigns(campaign_dir), settings()
    return from_history(
        customer,
        lambda: merged(directory, as_is),
        campaigns,
        config.replay_lateness,
        at,
        to_ms(now()),
        f"the history in {directory}",
        decisions,
    )


def _tell(recording: Recording, campaign: str | None, recompute: bool, last: int, as_json: bool) -> None:
    refuse_erased(recording)
    if not recording.events:
        begins = "" if recording.begins is None else f" It begins on {from_ms(recording.begins):%Y-%m-%d}."
        raise InputError(
            f"Nothing is known of customer {recording.asked!r} until {from_ms(recording.now):%Y-%m-%d %H:%M} UTC in "
            f"{recording.origin}.{begins} Ids are those of the CRM, or such as anon:…, card:…, device:…, email:…."
        )
    found = accounts(recording, campaign)
    comparison = compared(recording, campaign) if recompute else None
    if recompute and comparison is None:
        raise InputError(
            "A history holds no recorded decisions to compare with; write them with cuepoint backtest --out FILE and "
            "name that file with --decisions."
        )
    if as_json:
        click.echo(json.dumps(as_object(recording, found, comparison, campaign), indent=1, ensure_ascii=False))
    else:
        width = min(shutil.get_terminal_size((100, 24)).columns, WIDTH_MAX)
        for line in in_lines(recording, found, comparison, campaign, last, width):
            click.echo(line)
    if comparison is not None and not comparison.agrees and not comparison.excused:
        sys.exit(EXIT_DIFFERS)
