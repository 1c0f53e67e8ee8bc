"""What a channel remembers of each decision, so that a message goes out once however often its trigger comes.

``Store`` is what the kit needs; ``SqliteStore``, a file, is the default. A file serves all consumers of one machine;
consumers on several machines need a store that they share (a table in your database with the same methods), since
after a rebalance a trigger may come again to another one.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from schemas.topics import RETENTION_MS_DEFAULT, SEGMENT_MS
from streams.errors import PlatformError

SENDING: Final = "sending"
ACCEPTED: Final = "accepted"
TRIED: Final = "tried"
UNKNOWN: Final = "unknown"
ENDED = frozenset({"delivered", "bounced", "dropped", UNKNOWN})
"""How a message ends. ``unknown``: the process died while it was being sent, and it is not sent again."""
KEPT_MS = RETENTION_MS_DEFAULT + 2 * SEGMENT_MS
"""How long a decision has to be remembered: as long as its trigger may be read again, and a day."""
_LAYOUT = 1
_TABLES = f"""
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, decision_id TEXT UNIQUE NOT NULL, status TEXT NOT NULL, detail TEXT,
    permanent INTEGER NOT NULL, accepted_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    brand TEXT NOT NULL, market TEXT, customer_id TEXT NOT NULL, trigger TEXT, noted_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_waiting ON messages (number) WHERE status = '{ACCEPTED}';
CREATE TABLE IF NOT EXISTS cancels (decision_id TEXT PRIMARY KEY, noted_ms INTEGER NOT NULL);
PRAGMA user_version = {_LAYOUT};
"""
_COLUMNS = "decision_id, status, detail, permanent, accepted_ms, at_ms, brand, market, customer_id, trigger"


class Entry(NamedTuple):
    """A message as the channel knows it. Times are milliseconds since the epoch, by the channel's clock."""

    decision_id: str
    status: str
    """``sending``, ``tried`` (it did not leave, and is to be tried again), ``accepted``, or one of ENDED."""
    detail: str | None
    permanent: bool
    accepted_ms: int
    at_ms: int
    """When it came to this status."""
    brand: str
    market: str | None
    customer_id: str
    trigger: str | None = None
    """The trigger's JSON, while it is only accepted."""


class Store(Protocol):
    """Each call is one transaction, which the process's death does not undo. Used by one thread at a time."""

    def get(self, decision_id: str) -> Entry | None:
        """What is known of a decision; None: nothing."""

    def put(self, entry: Entry, noted_ms: int) -> None:
        """Remember it in the place of what was known. ``noted_ms``: wall time, for ``forget``."""

    def accepted(self) -> list[Entry]:
        """Those with status ``accepted``, in the order in which they came."""

    def cancel(self, decision_id: str, noted_ms: int) -> None:
        """Remember a cancel."""

    def cancelled(self, decision_id: str) -> bool:
        """Whether a cancel has come."""

    def forget(self, before_ms: int) -> None:
        """Drop what was noted before a wall time, but nothing that is still accepted."""

    def sync(self) -> None:
        """From now on a power failure does not undo what was written either."""

    def close(self) -> None:
        """Release it."""


class SqliteStore:
    """A Store in one file. Raises PlatformError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            layout = self._database.execute("PRAGMA user_version").fetchone()[0]
            if layout > _LAYOUT:
                raise sqlite3.DatabaseError(f"its layout {layout} is newer than {_LAYOUT}, which this release knows")
            self._database.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(
                f"The channel's store {path} cannot be opened ({error}): set CUEPOINT_STATE_DIR to a directory that "
                "this user may write, and name another file if this one belongs to something else."
            ) from error

    def get(self, decision_id: str) -> Entry | None:
        """See ``Store``."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE decision_id = ?", (decision_id,)
        ).fetchone()
        return None if row is None else _entry(row)

    def put(self, entry: Entry, noted_ms: int) -> None:
        """See ``Store``."""
        changed = ["status", "detail", "permanent", "accepted_ms", "at_ms", "trigger", "noted_ms"]
        self._database.execute(
            f"INSERT INTO messages ({_COLUMNS}, noted_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (decision_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in changed)}",
            (*entry, noted_ms),
        )

    def accepted(self) -> list[Entry]:
        """See ``Store``."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM messages WHERE status = '{ACCEPTED}' ORDER BY number")
        return [_entry(row) for row in rows]

    def cancel(self, decision_id: str, noted_ms: int) -> None:
        """See ``Store``."""
        self._database.execute("INSERT OR IGNORE INTO cancels VALUES (?, ?)", (decision_id, noted_ms))

    def cancelled(self, decision_id: str) -> bool:
        """See ``Store``."""
        found = self._database.execute("SELECT 1 FROM cancels WHERE decision_id = ?", (decision_id,)).fetchone()
        return found is not None

    def forget(self, before_ms: int) -> None:
        """See ``Store``."""
        self._database.execute(f"DELETE FROM messages WHERE noted_ms < ? AND status != '{ACCEPTED}'", (before_ms,))
        self._database.execute("DELETE FROM cancels WHERE noted_ms < ?", (before_ms,))

    def sync(self) -> None:
        """See ``Store``. SQLite itself syncs its log with a checkpoint only; one sync here stands for many writes."""
        if self._log.exists():
            with self._log.open("rb") as log:
                os.fsync(log.fileno())

    def close(self) -> None:
        """See ``Store``."""
        self._database.close()


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(*row)._replace(permanent=bool(row[3]))
