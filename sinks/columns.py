"""Columns of tables, made from the models in ``schemas``: SQL types, JSON shapes and comments say a thing once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

_SCALARS: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    bool: "BOOLEAN",
    datetime: "TIMESTAMPTZ",
    AwareDatetime: "TIMESTAMPTZ",
    date: "DATE",
}
_TIME_SUFFIXES = ("_at", "valid_until", "valid_from")
"""Outputs carry their times as RFC 3339 text; by these endings of the name they become TIMESTAMPTZ."""


@dataclass(frozen=True)
class Column:
    """One column: its SQL type, what it means, and the shape of the JSON it is read from (DuckDB's ``from_json``)."""

    name: str
    type: str
    comment: str
    shape: Any = None
    required: bool = False
    """Never NULL: a record without it is not of the contract (``from_json`` makes NULL of what it cannot read)."""

    @property
    def constraint(self) -> str:
        """NOT NULL, or nothing."""
        return " NOT NULL" if self.required else ""


@dataclass(frozen=True)
class Table:
    """One table, ``schema.name``, with a comment for itself and for every column."""

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"

    def ddl(self) -> str:
        """CREATE TABLE IF NOT EXISTS."""
        columns = [f"{column.name} {column.type}{column.constraint}" for column in self.columns]
        if self.primary_key:
            columns.append(f"PRIMARY KEY ({', '.join(self.primary_key)})")
        return f"CREATE TABLE IF NOT EXISTS {self.full_name} ({', '.join(columns)})"


def model_columns(model: type[BaseModel], comments: Mapping[str, str]) -> tuple[Column, ...]:
    """A column for every field of ``model``, in its order.

    The comment is the field's own description; ``comments`` has those of fields without one. Raises KeyError for a
    field with neither, and for a comment that no field lacks, so that no column goes without and none is stale.
    """
    bare = {name for name, field in model.model_fields.items() if not field.description}
    unused = set(comments) - bare
    if unused:
        raise KeyError(f"{model.__name__} has no field without description named {sorted(unused)}")
    columns = []
    for name, field in model.model_fields.items():
        shape = json_shape(name, field.annotation)
        comment = field.description or comments[name]
        columns.append(Column(name, sql_type(shape), comment, shape, field.is_required()))
    return tuple(columns)


def json_shape(name: str, annotation: Any) -> Any:
    """The shape of a field for ``from_json``: ``"VARCHAR"``, ``["VARCHAR"]``, ``{"gate": "VARCHAR", …}``, nested.

    Raises TypeError for a type that no column can hold.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return json_shape(name, get_args(annotation)[0])
    if origin is Literal:
        return "VARCHAR"
    if origin in (Union, UnionType):
        first, *others = [json_shape(name, part) for part in get_args(annotation) if part is not NoneType]
        if any(other != first for other in others):
            raise TypeError(f"field {name}: no column type for {annotation!r}, whose members differ")
        return first
    if origin is list:
        return [json_shape("", get_args(annotation)[0])]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {key: json_shape(key, field.annotation) for key, field in annotation.model_fields.items()}
    if annotation is str and name.endswith(_TIME_SUFFIXES):
        return "TIMESTAMPTZ"
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    raise TypeError(f"field {name}: no column type for {annotation!r}")


def sql_type(shape: Any) -> str:
    """The SQL type of a shape: ``STRUCT(gate VARCHAR, …)[]``."""
    if isinstance(shape, list):
        return f"{sql_type(shape[0])}[]"
    if isinstance(shape, dict):
        return f"STRUCT({', '.join(f'{key} {sql_type(part)}' for key, part in shape.items())})"
    return str(shape)


def shape_literal(shape: Any) -> str:
    """A shape as the SQL text literal that ``from_json`` takes."""
    return quote(json.dumps(shape))


def quote(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"
