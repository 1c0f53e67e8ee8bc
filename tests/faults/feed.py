"""A replay in a thread of the test, which goes no further than it may."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from schemas.base import from_ms, to_ms
from streams.campaigns import known_brands, records
from streams.replay import control
from streams.replay.files import merged
from streams.replay.produce import Replay
from streams.settings import Settings
from tests.faults.retailer import Retailer

FOR_EVER = 1 << 60
POLL_S = 0.02


class _PacedReplay(Replay):
    """A replay that waits at ``allowed_ms`` of virtual time (marks come every twelve hours; it stops at one)."""

    allowed_ms = FOR_EVER
    abandoned = False

    async def _hold_back(self, progress: Callable[[Replay], None]) -> None:
        while self.virtual_now is not None and self.virtual_now > self.allowed_ms and not self.abandoned:
            await asyncio.sleep(POLL_S)
        if self.abandoned:
            raise asyncio.CancelledError
        await super()._hold_back(progress)


class Feed(threading.Thread):
    """``cuepoint replay`` in a thread, at a pace that the test sets."""

    def __init__(self, settings: Settings, retailer: Retailer, allowed_ms: int, hand_over: bool) -> None:
        super().__init__(name="feed", daemon=True)
        self.end_ms = 0
        """When the run ends, in event time; known once the input is written."""
        self._settings = settings
        self._retailer = retailer
        self._hand_over = hand_over
        self._replay = _PacedReplay(settings, settings.replay_lateness)
        self._replay.allowed_ms = allowed_ms
        self._error: BaseException | None = None

    @property
    def lines(self) -> int:
        """Records written so far."""
        return self._replay.lines

    def allow(self, moment_ms: int) -> None:
        """Let it write what arrives up to then."""
        self._replay.allowed_ms = moment_ms

    def check(self) -> None:
        """Raise what ended it, if it failed."""
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """End it wherever it is."""
        self._replay.abandoned = True
        self.join(30)

    def run(self) -> None:
        """See ``cuepoint replay``."""
        settings, retailer = self._settings, self._retailer
        try:
            control.begin_replay(settings, known_brands(retailer.content), self._hand_over)
            lines, rules = merged(retailer.history), records(retailer.content, 0, "replay")
            latest_end = to_ms(control.now())
            end = asyncio.run(self._replay.run(rules, lines, None, latest_end, lambda _: None))
            control.end_replay(settings, from_ms(end))
            self.end_ms = end
        except BaseException as error:  # it ends a thread; ``check`` raises it in the test
            self._error = error
