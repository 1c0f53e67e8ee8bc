"""Mapping files: how the rows of somebody's CSV export become input events. The vocabulary is docs/sources.md."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from schemas.base import Brand, Closed, Currency, Market, Zone
from schemas.generate import kinds
from schemas.topics import TOPICS
from streams.campaign_yaml import YamlError, YamlFile, read_yaml
from streams.errors import InputError

Topic = Literal["orders", "returns", "web-sessions", "pos-transactions", "customers", "channel-feedback", "catalog"]
_SET_BY_US = frozenset({"type", "lines", "schema_version"})


def _pattern(value: str | None) -> str | None:
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression ({error})") from error
    return value


class Cell(Closed):
    """Where the value of a field comes from: one ``column``, or a ``value`` that is always the same."""

    column: str | None = Field(None, description="Column of the file.")
    value: str | int | bool | None = Field(None, description="The same for every row, instead of a column.")
    none: list[str] = Field(default_factory=list, description="Texts that mean: nothing. An empty cell always does.")
    cut: str | None = Field(None, description="Regular expression of what is cut out of the text, such as `\\.0$`.")
    upper: bool = Field(False, description="In capitals.")
    time: str | None = Field(
        None, description="Form of a time or date as Python writes it, such as `%d.%m.%Y %H:%M`; none: ISO 8601."
    )
    times: int = Field(1, description="Factor of a number: -1 turns the sign round.")
    map: dict[str, str] = Field(default_factory=dict, description="Their word -> ours.")
    otherwise: str | None = Field(None, description="Ours for words that are not in `map`; none: they are an error.")

    _cut = field_validator("cut")(_pattern)

    @model_validator(mode="after")
    def _one_source(self) -> Cell:
        if (self.column is None) == (self.value is None):
            raise ValueError("write either column or value")
        return self


class Condition(Closed):
    """A test of one column. All that are named have to hold; ``unless`` turns the whole test round."""

    column: str = Field(description="Column of the file.")
    equals: list[str] | None = Field(None, description="The text is one of these.")
    matches: str | None = Field(None, description="The regular expression is found in the text.")
    above: int | None = Field(None, description="The number is greater.")
    below: int | None = Field(None, description="The number is less.")
    empty: bool | None = Field(None, description="The cell is empty (true), or is not (false).")
    unless: bool = Field(False, description="The rows for which it does not hold.")

    _matches = field_validator("matches")(_pattern)


class Lines(Closed):
    """The rows of a record as its lines."""

    where: list[Condition] = Field(default_factory=list, description="Which rows are lines; a record needs one.")
    fields: dict[str, Cell] = Field(description="Field of a line -> where it comes from.")


class Record(Closed):
    """One kind of event that rows become."""

    topic: Topic = Field(description="Input topic.")
    type: str = Field(description="Kind of event.")
    where: list[Condition] = Field(default_factory=list, description="Which rows it is made of; none: all.")
    group_by: list[str] = Field(
        default_factory=list, description="Columns: rows that are equal in them are one record; none: each row is one."
    )
    some: list[Condition] = Field(
        default_factory=list, description="A record counts only if one of its rows (lines) passes one of these."
    )
    fields: dict[str, Cell] = Field(description="Field of the event -> where it comes from, in the first row.")
    lines: Lines | None = Field(None, description="Its lines, for events that have some.")


class Mapping(Closed):
    """A mapping file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40, description="Begins every event id.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Between two cells.")
    encoding: str = Field("utf-8-sig", description="Of the file, such as `latin-1`.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of numbers; the other one is left out.")
    zone: Zone | None = Field(None, description="Zone of times without an offset.")
    brand: Brand | None = Field(None, description="Brand; none: the setting ingest_brand.")
    market: Market | None = Field(None, description="Market of records that name none; none: ingest_market.")
    currency: Currency | None = Field(None, description="Currency of records that name none; none: ingest_currency.")
    once: bool = Field(False, description="Rows that repeat another of their record in every cell are dropped.")
    left_out: list[str] = Field(default_factory=list, description="Columns that nothing needs.")
    records: list[Record] = Field(min_length=1, description="What rows become; a row may become several.")

    def columns(self) -> set[str]:
        """Every column that is used or left out on purpose."""
        found = set(self.left_out)
        for record in self.records:
            parts: list[Record | Lines] = [record, *([record.lines] if record.lines else [])]
            for one in parts:
                found |= {cell.column for cell in one.fields.values() if cell.column}
                found |= {condition.column for condition in one.where}
            found |= {*record.group_by, *(condition.column for condition in record.some)}
        return found


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises InputError with file, line and what was probably meant."""
    try:
        file = read_yaml(path)
    except (YamlError, OSError) as error:
        raise InputError(f"{path.name} {error}") from error
    try:
        mapping = Mapping.model_validate(_shorthand(file.content))
    except ValidationError as error:
        raise InputError(_sentence(file, error)) from error
    for number, record in enumerate(mapping.records):
        _check_fields(file, number, record)
    return mapping


def _shorthand(content: Any) -> Any:
    """``order_id: OrderNo`` means ``order_id: {column: OrderNo}``."""
    if isinstance(content, dict):
        return {
            name: {key: {"column": each} if isinstance(each, str) else each for key, each in value.items()}
            if name == "fields" and isinstance(value, dict)
            else _shorthand(value)
            for name, value in content.items()
        }
    return [_shorthand(each) for each in content] if isinstance(content, list) else content


def _sentence(file: YamlFile, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = tuple(part for part in first["loc"] if not isinstance(part, str) or "[" not in part)
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        names = [name for model in (Mapping, Record, Lines, Condition, Cell) for name in model.model_fields]
        text = f"field {place[-1]} is not known{_meant(str(place[-1]), names)}"
    elif first["type"] == "missing":
        text = f"field {place[-1]} is missing"
    return f"{file.where(place)}: {'.'.join(map(str, place))}: {text}. The vocabulary is in docs/sources.md."


def _check_fields(file: YamlFile, number: int, record: Record) -> None:
    """Whether the contract of the topic has the fields. Raises InputError."""
    models = kinds(TOPICS[record.topic].schema)
    if record.type not in models:
        where = file.where(("records", number, "type"))
        raise InputError(f"{where}: type {record.type} is not of topic {record.topic}{_meant(record.type, models)}.")
    known = set(models[record.type].model_fields) - _SET_BY_US
    _known(file, ("records", number, "fields"), record.fields, known, record.type)
    if record.lines is not None:
        line = MODELS_OF_LINES.get(record.type)
        if line is None:
            raise InputError(f"{file.where(('records', number, 'lines'))}: {record.type} has no lines; leave them out.")
        _known(file, ("records", number, "lines", "fields"), record.lines.fields, line, f"a line of {record.type}")


def _known(file: YamlFile, place: tuple[str | int, ...], fields: dict[str, Cell], known: Any, what: str) -> None:
    for name in fields:
        if name not in known:
            raise InputError(f"{file.where((*place, name))}: {what} has no field {name}{_meant(name, known)}.")


def _meant(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(set(known)))}"


def _line_fields() -> dict[str, frozenset[str]]:
    """Kind -> fields of its lines."""
    found = {}
    for topic in ("orders", "returns", "web-sessions", "pos-transactions"):
        for kind, model in kinds(TOPICS[topic].schema).items():
            lines = model.model_fields.get("lines")
            if lines is not None:
                found[kind] = frozenset(_inner(lines.annotation).model_fields)
    return found


def _inner(annotation: Any) -> Any:
    """The model in ``list[Model]``."""
    return annotation.__args__[0]


MODELS_OF_LINES = _line_fields()
"""Kind of event -> the fields of its lines."""
