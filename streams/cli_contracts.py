"""``cuepoint contracts, docs``: for developers of Cuepoint, make what is generated from the models anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from schemas import generate


@click.group()
def contracts() -> None:
    """JSON Schemas of all topics, made from the models."""


@contracts.command("write")
def contracts_write() -> None:
    """Write schemas/json anew."""
    _say(generate.write())


@click.group()
def docs() -> None:
    """Generated parts of the documentation."""


@docs.command("write")
@click.pass_context
def docs_write(context: click.Context) -> None:
    """Write all that is generated anew: parts of docs/*.md, docs/tables.md, and schemas/json."""
    from streams.docs.pages import write

    _say([*generate.write(), *write(context.find_root().command)])


def _say(touched: Iterable[Path]) -> None:
    for path in touched:
        click.echo(f"wrote {path.name}")
