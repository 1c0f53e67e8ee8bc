"""``cuepoint ingest file``: files through the mappings that webhooks take.

JSON files hold one payload a line, or one object with a list of them, as the vendors' APIs give it. CSV files are read
by a mapping file; all their rows are held in memory, since those of one record may be anywhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from streams.errors import InputError
from streams.ingest.common import Delivery, Mapped, Refused
from streams.ingest.generic import Generic, Numbered
from streams.ingest.outlet import Outlet, refusal
from streams.ingest.worker import Worker

LISTS = {
    "orders": {"shopify": "orders/create", "square": "order"},
    "refunds": {"shopify": "refunds/create"},
    "checkouts": {"shopify": "checkouts/update"},
    "customers": {"shopify": "customers/update", "square": "customer"},
    "products": {"shopify": "products/update"},
    "objects": {"square": "catalog_object"},
}
"""Name of the list in an API's answer -> vendor -> the kind of its objects."""
BATCH_EVENTS = 1_000
Payload = tuple[int, str, object]
"""Number of the line, kind, payload."""


async def take_payloads(path: Path, vendor: str, kind: str | None, worker: Worker, now_ms: int) -> None:
    """Work off a vendor's payloads in the order of the file. Raises InputError for a file that cannot be read."""
    for number, name, payload in _payloads(path, vendor, kind):
        raw = msgspec.json.encode(payload)
        await worker.take(vendor, Delivery(name, payload, received=now_ms), raw, f"{path.name}, line {number}")


async def take_rows(path: Path, generic: Generic, worker: Worker, outlet: Outlet) -> None:
    """Work off the rows of a CSV file. Raises InputError for a file that cannot be read."""
    rows = _rows(path, generic)
    for name in generic.unknown(rows[0][1] if rows else {}):
        worker.unknown["generic", name] += len(rows)
    batch: list[Mapped] = []
    for found in generic.events(rows, path.name):
        if isinstance(found, Refused):
            await outlet.put((), [refusal("generic", path.name, found, found.message.encode(), None)])
            worker.refused["generic", found.reason] += 1
            worker.sentences.append(found.message)
            continue
        batch.append(found)
        worker.events[found.topic] += 1
        if len(batch) >= BATCH_EVENTS:
            await outlet.put(batch)
            batch = []
    await outlet.put(batch)


def _rows(path: Path, generic: Generic) -> list[Numbered]:
    mapping = generic.mapping
    try:
        with path.open(encoding=mapping.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=mapping.delimiter)
            header = [name.strip() for name in next(reader, [])]
            rows: list[Numbered] = []
            for cells in reader:
                if cells:
                    rows.append((reader.line_num, dict(zip(header, [*cells, *[""] * len(header)], strict=False))))
    except (OSError, UnicodeDecodeError, csv.Error, LookupError) as error:
        raise InputError(
            f"{path.name} cannot be read as {mapping.encoding} ({error}); see encoding and delimiter."
        ) from error
    missing = sorted(mapping.columns() - set(header))
    if missing:
        raise InputError(
            f"{path.name}, line 1: there is no column {missing[0]!r}; there are {', '.join(map(repr, header))}. "
            "Correct the mapping file, or its delimiter."
        )
    return rows


def _payloads(path: Path, vendor: str, kind: str | None) -> Iterator[Payload]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        whole = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        whole = None
    if isinstance(whole, dict):
        for name, kinds in LISTS.items():
            if isinstance(whole.get(name), list) and vendor in kinds:
                yield from ((number, kind or kinds[vendor], each) for number, each in enumerate(whole[name], 1))
                return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield number, *_line(line, vendor, kind, f"{path.name}, line {number}")


def _line(line: bytes, vendor: str, kind: str | None, where: str) -> tuple[str, object]:
    """Kind and payload of a line: as the option says, else as the payload does."""
    try:
        payload = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: it is not JSON ({error}); write one payload a line.") from error
    told = payload.get("type") if isinstance(payload, dict) and vendor != "shopify" else None
    if not (name := kind or told):
        raise InputError(f"{where}: it does not say what it is; name it with --kind, such as --kind orders/create.")
    return str(name), payload
