"""Reading a folder of Parquet commits with the same tables, views and macros as a snapshot."""

from __future__ import annotations

from pathlib import Path

import duckdb

from sinks.columns import quote
from sinks.failures import sink_error
from sinks.layout import statements
from sinks.parquet_files import read_folder
from sinks.parquet_sink import STATE_TABLES
from sinks.repeats import find_repeats
from sinks.tables import RAW_TABLES
from streams.errors import SinkError


def open_parquet(directory: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory over the files of the newest commit; later commits do not change what it sees. Close it.

    Raises SinkError: nothing has been committed there, or a file cannot be read.
    """
    folder = read_folder(directory)
    if not folder.number:
        raise SinkError(
            f"Nothing has been committed in {directory}; name the folder that cuepoint sink --parquet writes."
        )
    try:
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET enable_progress_bar = false")
        for statement in statements():
            database.execute(statement)
        for table in STATE_TABLES:
            for row in folder.state.get(table.full_name, ()):
                marks = ", ".join("?" for _ in row)
                names = ", ".join(row)
                database.execute(f"INSERT INTO {table.full_name} ({names}) VALUES ({marks})", list(row.values()))
        for table in RAW_TABLES:
            files = folder.of_table(table.full_name)
            if files:
                listed = ", ".join(quote(str(file)) for file in files)
                columns = ", ".join(column.name for column in table.columns)
                database.execute(f"DROP TABLE {table.full_name}")
                database.execute(
                    f"CREATE VIEW {table.full_name} AS SELECT {columns} "
                    f"FROM read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
                )
        find_repeats(database)
    except duckdb.Error as error:
        raise sink_error(error, directory) from error
    return database
