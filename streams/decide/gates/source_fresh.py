"""Source fresh: a campaign that names sources speaks only when these have told all that they know until its due time.

A source is behind while it is not complete until the due time, and when it is silent: live, its newest record is older
than the campaign's ``silent_after``. Rules: docs/semantics.md, "Sources".
"""

from __future__ import annotations

from typing import Protocol

from schemas.base import rfc3339
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled

WAITS, STALE = "source_waits", "source_stale"
LOOK_MS = 5 * 60_000
"""How often it is looked whether a source has caught up."""


class Sources(Protocol):
    """How far the sources are, as the log tells it."""

    def complete_until(self, source: str) -> int:
        """Nothing of the source before this moment follows, milliseconds (exclusive)."""

    def newest(self, source: str) -> int | None:
        """When the newest record of the source arrived; None: it says itself how far it is."""


def source_fresh(sources: Sources, campaign: Compiled, due: int, now: int) -> Answer | None:
    """Each named source is fresh. Reasons: source_waits (look again at ``look_again_at``), source_stale. None: the
    campaign names no source."""
    named = campaign.campaign.sources
    if not named:
        return None
    for source in named:
        value = _behind(sources, source, due, now, campaign.campaign.silent_after)
        if value is not None:
            reason = STALE if now >= due + campaign.campaign.stale_after else WAITS
            return Answer("source", reason, value)
    return Answer("source", "", f"{', '.join(named)} complete until {rfc3339(due)}")


def look_again_at(campaign: Compiled, due: int, now: int) -> int:
    """When a message that waits for a source is looked at next."""
    return min(now + LOOK_MS, due + campaign.campaign.stale_after)


def _behind(sources: Sources, source: str, due: int, now: int, silent_after: int) -> str | None:
    """What is missing of a source; None: it is fresh."""
    if sources.complete_until(source) < due:
        return f"{source} is not complete until {rfc3339(due)}"
    newest = sources.newest(source)
    if newest is not None and newest + silent_after < now:
        return f"{source} has sent nothing since {rfc3339(newest)}"
    return None
