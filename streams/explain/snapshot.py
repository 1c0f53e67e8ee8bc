"""A customer out of the sink's newest snapshot, which reaches further back than the log's retention."""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec

from schemas.base import rfc3339, to_ms
from schemas.envelope import Envelope
from sinks.read import open_latest
from streams.decide.rules import BROADCAST
from streams.errors import InputError
from streams.explain.recording import Recording, fold_in_order, made_by, settled, until_of
from streams.explain.watched import Watched
from streams.reorder import key_of
from streams.settings import Settings

_EVENTS = """
SELECT event_id, type, source, customer_id, epoch_ms(occurred_at), epoch_ms(effective_at), coalesce(brand, ''),
    coalesce(market, ''), coalesce(currency, ''), coalesce(natural_id, ''), identifiers, data
FROM raw.customer_events
WHERE list_contains($customers, customer_id) OR list_contains($kinds, type)
QUALIFY row_number() OVER (PARTITION BY customer_id, type, event_id, effective_at ORDER BY kafka_partition) = 1
"""
_MERGES = """
SELECT event_id, type, source, customer_id, epoch_ms(occurred_at), epoch_ms(effective_at), '', '', '', '', NULL, data
FROM raw.customer_events WHERE type = 'merge.out'
"""
_DECISIONS = (
    "SELECT * FROM raw.decisions WHERE list_contains($customers, customer_id) ORDER BY decided_at, kafka_offset"
)
_BEGINS = """
SELECT epoch_ms(min(effective_at)) FROM raw.customer_events
WHERE type <> 'control' AND NOT list_contains($kinds, type)
    AND EXISTS (FROM meta.skipped WHERE topic = 'customer-events' AND reason = 'expired')
"""
_LIVE = "SELECT max(CAST(data->>'from' AS BIGINT)) FROM raw.customer_events WHERE type = 'control'"


def from_snapshot(customer: str, settings: Settings, at: int | None) -> Recording:
    """The customer as the newest snapshot tells him. ``at``: as of this time; else as far as everything is decided.

    Raises SinkError: no snapshot; InputError: nothing was decided when it was taken.
    """
    connection = open_latest(settings)
    try:
        complete = connection.execute("SELECT as_of FROM meta.snapshot_info").fetchone()
        if complete is None or complete[0] is None:
            raise InputError("The newest snapshot holds no time until which all is decided; try again after the next.")
        until = to_ms(complete[0]) if at is None else min(to_ms(complete[0]), at + 1)
        live_from = _one(connection, _LIVE)
        merges = [_envelope(row) for row in connection.execute(_MERGES).fetchall()]

        def read(wanted: frozenset[str]) -> Watched:
            fold = fold_in_order(_events(connection, wanted), wanted, until, live_from)
            for event in merges:
                fold.note(event)
            return fold

        current, fold = settled(customer, read)
        found = connection.execute(_DECISIONS, {"customers": sorted(fold.wanted)})
        names = [column[0] for column in found.description or ()]
        rows = [_plain(dict(zip(names, row, strict=True))) for row in found.fetchall()]
        return Recording(
            customer,
            current,
            "the newest snapshot of the sink",
            until,
            fold,
            made_by(fold),
            until_of(rows, fold.wanted, until),
            _one(connection, _BEGINS, {"kinds": sorted(BROADCAST)}),
        )
    finally:
        connection.close()


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None) -> int | None:
    row = connection.execute(query, values).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _events(connection: duckdb.DuckDBPyConnection, wanted: frozenset[str]) -> list[Envelope]:
    found = connection.execute(_EVENTS, {"customers": sorted(wanted), "kinds": sorted(BROADCAST)})
    return sorted((_envelope(row) for row in found.fetchall()), key=key_of)


def _envelope(row: tuple[Any, ...]) -> Envelope:
    values = dict(zip(Envelope.__struct_fields__, row, strict=True))
    for field in ("ids", "data"):
        values[field] = {} if values[field] is None else msgspec.json.decode(values[field])
    return Envelope(**values)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the topic has it: times as text."""
    times = ("due_at", "decided_at", "valid_until")
    return {**row, **{name: rfc3339(to_ms(row[name])) for name in times}}
