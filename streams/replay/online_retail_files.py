"""The files in which people have UCI "Online Retail": rows of text out of CSV, XLSX, and archives of them."""

from __future__ import annotations

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

import openpyxl

from streams.errors import InputError

COLUMNS: dict[str, tuple[str, ...]] = {
    "invoice": ("invoiceno", "invoice"),
    "code": ("stockcode",),
    "description": ("description",),
    "quantity": ("quantity",),
    "time": ("invoicedate",),
    "price": ("unitprice", "price"),
    "customer": ("customerid",),
    "country": ("country",),
}
"""Our column -> the names it has in the wild, letters only, lower case."""
FILE_STEMS = ("onlineretail", "ecommercedata", "data")
"""Names of the file, letters only, lower case: UCI's "Online Retail.xlsx", and those of well-known copies."""
ARCHIVES = (".tar.xz", ".tar.gz", ".tar", ".zip")
TABLES = (".csv", ".xlsx")
HOW = "get Online Retail.xlsx from UCI (doi 10.24432/C5BW33), or a CSV dump of it"


class Row(NamedTuple):
    """One line of an invoice, as text."""

    invoice: str
    code: str
    description: str
    quantity: str
    time: str
    price: str
    customer: str
    country: str


def _letters(text: object) -> str:
    return re.sub(r"[^a-z]", "", str(text).lower())


def find_file(path: Path) -> Path | None:
    """The data set's file: the path itself, or inside a directory (and one level below); None if there is none."""
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    inside = sorted(path.glob("*")) + sorted(path.glob("*/*"))
    for stem in FILE_STEMS:
        for suffix in (".csv", *ARCHIVES, ".xlsx"):
            for candidate in inside:
                name = candidate.name.lower()
                if name.endswith(suffix) and _letters(name.removesuffix(suffix)) == stem and candidate.is_file():
                    return candidate
    return None


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of the data set at ``path``: a file, an archive with it, or a directory with either.

    Raises InputError when there is no such file, or when it is not this data set.
    """
    file = find_file(path)
    if file is None:
        raise InputError(f"there is no Online Retail data at {path}; {HOW}")
    name = file.name.lower()
    try:
        if name.endswith(".zip"):
            yield from _read_zip(file)
        elif name.endswith(ARCHIVES):
            yield from _read_tar(file)
        else:
            with file.open("rb") as stream:
                yield from _read_table(name, stream)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, csv.Error) as error:
        raise InputError(f"{file} cannot be read ({error}); download it again, or {HOW}") from error


def _read_tar(path: Path) -> Iterator[Row]:
    """The first table in a tar archive."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.lower().endswith(TABLES) and (stream := archive.extractfile(member)) is not None:
                yield from _read_table(member.name.lower(), stream)
                return
    raise InputError(f"{path} holds no CSV or XLSX file; {HOW}")


def _read_zip(path: Path) -> Iterator[Row]:
    """The first table in a zip archive."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.lower().endswith(TABLES):
                yield from _read_table(name.lower(), io.BytesIO(archive.read(name)))
                return
    raise InputError(f"{path} holds no CSV or XLSX file; {HOW}")


def _read_table(name: str, stream: IO[bytes]) -> Iterator[Row]:
    if name.endswith(".xlsx"):
        return _rows(name, _read_xlsx(stream))
    return _rows(name, _read_csv(stream))


def _read_csv(stream: IO[bytes]) -> Iterator[list[str]]:
    """Records of a CSV file in UTF-8 or, failing that, Latin-1; the delimiter is the header's."""
    content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    del content
    header = text[: text.find("\n")]
    delimiter = max(",;\t", key=header.count)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _read_xlsx(stream: IO[bytes]) -> Iterator[list[str]]:
    """Records of a workbook's first sheet as text."""
    book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        for cells in sheet.iter_rows(values_only=True):
            yield [_cell_text(cell) for cell in cells]
    finally:
        book.close()


def _cell_text(cell: Any) -> str:
    """A cell as the CSV dumps write it: whole numbers without point, times in ISO format."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _rows(name: str, records: Iterable[list[str]]) -> Iterator[Row]:
    """Records as rows, by the header's names; raises InputError when a column is missing."""
    iterator = iter(records)
    header = [_letters(cell) for cell in next(iterator, [])]
    places = []
    for column, aliases in COLUMNS.items():
        place = next((header.index(alias) for alias in aliases if alias in header), None)
        if place is None:
            raise InputError(f"{name} is not Online Retail: it has no column {aliases[0]!r} ({column}); {HOW}")
        places.append(place)
    width = max(places) + 1
    pick = itemgetter(*places)
    for record in iterator:
        if len(record) >= width:
            yield Row._make(pick(record))
        elif record:
            yield Row._make(pick(record + [""] * width))
