"""The data dictionary is what the database says, and the database says something about everything."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pydantic import BaseModel, Field

from schemas.customers import FeedbackEvent
from schemas.decisions import Decision
from sinks.columns import json_shape, model_columns, sql_type
from sinks.dictionary import PATH, dictionary
from sinks.layout import read_view, statements, views
from sinks.tables import DECISIONS, FEEDBACK

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / PATH).read_text() == dictionary(), "run: python -m sinks.dictionary"


def test_every_table_view_column_and_macro_has_a_comment() -> None:
    with duckdb.connect() as database:
        for statement in statements():
            database.execute(statement)
        bare = database.execute(
            "SELECT schema_name || '.' || table_name || '.' || column_name FROM duckdb_columns() "
            "WHERE comment IS NULL AND NOT internal UNION ALL "
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE comment IS NULL UNION ALL "
            "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal "
            "UNION ALL "
            "SELECT function_name FROM duckdb_functions() WHERE comment IS NULL AND function_type LIKE '%macro' "
            "AND schema_name IN ('core', 'mart')"
        ).fetchall()
        assert bare == []
        for view in views():
            if view.kind == "VIEW":
                names = [row[0] for row in database.execute(f"DESCRIBE {view.name}").fetchall()]
                assert list(view.columns) == names, f"{view.name}: the header lists its columns in their order"


def test_every_field_of_a_model_is_a_column() -> None:
    assert {column.name for column in DECISIONS.columns} >= set(Decision.model_fields)
    assert {column.name for column in FEEDBACK.columns} >= set(FeedbackEvent.model_fields)


class _Inner(BaseModel):
    number: int


class _Model(BaseModel):
    due_at: str
    parts: list[_Inner] | None = Field(None, description="Parts.")


def test_columns_follow_the_model() -> None:
    due, parts = model_columns(_Model, {"due_at": "When."})
    assert (due.type, due.comment, due.required) == ("TIMESTAMPTZ", "When.", True)
    assert (parts.type, parts.comment, parts.required) == ("STRUCT(number BIGINT)[]", "Parts.", False)
    assert sql_type(parts.shape) == parts.type


@pytest.mark.parametrize("comments", [{}, {"due_at": "When.", "parts": "stale"}])
def test_a_field_without_comment_and_a_stale_comment_are_errors(comments: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        model_columns(_Model, comments)


def test_a_type_that_no_column_can_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="speed"):
        json_shape("speed", float)


def test_a_sql_file_without_header_is_an_error() -> None:
    with pytest.raises(ValueError, match="header"):
        read_view("x.sql", "CREATE OR REPLACE VIEW core.x AS SELECT 1;")
