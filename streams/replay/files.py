"""Replay directories: one file a source, as JSON lines, compressed JSON lines or Parquet, merged by arrival.

Lines are not validated here: broken ones go on to intake, which quarantines them.
"""

from __future__ import annotations

import gzip
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice, repeat
from operator import itemgetter, le
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from streams.errors import InputError
from streams.replay.arrivals import arrivals
from streams.wire import END_OF_TIME

SOURCES: tuple[str, ...] = (
    "catalog",
    "customers",
    "orders",
    "returns",
    "web-sessions",
    "pos-transactions",
    "channel-feedback",
)
"""Sources that a replay directory may hold, in the order in which lines of equal arrival are merged."""
SUFFIXES: tuple[str, ...] = (".jsonl", ".jsonl.gz", ".parquet")
PARQUET_ROWS = 2_000
"""Rows fetched at a time from a Parquet file."""
WINDOW_LINES = 256
"""Lines of a source that are merged at a time."""


def source_files(directory: Path) -> dict[str, Path]:
    """The file of each source that is present.

    Raises InputError when the directory is missing, holds nothing usable, or holds two files for one source.
    """
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory; name one that holds files such as orders.jsonl")
    found: dict[str, Path] = {}
    for source in SOURCES:
        files = [path for suffix in SUFFIXES if (path := directory / f"{source}{suffix}").is_file()]
        if len(files) > 1:
            names = " and ".join(path.name for path in files)
            raise InputError(f"{directory} holds {names}: one source twice; keep one of them")
        if files:
            found[source] = files[0]
    if not found:
        there = ", ".join(sorted(path.name for path in directory.iterdir())[:5]) or "nothing"
        raise InputError(
            f"{directory} holds no replay file ({there}); name at least one of "
            f"{', '.join(SOURCES)} with the ending {', '.join(SUFFIXES)}"
        )
    return found


def read_source(directory: Path, source: str) -> Iterator[bytes]:
    """Raw JSON lines of one source in file order, blank lines skipped; nothing when its file is absent."""
    path = source_files(directory).get(source)
    return iter(()) if path is None else _read_file(path)


def merged(directory: Path, as_is: bool = False) -> Iterator[tuple[str, int, bytes]]:
    """``(source, arrived_ms, line)`` of all sources in the order of arrival; ties in the order of ``SOURCES``.

    Within a source lines are sorted by arrival (stable). ``as_is`` keeps file order; a line then arrives at the highest
    ``occurred_at`` so far. A file in order of arrival is streamed (8 bytes of memory a line); any other is held in
    memory as a whole to be sorted.
    """
    left = [_Timed(source, path, as_is) for source, path in source_files(directory).items()]
    while left := [lines for lines in left if lines.next < len(lines.times)]:
        first = min(lines.times[lines.next] for lines in left)
        until = min(lines.time_ahead() for lines in left)
        if until <= first:
            for lines in left:
                yield from lines.before(first + 1)
        else:
            window = [line for lines in left for line in lines.before(until)]
            window.sort(key=itemgetter(1))  # stable, and made of sorted runs: ties stay, and it is quick
            yield from window


class _Timed:
    """The lines of one source with their arrivals, in order. The file is read twice: for the arrivals, and again."""

    def __init__(self, source: str, path: Path, as_is: bool) -> None:
        self.next = 0
        """Place of the next line."""
        self.times = arrivals(_read_file(path), as_is)
        self._source = source
        self._lines = _read_file(path)
        if not _rising(self.times):
            pairs = sorted(zip(self.times, self._lines, strict=True), key=itemgetter(0))
            self.times = array("q", [arrived for arrived, _ in pairs])
            self._lines = iter([raw for _, raw in pairs])

    def time_ahead(self) -> int:
        """When the line arrives that is WINDOW_LINES ahead of the next one."""
        ahead = self.next + WINDOW_LINES
        return self.times[ahead] if ahead < len(self.times) else END_OF_TIME

    def before(self, until: int) -> Iterator[tuple[str, int, bytes]]:
        """The lines that arrive before a moment (exclusive); they count as read at once."""
        start, self.next = self.next, bisect_left(self.times, until, self.next)
        number = self.next - start
        return zip(
            repeat(self._source, number), self.times[start : self.next], islice(self._lines, number), strict=True
        )


def _rising(times: array[int]) -> bool:
    """Whether no value is below the one before it."""
    return all(map(le, times, islice(times, 1, None)))


def _read_file(path: Path) -> Iterator[bytes]:
    """Lines of a file by its ending. Raises InputError when it cannot be read."""
    try:
        if path.suffix == ".parquet":
            yield from _read_parquet(path)
        else:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
                yield from filter(None, map(bytes.strip, lines))
    except (OSError, EOFError, duckdb.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); check that the file is whole and readable") from error


def _read_parquet(path: Path) -> Iterator[bytes]:
    """Rows of a Parquet file as JSON lines: the column ``value`` as it is, or one field a column."""
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in rows.description or ()]
        while batch := rows.fetchmany(PARQUET_ROWS):
            for row in batch:
                line = _value_line(row[0]) if names == ["value"] else _row_line(names, row)
                if line:
                    yield line


def _value_line(value: Any) -> bytes:
    """The JSON text of a ``value`` column; on one line, as the other formats have it."""
    text = value.encode() if isinstance(value, str) else bytes(value or b"")
    return text.strip()


def _row_line(names: list[str], row: tuple[Any, ...]) -> bytes:
    """A row as JSON. Columns of other event types are null in it, so nulls are left out."""
    return msgspec.json.encode(_without_nulls(dict(zip(names, row, strict=True))), enc_hook=str)


def _without_nulls(value: Any) -> Any:
    """The value without null fields at any depth; times as RFC 3339 text."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value
