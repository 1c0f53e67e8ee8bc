"""``cuepoint demo``: see it work."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from streams.cli_common import settings
from streams.cli_data import CUSTOMERS_DEFAULT, DAYS_DEFAULT, find_dataset
from streams.errors import InputError


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="UCI Online Retail: a file, or a folder with one.")
@click.option("--look-in", multiple=True, type=click.Path(path_type=Path), help="Take it from here if it is there.")
@click.option("--campaigns", "campaign_dir", type=click.Path(path_type=Path, file_okay=False), default="campaigns")
@click.option("--customers", default=CUSTOMERS_DEFAULT, show_default=True, help="Without a data set: how many.")
@click.option("--days", default=DAYS_DEFAULT, show_default=True, help="Without a data set: how long.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="out/demo.json", show_default=True)
def demo(
    data: Path | None, look_in: tuple[Path, ...], campaign_dir: Path, customers: int, days: int, out: Path
) -> None:
    """Replay a retailer's year through the whole pipeline on this machine."""
    from streams.demo.result import show_result
    from streams.demo.run import run_demo

    found = find_dataset([data] if data is not None else look_in)
    if data is not None and found is None:
        raise InputError(
            f"--data {data}: there is no Online Retail file (tar.xz, CSV or XLSX); README.md says where from."
        )
    signal.signal(signal.SIGTERM, _end)
    run = run_demo(settings(), found, campaign_dir, customers, days)
    sys.exit(0 if show_result(run, out) else 1)


def _end(number: int, _: object) -> None:
    """Who is told to end stops broker and workers first, as after Ctrl-C."""
    sys.exit(128 + number)
