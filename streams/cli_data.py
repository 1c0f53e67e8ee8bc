"""Commands about data: make a retailer, find a data set."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from schemas.base import identifier_hash as hash_identifier
from streams.replay.online_retail_files import find_file
from streams.settings import load_settings
from streams.simulate import Simulation, simulate_retailer
from streams.simulate.retailer import CUSTOMERS_MAX, DAYS_MAX

CUSTOMERS_DEFAULT = 4_372
DAYS_DEFAULT = 374
"""The scale of UCI Online Retail."""


def find_dataset(paths: Iterable[Path]) -> Path | None:
    """The first Online Retail file in these places, each a file or a directory; None if there is none."""
    return next((file for path in paths if (file := find_file(path)) is not None), None)


@click.command()
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--customers", type=click.IntRange(1, CUSTOMERS_MAX), default=CUSTOMERS_DEFAULT, show_default=True)
@click.option("--days", type=click.IntRange(2, DAYS_MAX), default=DAYS_DEFAULT, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Equal seeds give equal files.")
def simulate(out_dir: Path, customers: int, days: int, seed: int) -> None:
    """Make a whole synthetic retailer in OUT_DIR, ready for replay and backtest."""
    print_simulation(simulate_retailer(out_dir, customers, days, seed), out_dir, Console())


def print_simulation(simulation: Simulation, out_dir: Path, console: Console) -> None:
    """What was written, what is synthetic in it, and where it is."""
    console.print(f"Synthetic data ({simulation.origin}, seed {simulation.seed})", style="bold", soft_wrap=True)
    table = Table()
    table.add_column("source")
    table.add_column("lines", justify="right")
    table.add_column("what it is")
    for source, lines in simulation.lines.items():
        table.add_row(source, f"{lines:,}", simulation.labels[source])
    table.add_section()
    table.add_row("together", f"{sum(simulation.lines.values()):,}", "")
    console.print(table)
    imperfections = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in simulation.imperfections.items())
    console.print(f"Imperfections on purpose: {imperfections or 'none'}")
    console.print(f"Written to {out_dir}; try: cuepoint backtest {out_dir}", soft_wrap=True)


@click.command("hash")
@click.argument("values", nargs=-1)
def identifier_hash(values: tuple[str, ...]) -> None:
    """Hash e-mail addresses or phone numbers (arguments, or one a line on standard input) with the secret hash_key."""
    key = load_settings().hash_key
    for value in values or (line.strip() for line in click.get_text_stream("stdin")):
        if value:
            click.echo(hash_identifier(value, key))
