"""What a channel remembers of each decision, in SQLite, so that a message goes out once however often it comes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal, NamedTuple

from streams.errors import PlatformError

Status = Literal["delivered", "bounced", "dropped"]
"""How a message ended; the channel's last answer."""

_TABLES = """
CREATE TABLE IF NOT EXISTS message (
    decision_id TEXT PRIMARY KEY, status TEXT NOT NULL, detail TEXT, permanent INTEGER NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS cancelled (decision_id TEXT PRIMARY KEY);
"""


class Ended(NamedTuple):
    """How a message ended, and when (milliseconds since the epoch)."""

    status: str
    detail: str | None
    permanent: bool
    at_ms: int


class ChannelStore:
    """One file a channel. Each call is one transaction; a power failure may lose the last ones, a kill none.

    Raises PlatformError when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(
                f"The channel's store {path} cannot be opened ({error}): set CUEPOINT_STATE_DIR to a directory that "
                "this user may write, and run one consumer a file."
            ) from error

    def ended(self, decision_id: str) -> Ended | None:
        """How the message of a decision ended; None: it has not."""
        row = self._database.execute(
            "SELECT status, detail, permanent, at_ms FROM message WHERE decision_id = ?", (decision_id,)
        ).fetchone()
        return Ended(row[0], row[1], bool(row[2]), row[3]) if row else None

    def end(self, decision_id: str, ended: Ended) -> None:
        """Remember how it ended; the first word stays."""
        self._database.execute("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?)", (decision_id, *ended))

    def cancelled(self, decision_id: str) -> bool:
        """Whether a cancel has come."""
        found = self._database.execute("SELECT 1 FROM cancelled WHERE decision_id = ?", (decision_id,)).fetchone()
        return found is not None

    def cancel(self, decision_id: str) -> None:
        """Remember a cancel."""
        self._database.execute("INSERT OR IGNORE INTO cancelled VALUES (?)", (decision_id,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
