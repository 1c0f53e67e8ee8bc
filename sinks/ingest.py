"""How a topic's records become rows: one INSERT a table, the records as list parameters, JSON read by DuckDB.

Measured against the appender, ``executemany`` and temporary files: docs/decisions/0030-sink-ingest.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.customers import FeedbackEvent
from schemas.decisions import Decision, Progress
from schemas.envelope import Envelope
from schemas.forecasts import Forecast
from schemas.identity import IdentityAudit
from schemas.quarantine import (
    HEADER_BYTES,
    HEADER_MESSAGE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_SHA256,
    HEADER_STAGE,
    HEADER_TOPIC,
)
from schemas.topics import MARK_KEY
from sinks.columns import shape_literal
from sinks.protocol import SinkRecord
from sinks.tables import DECIDING_GATE, DECISIONS, FEEDBACK, FORECASTS, IDENTITY_AUDIT

Insert = tuple[str, list[Any]]
"""A statement with its parameters."""

CLOCK_MS_MAX = 253_402_214_400_000
"""31 December 9999: what a clock is stored as that has reached the end of a replay."""
_RECORDS = (
    "SELECT '{topic}' AS kafka_topic, unnest(?::INTEGER[]) AS kafka_partition, unnest(?::BIGINT[]) AS kafka_offset, "
    "make_timestamptz(unnest(?::BIGINT[]) * 1000) AS appended_at, unnest(?::{type}[]) AS value"
)
_MODEL_ROWS = (
    "SELECT * EXCLUDE (value, parsed), unnest(parsed) FROM "
    "(SELECT *, from_json(value, {shape}) AS parsed FROM ({records}))"
)
_EVENT_SHAPE = {
    "id": "VARCHAR",
    "type": "VARCHAR",
    "source": "VARCHAR",
    "customer": "VARCHAR",
    "at": "BIGINT",
    "eff": "BIGINT",
    "brand": "VARCHAR",
    "market": "VARCHAR",
    "currency": "VARCHAR",
    "nid": "VARCHAR",
    "ids": "JSON",
    "data": "JSON",
}
_EVENT_ROWS = """
INSERT INTO raw.customer_events BY NAME
SELECT kafka_topic, kafka_partition, kafka_offset, appended_at, e.id AS event_id, e.type, e.source,
    e.customer AS customer_id, make_timestamptz(e.at * 1000) AS occurred_at,
    make_timestamptz(e.eff * 1000) AS effective_at, e.brand, e.market, e.currency, e.nid AS natural_id,
    e.ids AS identifiers,
    CASE WHEN e.type = 'merge.in' THEN json_object('merge', e.data->>'merge') ELSE e.data END AS data
FROM (SELECT *, from_json(value, {shape}) AS e FROM ({records}))
"""
_LINE_TYPES = (
    "('order.placed', 'order.changed', 'pos.receipt', 'return.requested', 'return.received', 'return.rejected', "
    "'refund.issued')"
)
_LINES_SHAPE = {
    "type": "VARCHAR",
    "data": {
        "order": "VARCHAR",
        "return": "VARCHAR",
        "receipt": "VARCHAR",
        "channel": "VARCHAR",
        "store": "VARCHAR",
        "lines": [
            {
                "line": "VARCHAR",
                "kind": "VARCHAR",
                "product": "VARCHAR",
                "category": "VARCHAR",
                "qty": "BIGINT",
                "price": "BIGINT",
                "discount": "BIGINT",
                "tax": "BIGINT",
                "refund": "BIGINT",
                "reason": "VARCHAR",
            }
        ],
    },
}
_LINE_ROWS = """
INSERT INTO raw.event_lines BY NAME
SELECT kafka_partition, kafka_offset, line_number, coalesce(d."return", d.receipt, d."order") AS document_id,
    CASE WHEN d."return" IS NOT NULL THEN d."order" END AS order_id, d.channel, d.store AS store_id,
    l.line AS line_id, l.kind, l.product AS product_id, l.category, l.qty AS quantity, l.price AS unit_price_minor,
    l.discount AS discount_minor, l.tax AS tax_minor, l.refund AS refund_minor, l.reason
FROM (
    SELECT kafka_partition, kafka_offset, e.data AS d, unnest(e.data.lines) AS l,
        generate_subscripts(e.data.lines, 1) AS line_number
    FROM (SELECT *, from_json(value, {shape}) AS e FROM ({records}))
    WHERE e.type IN {types}
)
"""
_QUARANTINE_ROWS = (
    "INSERT INTO raw.quarantine BY NAME {records}, unnest(?::VARCHAR[]) AS source_topic, "
    "unnest(?::INTEGER[]) AS source_partition, unnest(?::BIGINT[]) AS source_offset, unnest(?::VARCHAR[]) AS stage, "
    "unnest(?::VARCHAR[]) AS reason, unnest(?::VARCHAR[]) AS message, unnest(?::VARCHAR[]) AS sha256, "
    "unnest(?::BIGINT[]) AS size_bytes"
)


def _coordinates(records: Sequence[SinkRecord]) -> list[Any]:
    return [
        [record.partition for record in records],
        [record.offset for record in records],
        [record.timestamp for record in records],
    ]


def _text(records: Sequence[SinkRecord]) -> list[Any]:
    return [*_coordinates(records), [(record.value or b"").decode() for record in records]]


def _records(topic: str, type_: str = "VARCHAR") -> str:
    return _RECORDS.format(topic=topic, type=type_)


def decisions(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.decisions."""
    shape = {column.name: column.shape for column in DECISIONS.columns if column.shape}
    rows = _MODEL_ROWS.format(shape=shape_literal(shape), records=_records("decisions"))
    sql = f"INSERT INTO raw.decisions BY NAME SELECT *, {DECIDING_GATE} AS deciding_gate FROM ({rows})"
    return [(sql, _text(records))]


