"""The data dictionary ``docs/tables.md``, made from the comments in the database: ``python -m sinks.dictionary``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from sinks.layout import SCHEMAS, column_comments, statements, views

PATH = Path("docs/tables.md")
_HEAD = """# Tables

What analysts find in a snapshot: `cuepoint sql`, or any DuckDB from 1.5 on (`duckdb -readonly
out/snapshots/latest.duckdb`). Made from the comments in the database by `python -m sinks.dictionary`; the same
texts are in `duckdb_columns()`.

Every fact counts once in `core` and `mart`, copies stay in `raw`. Times are TIMESTAMPTZ (`SET TimeZone = 'UTC'` shows
them as Cuepoint reckons), dates are UTC days, amounts are decimals in major units, `*_minor` are
integers in minor units.
"""


def dictionary() -> str:
    """The page as Markdown."""
    with duckdb.connect() as database:
        for statement in statements():
            database.execute(statement)
        parts = [_HEAD]
        for schema, meaning in SCHEMAS.items():
            parts.append(f"\n## {schema}\n{meaning}\n")
            parts += _relations(database, schema)
            parts += _macros(schema)
    return "".join(parts)


def _relations(database: duckdb.DuckDBPyConnection, schema: str) -> Iterator[str]:
    found = database.execute(
        "SELECT table_name, comment, 'table' FROM duckdb_tables() WHERE schema_name = $1 "
        "UNION ALL SELECT view_name, comment, 'view' FROM duckdb_views() WHERE schema_name = $1 ORDER BY 1",
        [schema],
    ).fetchall()
    for name, comment, kind in found:
        yield f"\n### {schema}.{name}\n*{kind.capitalize()}.* {comment}\n\n| column | type | meaning |\n|---|---|---|\n"
        columns = database.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() "
            "WHERE schema_name = $1 AND table_name = $2 ORDER BY column_index",
            [schema, name],
        ).fetchall()
        for column, type_, meaning in columns:
            yield f"| `{column}` | {_short(type_)} | {meaning} |\n"


def _macros(schema: str) -> Iterator[str]:
    comments = column_comments()
    for view in views():
        if view.kind != "VIEW" and view.name.startswith(f"{schema}."):
            names = list(view.columns)
            given, made = names[: len(view.parameters)], names[len(view.parameters) :]
            yield f"\n### {view.name}({', '.join(given)})\n*Macro.* {view.comment}\n\n"
            for declared, name in zip(view.parameters, given, strict=True):
                yield f"- `{declared}`: {comments[f'{view.name}.{name}']}\n"
            if made:
                yield "\n| column | meaning |\n|---|---|\n"
                yield "".join(f"| `{name}` | {comments[f'{view.name}.{name}']} |\n" for name in made)


def _short(type_: str) -> str:
    return type_.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


if __name__ == "__main__":
    PATH.write_text(dictionary(), encoding="utf-8")
