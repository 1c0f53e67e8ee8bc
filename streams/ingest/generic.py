"""Rows by a mapping file: grouped into records, each an event of the contract, checked against it at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from streams.ingest.cells import Row, holds, value_of
from streams.ingest.common import Delivery, Frame, Mapped, Memory, Refused, Result
from streams.ingest.mapping import Lines, Mapping, Record
from streams.intake.validate import Rejection, validate

Numbered = tuple[int, Row]
"""A row with the number of its line in the file, from 1."""
_LINE_ID = frozenset({"order.placed", "order.changed", "order.shipped", "order.delivered"})


class Generic:
    """See ``streams.ingest.common.Vendor``. A payload is a row, or a list of rows, as JSON objects of texts."""

    name = "generic"

    def __init__(self, frames: Callable[[str], Frame], mapping: Mapping) -> None:
        self.mapping = mapping
        self._frames = frames

    def objects(self, delivery: Delivery) -> str:
        """See ``Vendor``. Rows depend on nothing that came before."""
        return f"generic/{id(delivery)}"

    def map(self, delivery: Delivery, memory: Memory) -> Result:
        """See ``Vendor``."""
        rows = delivery.body if isinstance(delivery.body, list) else [delivery.body]
        if not all(isinstance(row, dict) for row in rows):
            raise Refused("invalid_field", "The rows have to be JSON objects: column -> text.")
        texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
        result = Result(unknown=self.unknown(texts[0] if texts else {}))
        for found in self.events(list(enumerate(texts, 1)), "row"):
            if isinstance(found, Refused):
                raise found
            result.events.append(found)
        if not result.events:
            result.left_out = "no row is one of the mapping's records"
        return result

    def stripped(self, delivery: Delivery) -> Any:
        """See ``Vendor``. What is personal in rows of others is not known, so nothing is kept."""
        return None

    def unknown(self, row: Iterable[str]) -> list[str]:
        """Columns that the mapping neither uses nor leaves out."""
        return sorted(set(row) - self.mapping.columns())

    def events(self, rows: list[Numbered], file: str) -> Iterator[Mapped | Refused]:
        """The events of rows, in the order of the mapping's records, and what could not be mapped in their place."""
        frame = self._frames("")
        for record in self.mapping.records:
            for numbered in self._groups(record, rows, file):
                if isinstance(numbered, Refused):
                    yield numbered
                    continue
                try:
                    event = self._event(record, numbered, frame, file)
                except Refused as reason:
                    yield reason
                    continue
                if event is not None:
                    yield event

    def _groups(self, record: Record, rows: list[Numbered], file: str) -> Iterator[list[Numbered] | Refused]:
        groups: dict[tuple[str, ...], list[Numbered]] = defaultdict(list)
        for number, row in rows:
            try:
                if holds(record.where, row, self.mapping, f"{file}, line {number}"):
                    key = tuple(row.get(name, "").strip() for name in record.group_by) or (str(number),)
                    groups[key].append((number, row))
            except Refused as reason:
                yield reason
        for numbered in groups.values():
            if self.mapping.once:
                seen = {tuple(row.values()): number for number, row in reversed(numbered)}
                numbered = [(number, row) for number, row in numbered if seen[tuple(row.values())] == number]
            yield numbered

    def _event(self, record: Record, rows: list[Numbered], frame: Frame, file: str) -> Mapped | None:
        """One event; None where none of its rows is a line."""
        first, row = rows[0]
        where = f"{file}, line {first}"
        mapping = self.mapping
        found = {name: value_of(name, cell, row, mapping, frame, where) for name, cell in record.fields.items()}
        if len(rows) > 1 and "occurred_at" in record.fields:
            cell = record.fields["occurred_at"]
            times = (value_of("occurred_at", cell, each, mapping, frame, f"{file}, line {n}") for n, each in rows)
            found["occurred_at"] = min(filter(None, times), default=None)
        event: dict[str, Any] = {"brand": mapping.brand or frame.brand, "market": mapping.market or frame.market}
        if currency := mapping.currency or frame.currency:
            event["currency"] = currency
        event.update((name, value) for name, value in found.items() if value is not None)
        if "prices" in event:
            price = {"market": event["market"], "currency": currency, "amount": event["prices"]}
            event["prices"] = [price]
        event["type"] = record.type
        event.setdefault("event_id", self._event_id(record, rows, event))
        chosen = self._chosen(record, rows, file)
        if not chosen:
            return None
        if record.lines is not None:
            event["lines"] = self._lines(record, record.lines, chosen, frame, file)
        checked = validate(record.topic, msgspec.json.encode(event))
        if isinstance(checked, Rejection):
            raise Refused(checked.reason, f"{where}: {checked.message}")
        return Mapped(record.topic, event)

    def _chosen(self, record: Record, rows: list[Numbered], file: str) -> list[Numbered]:
        """The rows that are lines; none where ``some`` wants something that none of them has."""
        tests = record.lines.where if record.lines else []
        chosen = [(n, row) for n, row in rows if holds(tests, row, self.mapping, f"{file}, line {n}")]
        wanted = not record.some or any(
            holds([test], row, self.mapping, f"{file}, line {n}") for n, row in chosen for test in record.some
        )
        return chosen if wanted else []

    def _lines(
        self, record: Record, wanted: Lines, rows: list[Numbered], frame: Frame, file: str
    ) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        for number, row in rows:
            where = f"{file}, line {number}"
            cells = wanted.fields.items()
            found = {name: value_of(name, cell, row, self.mapping, frame, where) for name, cell in cells}
            line = {name: value for name, value in found.items() if value is not None}
            if record.type in _LINE_ID:
                line.setdefault("line_id", str(len(lines) + 1))
            lines.append(line)
        return lines

    def _event_id(self, record: Record, rows: list[Numbered], event: dict[str, Any]) -> str:
        """Equal rows have equal ids: of a group the values that it is grouped by, of a row what identifies it."""
        row = rows[0][1]
        key = [row.get(name, "").strip() for name in record.group_by] or [
            str(event[name]) for name in ("order_id", "return_id", "customer_id", "product_id") if name in event
        ]
        if not record.group_by:
            key.append(str(event.get("occurred_at", rows[0][0])))
        text = "-".join((self.mapping.name, record.type, *key))
        return "".join("-" if letter.isspace() or letter == "|" else letter for letter in text)[:128]
