"""Questions to a DuckDB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from sinks.duckdb_writer import DuckDBWriter


def ask(writer: DuckDBWriter, sql: str, *parameters: Any) -> list[Any]:
    """Rows of a query on the sink's own connection; of one column, its values."""
    return _plain(writer._database, sql, *parameters)


def ask_file(path: Path, sql: str, *parameters: Any) -> list[Any]:
    """Rows of a query on a file that nobody writes."""
    with duckdb.connect(str(path), read_only=True) as database:
        return _plain(database, sql, *parameters)


def _plain(database: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> list[Any]:
    rows = database.execute(sql, list(parameters)).fetchall()
    return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows
