"""When bad records are not accidents but a broken feed: a limit on their run and on their share.

It exists so that a misconfigured source does not drain into quarantine overnight: the worker stops, loudly, with the
quarantine committed, and ``cuepoint quarantine continue SOURCE`` goes on past it.
"""

from __future__ import annotations

from typing import Any

RUN_MAX = 500
"""Bad records of one source in a row, per partition, at which the worker stops."""
WINDOW_RECORDS = 1_000
"""Records over which the share is taken."""
SHARE_MAX_PERCENT = 20
"""Share of bad records in a full window above which the worker stops."""


class FeedLimit:
    """Counts one source of one partition."""

    def __init__(self) -> None:
        self.run = 0
        self.seen = 0
        self.bad = 0

    def good(self) -> str | None:
        """A usable record; it may fill a window that is over the limit all the same."""
        self.run = 0
        self.seen += 1
        return self._window() if self.seen >= WINDOW_RECORDS else None

    def rejected(self) -> str | None:
        """A bad record; the sentence of the limit that it breaks, or None."""
        self.run += 1
        self.seen += 1
        self.bad += 1
        over = self._window() if self.seen >= WINDOW_RECORDS else None
        if self.run >= RUN_MAX:
            return f"{self.run} records in a row cannot be used (limit {RUN_MAX})"
        return over

    def _window(self) -> str | None:
        """A window is full: begin the next."""
        full, self.seen, self.bad = self.bad, 0, 0
        if full * 100 <= SHARE_MAX_PERCENT * WINDOW_RECORDS:
            return None
        return f"{full} of the last {WINDOW_RECORDS} records cannot be used (limit {SHARE_MAX_PERCENT}%)"

    def dump(self) -> list[int]:
        """For the position record."""
        return [self.run, self.seen, self.bad]

    @classmethod
    def load(cls, stored: Any) -> FeedLimit:
        """From the position record."""
        limit = cls()
        limit.run, limit.seen, limit.bad = stored
        return limit
