"""One cell of a row as the value that the contract's field wants: what it has to be follows from the field's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from schemas.base import rfc3339, to_ms
from streams.ingest.common import Frame, Refused, amount, optional_id, shown, whole
from streams.ingest.mapping import Cell, Condition
from streams.ingest.mapping import Mapping as RowMapping

Row = Mapping[str, str]
_AMOUNTS = frozenset({"unit_price", "discount", "tax", "total", "refund", "prices"})
_NUMBERS = frozenset({"quantity", "sequence_number", "results", "usual_days"})
_DATES = frozenset({"birth_date", "business_date"})
_FLAGS = frozenset({"available", "company", "listed", "permanent"})
_HASHES = frozenset({"email_hash"})
_YES = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}
TIMES_REMEMBERED_MAX = 100_000


def text_of(cell: Cell, row: Row, where: str) -> str | None:
    """The text of a cell after cutting, capitals and translation; None where it means nothing. Raises Refused."""
    if cell.column is None:
        return str(cell.value)
    if cell.column not in row:
        raise Refused("missing_field", f"{where}: there is no column {cell.column!r}; there are {', '.join(row)}.")
    text = row[cell.column].strip()
    if cell.cut is not None:
        text = re.sub(cell.cut, "", text)
    if cell.upper:
        text = text.upper()
    if cell.map or cell.otherwise is not None:
        found = cell.map.get(text, cell.otherwise)
        if found is None:
            raise Refused("invalid_field", f"{_at(cell, row, where)} is none of {', '.join(cell.map)}; add it to map.")
        return found
    return None if text in ("", *cell.none) else text


def value_of(field: str, cell: Cell, row: Row, mapping: RowMapping, frame: Frame, where: str) -> Any:
    """The value of a field; None where the cell means nothing. Raises Refused with file, line and column."""
    text = text_of(cell, row, where)
    if text is None:
        return None
    try:
        return _read(field, cell, text, mapping, frame)
    except Refused as reason:
        raise Refused(reason.reason, f"{_at(cell, row, where)}: {reason.message}") from reason


def holds(conditions: list[Condition], row: Row, mapping: RowMapping, where: str) -> bool:
    """Whether a row passes all tests. Raises Refused for a number that is none."""
    return all(_holds(condition, row, mapping, where) for condition in conditions)


def _holds(test: Condition, row: Row, mapping: RowMapping, where: str) -> bool:
    if test.column not in row:
        raise Refused("missing_field", f"{where}: there is no column {test.column!r}; there are {', '.join(row)}.")
    text = row[test.column].strip()
    found = test.equals is None or text in test.equals
    found = found and (test.matches is None or re.search(test.matches, text) is not None)
    found = found and (test.empty is None or (text == "") == test.empty)
    if found and (test.above is not None or test.below is not None):
        number = _number(text, mapping, f"{where}, column {test.column!r} = {shown(text)}")
        found = (test.above is None or number > test.above) and (test.below is None or number < test.below)
    return found != test.unless


def _read(field: str, cell: Cell, text: str, mapping: RowMapping, frame: Frame) -> Any:
    if field in _AMOUNTS:
        currency = mapping.currency or frame.currency
        return amount(str(_number(text, mapping, "it") * cell.times), currency, field)
    if field in _NUMBERS:
        return whole(str(_number(text, mapping, "it") * cell.times), field)
    if field.endswith("_at"):
        return rfc3339(_time(text, cell.time, mapping.zone))
    if field in _DATES:
        return _date(text, cell.time)
    if field in _FLAGS:
        if text.lower() not in _YES:
            raise Refused("invalid_field", f"it is none of {', '.join(_YES)}.")
        return _YES[text.lower()]
    if field in _HASHES:
        return frame.email_hash(text)
    if field == "product_id":
        known = optional_id(text) or text
        return frame.products.get(known, known)
    return optional_id(text) if field.endswith("_id") else text


def _number(text: str, mapping: RowMapping, where: str) -> Decimal:
    plain = text.replace("," if mapping.decimal == "." else ".", "").replace(",", ".")
    try:
        return Decimal(plain)
    except InvalidOperation as error:
        raise Refused("invalid_field", f"{where} is no number with the decimal mark {mapping.decimal!r}.") from error


@lru_cache(TIMES_REMEMBERED_MAX)
def _time(text: str, form: str | None, zone: str | None) -> int:
    try:
        found = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 (the zone is below)
    except ValueError as error:
        raise Refused("invalid_field", f"it is no time of the form {form or 'ISO 8601'}.") from error
    if found.tzinfo is None:
        if zone is None:
            raise Refused("naive_time", "it has no offset; say the zone in the mapping file.")
        found = found.replace(tzinfo=ZoneInfo(zone))
    return to_ms(found)


def _date(text: str, form: str | None) -> str:
    try:
        if form is None:
            return date.fromisoformat(text[:10]).isoformat()
        return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 (a date has no zone)
    except ValueError as error:
        raise Refused("invalid_field", f"it is no date of the form {form or 'ISO 8601'}.") from error


def _at(cell: Cell, row: Row, where: str) -> str:
    return f"{where}, column {cell.column!r} = {shown(row.get(cell.column or '', cell.value))}"
