"""``cuepoint ingest``: webhooks and files of the systems that retailers have, as input events."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from streams.cli_common import settings

SENTENCES_SHOWN_MAX = 20


@click.group()
def ingest() -> None:
    """Take webhooks and files of Shopify, Segment, Square and others as input events."""


@ingest.command()
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="At the stop, write what came here.")
def http(report: Path | None) -> None:
    """Take webhooks until asked to stop. Which, from whom, and where: settings that begin with ingest."""
    from streams.ingest.service import serve
    from streams.runtime.logs import configure_logging

    config = settings()
    configure_logging(config.log_level)
    asyncio.run(serve(config, report))


@ingest.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--mapping", required=True, metavar="VENDOR|FILE", help="shopify, segment, square, or a mapping file for a CSV."
)
@click.option("--kind", help="What each payload is, where it does not say so, such as orders/create.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files for backtest and replay, not to Kafka."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write what came of it here, as JSON.")
def file(path: Path, mapping: str, kind: str | None, out: Path | None, report: Path | None) -> None:
    """Take a FILE: payloads of a vendor (JSON), or rows (CSV). Exits with 1 when something of it was refused."""
    from streams.ingest.load import load
    from streams.ingest.report import in_text, write_report

    worker = asyncio.run(load(settings(), path, mapping, kind, out))
    for line in in_text(worker):
        click.echo(line)
    for sentence in worker.sentences[:SENTENCES_SHOWN_MAX]:
        click.echo(sentence, err=True)
    if report is not None:
        write_report(worker, report)
    sys.exit(1 if worker.refused else 0)
