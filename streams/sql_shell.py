"""``cuepoint sql``: queries on the newest snapshot, one by one or at a prompt."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click
import duckdb

from sinks.parquet_read import open_parquet
from sinks.read import open_latest
from sinks.snapshots import LATEST
from streams.errors import InputError
from streams.settings import Settings
from streams.text_table import text_table

Format = Literal["table", "csv", "json"]
CLI = "duckdb"
"""DuckDB's own command line, which the prompt hands over to where it is installed."""
HELP = "End a query with ;. Tables and columns: docs/tables.md. Ctrl-D ends."


def run_query(settings: Settings, query: str, form: Format, parquet: Path | None = None) -> None:
    """Run one query, or several with ; between them, and print each result. ``parquet``: on the files of this folder
    instead of the newest snapshot. Raises InputError: DuckDB refuses it."""
    database = open_latest(settings) if parquet is None else open_parquet(parquet)
    try:
        for statement in _statements(database, query):
            _print(_answer(database, statement), form)
    finally:
        database.close()


def prompt(settings: Settings, form: Format) -> None:
    """Queries from a person: DuckDB's own command line where there is one, else a plain prompt."""
    found = shutil.which(CLI)
    database = open_latest(settings)
    path = (settings.snapshot_dir / LATEST).resolve()
    try:
        if found is not None:
            database.close()
            subprocess.run([found, "-readonly", "-cmd", "SET TimeZone = 'UTC'", str(path)], check=False)
            return
        click.echo(f"{path.name}, read-only. {HELP}")
        for query in _typed():
            try:
                for statement in _statements(database, query):
                    _print(_answer(database, statement), form)
            except InputError as error:
                click.echo(str(error), err=True)
    finally:
        database.close()


def _typed() -> Iterator[str]:
    """Queries as a person ends them, over several lines."""
    lines: list[str] = []
    while True:
        try:
            line = input("   ...> " if lines else "cuepoint> ")
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo()
            lines.clear()
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(lines)
            lines.clear()


def _statements(database: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    try:
        return list(database.extract_statements(query))
    except duckdb.Error as error:
        raise _refused(error) from error


def _answer(database: duckdb.DuckDBPyConnection, statement: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        found = database.execute(statement)
        return [column[0] for column in found.description or ()], found.fetchall()
    except duckdb.Error as error:
        raise _refused(error) from error


def _refused(error: duckdb.Error) -> InputError:
    text = " ".join(str(error).split("\n\n")[0].split())
    return InputError(f"The query cannot be run: {text}. Tables and their columns are in docs/tables.md.")


def _print(answer: tuple[list[str], list[tuple[Any, ...]]], form: Format) -> None:
    names, rows = answer
    if form == "json":
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str, ensure_ascii=False))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        click.echo(text_table(names, ([_cell(value) for value in row] for row in rows)))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1 else str(value)
