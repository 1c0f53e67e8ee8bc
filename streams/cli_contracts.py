"""``cuepoint contracts, docs``: for developers of Cuepoint, what is made from the models, and what it promises."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from schemas import asyncapi, compatibility, generate
from streams.errors import InputError


@click.group()
def contracts() -> None:
    """JSON Schemas and AsyncAPI of the topics, made from the models, and what a change of them would break."""


@contracts.command("write")
def contracts_write() -> None:
    """Write schemas/json and schemas/asyncapi.json anew."""
    _say([*generate.write(), *asyncapi.write()])


@contracts.command()
@click.option("--against", "version", help="Release to compare with  [default: the last one]")
def check(version: str | None) -> None:
    """Fail when the contracts break what those rely on who know the last release."""
    known = compatibility.versions()
    if not known or (version is not None and version not in known):
        raise InputError(
            f"Release {version or 'to compare with'} is not kept in {compatibility.DIRECTORY}; there are: "
            f"{', '.join(known) or 'none'}."
        )
    version = version or known[-1]
    found = compatibility.breaks(compatibility.load(version), compatibility.released())
    for one in found:
        click.echo(str(one))
    click.echo(
        f"{len(found)} breaking changes since {version}." if found else f"Nothing breaks what {version} promised."
    )
    sys.exit(1 if found else 0)


@contracts.command()
@click.argument("version")
def release(version: str) -> None:
    """Keep the contracts as those of release VERSION, three numbers such as 0.2.0."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise InputError(f"{version!r} is no version; write three numbers such as 0.2.0.")
    try:
        _say([compatibility.release(version)])
    except ValueError as error:
        raise InputError(f"{error}; take the next version.") from error


@click.group()
def docs() -> None:
    """Generated parts of the documentation."""


@docs.command("write")
@click.pass_context
def docs_write(context: click.Context) -> None:
    """Write all that is generated anew: parts of docs/*.md, docs/tables.md, docs/asyncapi.html, and schemas."""
    from streams.docs import asyncapi_page
    from streams.docs.pages import write

    generated = [*generate.write(), *asyncapi.write(), *asyncapi_page.write()]
    _say([*generated, *write(context.find_root().command)])


def _say(touched: Iterable[Path]) -> None:
    for path in touched:
        click.echo(f"wrote {path.name}")
