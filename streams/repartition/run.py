"""The whole move, in the order in which it is safe: look, write everything, and the positions last."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.topics import MARK_KEY
from streams.ordered import POSITION_KEY
from streams.repartition import capacity_state, decide_state, identity_state, inputs
from streams.repartition.borders import New, Old
from streams.repartition.rest import Rest, survey
from streams.task import Out
from streams.wire import partition_of

HISTORY = "customer-events"
"""The log whose beginning tools take for the beginning of the history."""


def repartition(old: Old, new: New, by_marks: Iterable[str] = ()) -> Rest:
    """Write everything that the new partitions need; returns what was found.

    Nothing works on the new topics before it has positions, and those are written when all else is. Raises
    RepartitionError before anything is written, or in the middle; then the new topics are of no use, and the old ones
    are as they were.
    """
    rest = survey(old)
    for number in range(new.partitions):
        new.send(Out(HISTORY, number, MARK_KEY, None))
    positions = {
        "intake": inputs.carry(old, new, rest, by_marks),
        "identity": identity_state.carry(old, new, rest),
        "decide": decide_state.carry(old, new, rest),
        "capacity": capacity_state.carry(old, new, rest),
    }
    _copy_for_others(old, new)
    new.next_offset(HISTORY, 0)  # everything above is written now
    for stage, records in positions.items():
        for number, record in enumerate(records):
            new.keep(stage, number, POSITION_KEY, record)
    return rest


def _copy_for_others(old: Old, new: New) -> None:
    """Compacted topics that no stage reads: shops, tools and the sink find in them what they found before."""
    inputs.copy_latest(old, new, "customer-profile", lambda key: (_of_profile(key, new.partitions),))
    inputs.copy_latest(old, new, "erasures", lambda key: (partition_of(key.decode(), new.partitions),))
    for topic in ("campaign-history", "forecasts", "switch"):
        inputs.copy_latest(old, new, topic, lambda _: (0,))


def _of_profile(key: bytes, partitions: int) -> int:
    """A profile is in the partition of its customer; its key is ``brand:customer``."""
    return partition_of(key.decode().partition(":")[2], partitions)
