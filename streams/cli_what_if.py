"""What the commands that compare two sets of campaigns share: their options, and what they write and print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from streams.campaign_diff import Change, differences
from streams.campaigns import CampaignSet
from streams.cli_common import settings
from streams.errors import InputError
from streams.what_if.compare import ATTRIBUTION_DAYS, Difference
from streams.what_if.history import Input, what_if
from streams.what_if.page import write_page
from streams.what_if.report import print_difference
from streams.what_if.tables import write_tables

PAGE = click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what differs here as an HTML page with plots.",
)
ATTRIBUTION = click.option(
    "--attribution-days",
    type=click.IntRange(1, 365),
    default=ATTRIBUTION_DAYS,
    show_default=True,
    help="Days after a message within which a purchase counts as revenue that a difference touches.",
)
Set = tuple[Path, CampaignSet]


def check_place(path: Path | None, option: str) -> None:
    """Raise InputError when a file that a run of minutes is to write could not be written."""
    if path is not None and not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a directory; create it, or name another place with {option}.")


def compare_sets(
    source: Input, first: Set, second: Set, out: Path | None, page: Path | None, attribution_days: int
) -> None:
    """Run both sets over the history, and show what differs."""
    difference = what_if(source, first[1], second[1], settings(), attribution_days)
    show(difference, differences(first[1], second[1]), out, page, (str(first[0]), str(second[0])))


def show(
    difference: Difference, changes: Sequence[Change], out: Path | None, page: Path | None, names: tuple[str, str]
) -> None:
    """Print the difference, and write it as tables and as a page where that is wanted."""
    if out is not None:
        write_tables(difference, changes, out)
    if page is not None:
        write_page(difference, changes, page, *names)
    console = Console()
    print_difference(difference, changes, console)
    for path in (out, page):
        if path is not None:
            console.print(f"written: {path}", soft_wrap=True)
