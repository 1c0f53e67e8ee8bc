"""What receivers remember between payloads, in SQLite: whose an order is, what a cart holds, how new a state is.

Refunds name no customer, Segment tells carts one product at a time, and vendors send updates out of order. Entries that
were not touched for ``KEPT_DAYS`` are dropped, those of an erased customer at once. What is here was written to Kafka
before, so a death between the two only lets the vendor's retry be mapped as before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from schemas.topics import DAY_MS
from streams.errors import PlatformError

KEPT_DAYS = 120
"""Longer than a return may come after its purchase (docs/semantics.md: 90 days)."""


class SqliteMemory:
    """See ``streams.ingest.common.Memory``. One process uses a file. Raises PlatformError when it cannot be opened."""

    def __init__(self, path: Path | None) -> None:
        """``path`` None: in memory, for the run of one file."""
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = OFF")
            self._base.execute("PRAGMA secure_delete = ON")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS said (name TEXT PRIMARY KEY, value BLOB NOT NULL, customer TEXT, "
                "touched INTEGER NOT NULL) WITHOUT ROWID"
            )
            self._base.execute("CREATE INDEX IF NOT EXISTS by_customer ON said (customer) WHERE customer IS NOT NULL")
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(f"{path} cannot be opened as a memory of payloads ({error}); set state_dir.") from error

    def get(self, name: str) -> Any:
        """See ``Memory``."""
        row = self._base.execute("SELECT value FROM said WHERE name = ?", (name,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def remember(self, entries: Mapping[str, Any], now_ms: int) -> None:
        """Hold these entries from now on; one with the value None is dropped. Survives the death of the process."""
        if not entries:
            return
        self._base.execute("BEGIN")
        for name, value in entries.items():
            if value is None:
                self._base.execute("DELETE FROM said WHERE name = ?", (name,))
                continue
            customer = value.get("customer_id") if isinstance(value, dict) else None
            self._base.execute(
                "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?)", (name, msgspec.json.encode(value), customer, now_ms)
            )
        self._base.execute("COMMIT")

    def forget(self, customer: str) -> None:
        """Drop everything that is held about this customer."""
        self._base.execute("DELETE FROM said WHERE customer = ?", (customer,))

    def prune(self, now_ms: int) -> None:
        """Drop what was not touched for ``KEPT_DAYS``."""
        self._base.execute("DELETE FROM said WHERE touched < ?", (now_ms - KEPT_DAYS * DAY_MS,))

    def close(self) -> None:
        """Close the file."""
        self._base.close()
