"""``cuepoint config show``: what the settings are and where each comes from, without any secret."""

from __future__ import annotations

import json
import os

import click

from streams.cli_common import settings
from streams.settings import ENV_PREFIX, Settings, settings_file
from streams.text_table import text_table

HIDDEN = "(hidden)"


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(as_json: bool) -> None:
    """Show every setting, its value and where it comes from; secrets are hidden, files that hold them are named."""
    found = settings()
    in_file = settings_file()
    values = found.model_dump(mode="json")
    rows = []
    for name, field in Settings.model_fields.items():
        source = "environment" if ENV_PREFIX + name.upper() in os.environ else "file" if name in in_file else "default"
        rows.append((name, values[name] if field.repr else HIDDEN, source))
    if as_json:
        click.echo(json.dumps({name: {"value": value, "from": source} for name, value, source in rows}))
        return
    shown = (
        (name, json.dumps(value) if isinstance(value, (dict, list)) else str(value), source)
        for name, value, source in rows
    )
    click.echo(text_table(("setting", "value", "from"), shown))
