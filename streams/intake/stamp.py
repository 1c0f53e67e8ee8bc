"""Time at intake: what a source has completed, and the ``effective_at`` that lateness is decided by, once."""

from __future__ import annotations

from streams.task import Record

REPLAY_HEADER = "cuepoint-replay"
"""Header of replayed records and marks: ``<arrived> <complete until>``, both in milliseconds since the epoch."""
ARRIVED_HEADER = "cuepoint-arrived"
"""Header of a live record that was moved to other partitions before it was read: when it first came, milliseconds."""
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


def arrived_header(arrived: int) -> tuple[str, bytes]:
    """The header of a record that is moved (``streams.repartition``)."""
    return (ARRIVED_HEADER, b"%d" % arrived)


def arrived_at(record: Record) -> int:
    """When a live record arrived: as the broker says, or earlier, when it was moved since."""
    for name, value in record.headers:
        if name == ARRIVED_HEADER and value.isdigit():
            return min(int(value), record.timestamp_ms)
    return record.timestamp_ms


def effective(at: int, until: int) -> int:
    """``effective_at``: the event's own time, or when its source was complete until later, that moment: it is late."""
    return at if at > until else until
