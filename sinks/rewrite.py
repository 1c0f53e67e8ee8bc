"""Rewriting the sink's file: what is committed goes into a new one, so that deleted rows leave no bytes behind.

DuckDB marks deleted rows and re-uses their blocks in time; it does not overwrite them.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from sinks.columns import quote
from sinks.failures import sink_error
from sinks.layout import open_database
from sinks.tables import TABLES

SUFFIX = ".rewriting"


def rewrite(database: duckdb.DuckDBPyConnection, path: Path, topic_prefix: str) -> duckdb.DuckDBPyConnection:
    """Replace ``path`` by a file with the same rows, and return a connection to it; the old one is closed.

    The new file takes the name in one step: a death before it leaves the old one as it was. Raises SinkError: the disk
    has no room for both.
    """
    new = path.with_name(path.name + SUFFIX)
    try:
        _remove(new)
        open_database(new, topic_prefix).close()
        database.execute(f"ATTACH {quote(str(new))} AS rewritten")
        database.begin()
        for table in TABLES:
            if table.full_name != "core.dim_currencies" and table.full_name != "meta.layout":
                database.execute(f"INSERT INTO rewritten.{table.full_name} BY NAME FROM {table.full_name}")
        database.execute("UPDATE rewritten.meta.erasures SET rewritten = true")
        database.commit()
        database.execute("CHECKPOINT rewritten")
        database.execute("DETACH rewritten")
        database.close()
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except (duckdb.Error, OSError) as error:
        raise sink_error(error, path) from error
    return open_database(path, topic_prefix)


def _remove(path: Path) -> None:
    for each in (path, path.with_name(path.name + ".wal")):
        each.unlink(missing_ok=True)
