"""The layout of the sink's DuckDB file: opening it, its tables, and the views of ``sinks/sql`` with their comments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import duckdb

from schemas.iso import CURRENCY_DIGITS
from sinks.columns import quote
from sinks.failures import damaged, sink_error
from sinks.tables import DECIDING_GATE, TABLES
from streams.errors import SinkError

LAYOUT_VERSION = 1
"""Version of the tables. Columns that are only added need no new one: they are added to older files."""
SCHEMAS = {
    "raw": "What was read from Kafka, one row a record, append only.",
    "core": "Facts and dimensions: every fact once, under the customer it belongs to now.",
    "mart": "Views and macros that answer questions.",
    "meta": "About the data: positions, progress of the stages, snapshots.",
}
"""Schemas with what they are for (DuckDB keeps no comments on schemas; the data dictionary has them)."""
STORAGE_VERSION = "v1.5.0"
"""Storage format of the file and so of its snapshots: DuckDB 1.5 opens it."""
MEMORY_LIMIT = "2GB"
"""Most memory that DuckDB takes; what exceeds it goes to a temporary directory beside the file."""
CHECKPOINT_THRESHOLD = "256MB"
"""Size of the write-ahead log at which DuckDB writes it into the file. Its own default, 16 MB, is slower."""

HEADER_BYTES = 12_288
"""Of a DuckDB file, before its blocks."""

_HEADER = re.compile(r"\A/\*(.*?)\*/", re.DOTALL)
_KIND = re.compile(r"CREATE OR REPLACE (VIEW|MACRO)\s+(\w+\.\w+)(.*?)\bAS(\s+TABLE)?\b", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A view or macro of ``sinks/sql``: its statement, its comment, and that of each column."""

    name: str
    kind: str
    """VIEW, MACRO or MACRO TABLE."""
    sql: str
    comment: str
    columns: dict[str, str] = field(default_factory=dict)
    """Column to its comment; ``=raw.decisions.reason`` takes over another's. Of a macro, its parameters come first."""
    parameters: tuple[str, ...] = ()
    """Of a macro: its parameters as they are declared, such as ``days := 14``."""


def read_view(name: str, text: str) -> View:
    """Parse one file: a header comment (what it is, an empty line, ``column: comment`` lines), then its statement.

    A comment goes on over indented lines. Raises ValueError when the file is not so.
    """
    header, statement = _HEADER.match(text), _KIND.search(text)
    if header is None or statement is None:
        raise ValueError(f"{name}: a header comment and CREATE OR REPLACE VIEW or MACRO are needed")
    comment, _, listing = header[1].strip().partition("\n\n")
    columns: dict[str, str] = {}
    for line in re.sub(r"\n\s+", " ", listing).splitlines():
        column, _, meaning = line.partition(": ")
        columns[column.strip()] = meaning.strip()
    kind = statement[1] + (" TABLE" if statement[1] == "MACRO" and statement[4] else "")
    declared = " ".join(statement[3].split()).removeprefix("(").removesuffix(")") if kind != "VIEW" else ""
    parameters = tuple(part.strip() for part in declared.split(",") if part.strip())
    return View(statement[2], kind, text[header.end() :].strip(), " ".join(comment.split()), columns, parameters)


def views() -> list[View]:
    """All views and macros, in the order of their file names, in which each builds on those before it."""
    folder = files("sinks") / "sql"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [read_view(name, (folder / name).read_text(encoding="utf-8")) for name in names]


def open_database(path: Path, topic_prefix: str) -> duckdb.DuckDBPyConnection:
    """Open or create the file, with all tables and views. Raises SinkError with the cause and the way out."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "checkpoint_threshold": CHECKPOINT_THRESHOLD,
            "storage_compatibility_version": STORAGE_VERSION,
        }
        database = duckdb.connect(str(path), config=settings)
    except (duckdb.Error, OSError) as error:
        raise sink_error(error, path) from error
    try:
        _check_whole(database, path)
        known = _check_layout(database, path, topic_prefix)
        database.execute("SET TimeZone = 'UTC'")
        made = list(statements())
        fingerprint = hashlib.sha256("\n".join(made).encode()).hexdigest()
        if fingerprint != known:
            _make(database, made, [LAYOUT_VERSION, topic_prefix, fingerprint])
    except duckdb.Error as error:
        database.close()
        raise sink_error(error, path) from error
    except SinkError:
        database.close()
        raise
    return database


def _check_whole(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    """DuckDB opens a file whose end is missing, and fails at the first read of what was there. Raises SinkError."""
    found = database.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchone()
    size_bytes, least_bytes = path.stat().st_size, HEADER_BYTES + (found[0] if found else 0)
    if size_bytes < least_bytes:
        raise damaged(path, f"it has {size_bytes:,} bytes and should have {least_bytes:,}")


def _make(database: duckdb.DuckDBPyConnection, made: list[str], layout: list[object]) -> None:
    database.begin()
    for statement in made:
        database.execute(statement)
    database.execute(
        f"UPDATE raw.decisions SET deciding_gate = {DECIDING_GATE} WHERE deciding_gate IS NULL AND outcome <> 'sent'"
    )
    database.execute("DELETE FROM meta.layout")
    database.execute("INSERT INTO meta.layout VALUES (?, ?, ?)", layout)
    database.commit()


def _check_layout(database: duckdb.DuckDBPyConnection, path: Path, topic_prefix: str) -> str | None:
    """The fingerprint of what made the file; None for a new one. Raises SinkError when it is not this sink's."""
    tables = database.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
    if not tables:
        return None
    way_out = "set CUEPOINT_DUCKDB_PATH to another file, or move this one away; the sink makes a new one."
    row = None
    if ("meta.layout",) in tables:
        row = database.execute("SELECT version, topic_prefix, fingerprint FROM meta.layout").fetchone()
    if row is None:
        raise SinkError(f"{path} is a DuckDB file of something else (it has no meta.layout): {way_out}")
    version, prefix, fingerprint = row
    if version > LAYOUT_VERSION:
        raise SinkError(
            f"{path} has layout {version}, this Cuepoint knows up to {LAYOUT_VERSION}: upgrade Cuepoint, or {way_out}"
        )
    if prefix != topic_prefix:
        raise SinkError(f"{path} holds records of the topics {prefix}.*, not of {topic_prefix}.*: {way_out}")
    return str(fingerprint)


def statements() -> Iterator[str]:
    """Everything that makes an empty file, or one of an older sink of this layout, what this sink writes."""
    for schema in SCHEMAS:
        yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    for table in TABLES:
        yield table.ddl()
        yield f"COMMENT ON TABLE {table.full_name} IS {quote(table.comment)}"
        for column in table.columns:
            yield f"ALTER TABLE {table.full_name} ADD COLUMN IF NOT EXISTS {column.name} {column.type}"
            yield f"COMMENT ON COLUMN {table.full_name}.{column.name} IS {quote(column.comment)}"
    rows = ", ".join(f"('{code}', {digits}, {10**-digits:.3f})" for code, digits in sorted(CURRENCY_DIGITS.items()))
    yield f"INSERT OR REPLACE INTO core.dim_currencies VALUES {rows}"
    known = column_comments()
    for view in views():
        yield view.sql
        yield f"COMMENT ON {view.kind} {view.name} IS {quote(view.comment)}"
        if view.kind == "VIEW":
            for name in view.columns:
                yield f"COMMENT ON COLUMN {view.name}.{name} IS {quote(known[f'{view.name}.{name}'])}"


def column_comments() -> dict[str, str]:
    """``schema.relation.column`` to its comment, of all tables, views and macros. Raises KeyError for a comment that
    takes over one that does not come before it."""
    known = {f"{table.full_name}.{column.name}": column.comment for table in TABLES for column in table.columns}
    for view in views():
        for name, meaning in view.columns.items():
            known[f"{view.name}.{name}"] = known[meaning[1:]] if meaning.startswith("=") else meaning
    return known
