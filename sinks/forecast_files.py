"""Forecasts from a CSV file, checked row by row: what ``cuepoint forecasts`` and ``cuepoint backtest`` read."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from schemas.base import rfc3339, to_ms
from schemas.forecasts import Forecast
from streams.errors import InputError

COLUMNS = tuple(Forecast.model_fields)
NEEDED = tuple(name for name, field in Forecast.model_fields.items() if field.is_required() and name != "made_at")


def read_forecasts(path: Path, made_at: datetime) -> list[Forecast]:
    """The rows of a CSV file with a header line. Absent columns and empty cells have the model's default; ``made_at``:
    of rows that do not say when they were made.

    Raises InputError with the line, the column and the way out.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            _check_header(path, list(rows.fieldnames or ()))
            found = [_forecast(path, number, row, made_at) for number, row in enumerate(rows, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); name a file with the columns {_names()}.") from error
    if not found:
        raise InputError(f"{path} holds no forecast; write a line for each month below the header {_names()}.")
    return found


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise InputError(f"{path}: the header lacks the column {missing[0]!r}; columns are {_names()}.")
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        raise InputError(f"{path}: the column {unknown[0]!r} is not known; columns are {_names()}.")


def _forecast(path: Path, number: int, row: dict[str, str | None], made_at: datetime) -> Forecast:
    given = {name: value.strip() for name, value in row.items() if name in COLUMNS and value and value.strip()}
    try:
        return Forecast.model_validate({"made_at": rfc3339(to_ms(made_at)), **given})
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"][:1])) or "the line"
        last = [each for each in error.errors() if (each["loc"] or ("the line",))[0] == field][-1]
        shown = "" if isinstance(last["input"], dict) else f" {last['input']!r}"
        raise InputError(
            f"{path}, line {number}: {field}{shown}: {last['msg']}. Correct it and load the file again."
        ) from error


def _names() -> str:
    return ", ".join(COLUMNS)
