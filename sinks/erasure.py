"""Erasure in the sink's file: rows go with the batch that brings the order, bytes when the file is next rewritten.

A ledger of keyed hashes (``meta.erasures``) stops records that come late, or from another topic, from bringing somebody
back. It says of each entry whether the file has been rewritten since.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import duckdb

from schemas.customers import FeedbackEvent
from sinks.protocol import SinkRecord
from streams.erasure import hasher, is_known
from streams.identity.names import identifier_of, untimed
from streams.wire import decode_envelope

ORDER = b'"customer.erased"'
_TOKEN = re.compile(rb'"([^"\\]{1,128})"')
_FEEDBACK_COLUMNS = {"email": "email_hash", "card": "loyalty_card_id", "device": "device_id", "anon": "anonymous_id"}


class Ledger:
    """Who was erased, as the file knows it. Its statements run in the writer's transaction."""

    def __init__(self, database: duckdb.DuckDBPyConnection, hash_key: str) -> None:
        self._database = database
        self._hash = hasher(hash_key)
        rows = database.execute("SELECT name_hash, epoch_ms(erased_at) FROM meta.erasures").fetchall()
        self._erased: dict[str, int] = dict(rows)

    @property
    def due_since(self) -> datetime | None:
        """When the first rows were deleted whose bytes may still be in the file; None: there are none."""
        row = self._database.execute("SELECT min(deleted_at) FROM meta.erasures WHERE NOT rewritten").fetchone()
        return None if row is None else row[0]

    def obey(self, records: Sequence[SinkRecord]) -> int:
        """Delete the rows of everybody whom these records of customer-events say to forget; how many names."""
        orders = [decode_envelope(each.value) for each in records if each.value is not None and ORDER in each.value]
        orders = [order for order in orders if order.type == "customer.erased"]
        for order in orders:
            self.delete(order.customer, order.at)
            for name in dict.fromkeys((order.customer, untimed(order.customer))):
                self._remember(self._hash(name), order.at)
        return len(orders)

    def _remember(self, name: str, at: int) -> None:
        at = self._erased[name] = max(at, self._erased.get(name, at))
        self._database.execute(
            "INSERT OR REPLACE INTO meta.erasures VALUES (?, make_timestamptz(? * 1000), ?, false)",
            [name, at, datetime.now(UTC)],
        )

    def kept(self, topic: str, records: Iterable[SinkRecord]) -> list[SinkRecord]:
        """The records that are about nobody who was erased."""
        if not self._erased or topic in ("progress", "forecasts"):
            return list(records)
        return [record for record in records if not self._is_about_erased(topic, record)]

    def _is_about_erased(self, topic: str, record: SinkRecord) -> bool:
        value = record.value or b""
        if topic == "quarantine":
            return any(self._is_erased(each.decode("utf-8", "replace"), None) for each in _TOKEN.findall(value))
        if topic == "channel-feedback":
            return self._is_feedback_of_erased(value)
        name = (record.key or b"").decode("utf-8", "replace")
        if self._hash(name) not in self._erased:
            return False
        return is_known(name) or topic == "decisions" or self._is_old(name, value)

    def _is_old(self, name: str, value: bytes) -> bool:
        event = decode_envelope(value)
        return event.type == "customer.erased" or self._is_erased(name, event.at)

    def _is_feedback_of_erased(self, value: bytes) -> bool:
        """Valid ones only come here."""
        found = FeedbackEvent.model_validate_json(value)
        names = [
            f"{kind}{sign}:{getattr(found, column)}" for kind, column in _FEEDBACK_COLUMNS.items() for sign in ("", "~")
        ]
        at = int(found.occurred_at.timestamp() * 1000)
        return any(self._is_erased(name, at) for name in (found.customer_id or "", *names))

    def _is_erased(self, name: str, at: int | None) -> bool:
        erased = self._erased.get(self._hash(name))
        return erased is not None and (at is None or is_known(name) or at <= erased)

    def delete(self, name: str, at: int) -> None:
        """Delete the rows of a name. ``at``: what happened later under an identifier is somebody else's."""
        events, values = "customer_id = $name", dict[str, str | int](name=name)
        if not is_known(name):
            events += " AND occurred_at <= make_timestamptz($at * 1000)"
            values["at"] = at
        rows = f"(SELECT kafka_partition, kafka_offset FROM raw.customer_events WHERE {events})"
        run = self._database.execute
        run(f"DELETE FROM raw.event_lines WHERE (kafka_partition, kafka_offset) IN {rows}", values)
        run(f"DELETE FROM raw.customer_events WHERE {events}", values)
        run("DELETE FROM raw.decisions WHERE customer_id = ?", [name])
        run("DELETE FROM raw.identity_audit WHERE customer_id = ?", [name])
        kind, colon, identifier = identifier_of(name).partition(":")
        identifier = identifier if colon else name
        column = _FEEDBACK_COLUMNS.get(kind, "customer_id")
        run(
            f"DELETE FROM raw.feedback WHERE {column} = ? AND ({is_known(name)} OR epoch_ms(occurred_at) <= ?)",
            [identifier, at],
        )
        run(
            "DELETE FROM raw.quarantine WHERE contains(CAST(value AS VARCHAR), CAST(CAST(? AS BLOB) AS VARCHAR))",
            [f'"{identifier}"'.encode()],
        )
