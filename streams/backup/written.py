"""What the stages had written: their outputs are on their topics, and say how far a stage was when its state was lost.

A stage writes its outputs, its state and its position in one transaction. So where the outputs of a step are on their
topics, the step was done, and where they are not, it was not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable

import msgspec

from schemas.topics import MARK_KEY
from streams.task import Out, Record


class _Decision(msgspec.Struct):
    decision_id: str
    outcome: str
    decided_at: str


class _Event(msgspec.Struct):
    id: str
    type: str
    customer: str


_decision = msgspec.json.Decoder(_Decision)
_event = msgspec.json.Decoder(_Event)


def _of_decision(key: bytes | None, value: bytes) -> Hashable:
    row = _decision.decode(value)
    return row.decision_id, row.outcome, row.decided_at


def _of_event(key: bytes | None, value: bytes) -> Hashable:
    row = _event.decode(value)
    return row.id, row.type, row.customer


_NAMES: dict[str, Callable[[bytes | None, bytes], Hashable]] = {
    "decisions": _of_decision,
    "customer-events": _of_event,
    "identity-events": _of_event,
    "capacity-candidates": _of_event,
    "identity-audit": lambda key, value: value,
    "quarantine": lambda key, value: key,
}
"""Topic -> by what one of its records is known again, whichever release wrote it. Triggers go with decisions; the other
outputs are the last word on a key, and are the same when they are written again."""
TOPICS = tuple(_NAMES)


def name_of(topic: str, partition: int, key: bytes | None, value: bytes | None) -> int | None:
    """A number by which an output is known again in this process; None: it tells nothing (marks, progress)."""
    naming = _NAMES.get(topic)
    if naming is None or value is None or key == MARK_KEY:
        return None
    return hash((topic, partition, naming(key, value)))


class Written:
    """Outputs that are on their topics, each as often as it is there. About 100 bytes of memory each."""

    def __init__(self) -> None:
        self._left: Counter[int] = Counter()

    def note(self, records: Iterable[Record]) -> None:
        """Records as they were read."""
        names = (name_of(record.topic, record.partition, record.key, record.value) for record in records)
        self._left.update(name for name in names if name is not None)

    def take(self, out: Out) -> bool | None:
        """Whether an output is there; it counts once. None: it cannot be told from others."""
        name = name_of(out.topic, out.partition, out.key, out.value)
        if name is None:
            return None
        if not self._left[name]:
            return False
        self._left[name] -= 1
        return True
