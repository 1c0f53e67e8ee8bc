"""``cuepoint sql, report, snapshot, forecasts``: for analysts, on snapshots."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
from rich.console import Console

from schemas.base import to_ms
from streams.campaigns import load_campaigns
from streams.cli_common import settings
from streams.cli_pipeline import AS_IS, CAMPAIGNS, UNTIL
from streams.cli_what_if import check_place
from streams.replay import control
from streams.replay.files import merged
from streams.sql_shell import Format, prompt, run_query


@click.command()
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="table", show_default=True)
@click.option(
    "--parquet",
    type=click.Path(path_type=Path, file_okay=False),
    help="Ask the Parquet files of this folder instead (docs/beyond-one-file.md).",
)
def sql(query: str | None, form: Format, parquet: Path | None) -> None:
    """Run QUERY on the newest snapshot, read-only; without one, open a prompt (DuckDB's own where it is installed).

    Queries on standard input are run too.
    """
    if query is None and parquet is None and sys.stdin.isatty():
        prompt(settings(), form)
    else:
        run_query(settings(), sys.stdin.read() if query is None else query, form, parquet)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@CAMPAIGNS
@UNTIL
@AS_IS
@click.option(
    "--forecasts",
    "forecast_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CSV file of forecasts to go with it (see cuepoint forecasts load).",
)
def snapshot(
    directory: Path, campaign_dir: Path, until: datetime | None, as_is: bool, forecast_file: Path | None
) -> None:
    """Decide over the files of DIRECTORY without Kafka, and publish everything as a snapshot.

    It holds the events, decisions, quarantine and counts that a replay would have brought into the sink.
    """
    from sinks.forecast_files import read_forecasts
    from streams.published import publish_backtest

    config, now = settings(), control.now()
    content = load_campaigns(campaign_dir)
    forecasts = read_forecasts(forecast_file, now) if forecast_file is not None else []
    end = None if until is None else to_ms(until.replace(tzinfo=UTC))
    lines = merged(directory, as_is)
    path, result = publish_backtest(lines, content, config, end, now, to_ms(now), forecasts)
    received = sum(counts.get("received", 0) for counts in result.counts.by_source.values())
    Console(stderr=True).print(f"{received:,} records of {directory} are in {path}", soft_wrap=True)


@click.group()
def forecasts() -> None:
    """Forecasts of net sales, against which reports hold what was sold."""


@forecasts.command("load")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def forecasts_load(file: Path) -> None:
    """Write the forecasts of a CSV FILE to the topic forecasts.

    The header names the columns: brand, month (2011-11), currency and net_sales; and where they are narrower than
    everything, market, channel, category; made_at, when that is not now. The one made last holds.
    """
    from sinks.forecast_files import read_forecasts
    from streams.tools import producer
    from streams.topics_admin import check_topics

    config = settings()
    found = read_forecasts(file, control.now())
    check_topics(config, ["forecasts"])
    with producer(config) as client:
        for each in found:
            client.send(config.topic("forecasts"), each.model_dump_json().encode(), each.key.encode())
    click.echo(f"{len(found):,} forecasts of {file} are on {config.topic('forecasts')}")


@click.command()
@click.option("--period", required=True, help="Month of the report, such as 2011-11.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page to write; report-<period>.html in the current directory.",
)
def report(period: str, out: Path | None) -> None:
    """Write the report of a month as one HTML page, from the newest snapshot; it needs no network."""
    from sinks.read import open_latest
    from streams.html_page import write_html
    from streams.monthly.figures import figures_of, month_of
    from streams.monthly.page import page

    month = month_of(period)
    path = out or Path(f"report-{month:%Y-%m}.html")
    check_place(path, "--out")
    database = open_latest(settings())
    try:
        found = figures_of(database, month)
    finally:
        database.close()
    write_html(path, page(found), "--out")
    click.echo(f"written: {path}")
