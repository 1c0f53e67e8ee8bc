"""Time at intake: what a source has completed, and the ``effective_at`` that lateness is decided by, once."""

from __future__ import annotations

from streams.task import Record

REPLAY_HEADER = "cuepoint-replay"
"""Header of replayed records and marks: ``<arrived> <complete until>``, both in milliseconds since the epoch."""
FUTURE_MS_MAX = 86_400_000
"""How far an event may lie ahead of its arrival; beyond it, it is quarantined (``in_the_future``)."""
PLANNED_MS_MAX = 366 * 86_400_000
"""The same for campaigns and rules, which may come into force later."""


def replay_header(arrived: int, until: int) -> tuple[str, bytes]:
    """The header that a replay gives each record."""
    return (REPLAY_HEADER, b"%d %d" % (arrived, until))


def replay_times(record: Record) -> tuple[int, int] | None:
    """(arrived, complete until) of a replayed record; None for a live one."""
    for name, value in record.headers:
        if name == REPLAY_HEADER:
            arrived, _, until = value.partition(b" ")
            return int(arrived), int(until)
    return None


def effective(at: int, until: int) -> int:
    """``effective_at``: the event's own time, or when its source was complete until later, that moment: it is late."""
    return at if at > until else until