def customer_events(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.customer_events and raw.event_lines."""
    source = _records("customer-events")
    inserts = [(_EVENT_ROWS.format(shape=shape_literal(_EVENT_SHAPE), records=source), _text(records))]
    with_lines = [record for record in records if b'"lines":[{' in (record.value or b"")]
    if with_lines:
        sql = _LINE_ROWS.format(shape=shape_literal(_LINES_SHAPE), records=source, types=_LINE_TYPES)
        inserts.append((sql, _text(with_lines)))
    return inserts


def identity_audit(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.identity_audit."""
    shape = {column.name: column.shape for column in IDENTITY_AUDIT.columns if column.shape}
    rows = _MODEL_ROWS.format(shape=shape_literal(shape), records=_records("identity-audit"))
    return [(f"INSERT INTO raw.identity_audit BY NAME {rows}", _text(records))]


def feedback(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.feedback, in the model's own spelling (a source may write a time as a number). Valid ones only."""
    shape = {column.name: column.shape for column in FEEDBACK.columns if column.shape}
    rows = _MODEL_ROWS.format(shape=shape_literal(shape), records=_records("channel-feedback"))
    sql = f"INSERT INTO raw.feedback BY NAME {rows}"
    values = [FeedbackEvent.model_validate_json(record.value or b"").model_dump_json() for record in records]
    return [(sql, [*_coordinates(records), values])]


def forecasts(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.forecasts, in the model's own spelling. Valid ones only."""
    shape = {column.name: column.shape for column in FORECASTS.columns if column.shape}
    rows = _MODEL_ROWS.format(shape=shape_literal(shape), records=_records("forecasts"))
    values = [Forecast.model_validate_json(record.value or b"").model_dump_json() for record in records]
    return [(f"INSERT INTO raw.forecasts BY NAME {rows}", [*_coordinates(records), values])]


def quarantine(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of raw.quarantine."""
    headers = [{key: value.decode() for key, value in record.headers} for record in records]

    def column(name: str) -> list[str | None]:
        return [header.get(name) for header in headers]

    sql = _QUARANTINE_ROWS.format(records=_records("quarantine", "BLOB"))
    names = (HEADER_TOPIC, HEADER_PARTITION, HEADER_OFFSET, HEADER_STAGE)
    more = (HEADER_REASON, HEADER_MESSAGE, HEADER_SHA256, HEADER_BYTES)
    return [(sql, [*_coordinates(records), [r.value for r in records], *(column(name) for name in names + more)])]


def progress(records: Sequence[SinkRecord]) -> list[Insert]:
    """Rows of meta.stage_progress and meta.stage_counts: the last word of each task replaces its earlier ones."""
    last = {record.key: Progress.model_validate_json(record.value) for record in records if record.value}
    words = list(last.values())
    tasks = (
        "INSERT OR REPLACE INTO meta.stage_progress SELECT unnest(?::VARCHAR[]), unnest(?::INTEGER[]), "
        "make_timestamptz(unnest(?::BIGINT[]) * 1000), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[])"
    )
    fields = ("stage", "partition", "customers", "timers", "waiting")
    rows = [(word.stage, word.partition, source, counts) for word in words for source, counts in word.counts.items()]
    stage, partition, *sizes = [[getattr(word, field) for word in words] for field in fields]
    clocks = [None if word.clock is None else min(word.clock, CLOCK_MS_MAX) for word in words]
    inserts: list[Insert] = [(tasks, [stage, partition, clocks, *sizes])]
    if rows:
        names = list(type(rows[0][3]).model_fields)
        counts = (
            "INSERT OR REPLACE INTO meta.stage_counts BY NAME SELECT unnest(?::VARCHAR[]) AS stage, "
            "unnest(?::INTEGER[]) AS partition_number, unnest(?::VARCHAR[]) AS source, "
            + ", ".join(f"unnest(?::BIGINT[]) AS {name}" for name in names)
        )
        columns = [[row[index] for row in rows] for index in range(3)]
        inserts.append((counts, [*columns, *([getattr(row[3], name) for row in rows] for name in names)]))
    return inserts


@dataclass(frozen=True)
class Reading:
    """How the sink reads one topic: its rows, and whether a record is of the topic's contract."""

    inserts: Callable[[Sequence[SinkRecord]], list[Insert]]
    decode: Callable[[bytes], object]
    """Raises when the value is not of the contract."""
    foreign: bool = False
    """Others than Cuepoint write it, so that every record is checked."""

    def valid(self, record: SinkRecord) -> bool:
        """Whether the record can become a row."""
        try:
            self.decode(record.value or b"")
        except (ValidationError, msgspec.MsgspecError, ValueError):
            return False
        return True


TOPICS: dict[str, Reading] = {
    "decisions": Reading(decisions, Decision.model_validate_json),
    "customer-events": Reading(customer_events, msgspec.json.Decoder(Envelope).decode),
    "channel-feedback": Reading(feedback, FeedbackEvent.model_validate_json, foreign=True),
    "quarantine": Reading(quarantine, bytes),
    "identity-audit": Reading(identity_audit, IdentityAudit.model_validate_json),
    "forecasts": Reading(forecasts, Forecast.model_validate_json, foreign=True),
    "progress": Reading(progress, Progress.model_validate_json),
}
"""The topics that the sink reads, by name without prefix."""


def is_mark(record: SinkRecord) -> bool:
    """Whether it is an in-band completeness mark, or a deletion in a compacted topic: no row."""
    return record.key == MARK_KEY or record.value is None
