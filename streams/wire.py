"""How our own records look as bytes: envelopes, marks, and which partition a key goes to."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

import msgspec

from schemas.envelope import Envelope

END_OF_TIME = 1 << 62
"""Complete until the end: a source that sends nothing more."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


class Mark(msgspec.Struct, omit_defaults=True):
    """What an upstream task says is complete: source -> milliseconds (exclusive). ``of``: number of its siblings."""

    stage: str
    task: int
    of: int
    until: dict[str, int]
    free: list[str] = []
    """Sources that do not hold the clock (live sources that come in files)."""
    newest: dict[str, int] = {}
    """Of intake only, live: when the newest record of a source arrived."""
    levels: list[int] = []
    """Of decide only, instead of ``until``: how far merged customers' events are forwarded, by the pointer's height."""


_mark_decoder = msgspec.json.Decoder(Mark)


def encode_envelope(envelope: Envelope) -> bytes:
    """JSON of an envelope."""
    return _encoder.encode(envelope)


def decode_envelope(value: bytes) -> Envelope:
    """The envelope of a record. Raises msgspec.DecodeError."""
    return _decoder.decode(value)


def encode_mark(mark: Mark) -> bytes:
    """JSON of a mark; its record key is MARK_KEY."""
    return _encoder.encode(mark)


def decode_mark(value: bytes) -> Mark:
    """The mark of a record whose key is MARK_KEY."""
    return _mark_decoder.decode(value)


@lru_cache(maxsize=200_000)
def partition_of(key: str, partitions: int) -> int:
    """Partition of a key on our internal topics: CRC-32 modulo. (Producers of inputs may partition as they like.)"""
    return crc32(key.encode()) % partitions


class Clock:
    """The in-band watermark of one partition: last mark of each upstream task, per source the minimum over tasks.

    The set of tasks is in the marks themselves (``of``), so a task that has not spoken counts as minus infinity.
    """

    def __init__(self, stages: tuple[str, ...]) -> None:
        self._stages = stages
        self._of: dict[str, int] = {}
        self._marks: dict[tuple[str, int], Mark] = {}
        self._least: dict[tuple[str, int], int] = {}
        self.value: int | None = None
        """Complete until this moment over all clock sources (exclusive); None: not all tasks have spoken."""

    def take(self, mark: Mark) -> bool:
        """Merge a mark (never backwards); True when ``value`` rose."""
        key = (mark.stage, mark.task)
        known = self._marks.get(key)
        if known is not None:
            until = known.until
            for source, moment in mark.until.items():
                if moment > until.get(source, -END_OF_TIME):
                    until[source] = moment
            known.free = mark.free
            for source, moment in mark.newest.items():
                known.newest[source] = max(moment, known.newest.get(source, moment))
        else:
            known = Mark(mark.stage, mark.task, mark.of, dict(mark.until), mark.free, dict(mark.newest))
            self._marks[key] = known
            self._of[mark.stage] = mark.of
        held = [moment for source, moment in known.until.items() if source not in known.free]
        self._least[key] = min(held, default=-END_OF_TIME)
        return self._advance()

    def _advance(self) -> bool:
        if any(stage not in self._of for stage in self._stages) or len(self._marks) < sum(self._of.values()):
            return False
        value = min(self._least.values())
        if value == -END_OF_TIME or (self.value is not None and value <= self.value):
            return False
        self.value = value
        return True

    def until(self) -> dict[str, int]:
        """Per source the minimum over all upstream tasks; empty before all have spoken."""
        if self.value is None:
            return {}
        marks = self._marks.values()
        sources = {source for mark in marks for source in mark.until}
        return {source: min(mark.until.get(source, END_OF_TIME) for mark in marks) for source in sorted(sources)}

    def complete_until(self, source: str) -> int:
        """The minimum over all upstream tasks for one source."""
        return min((mark.until.get(source, END_OF_TIME) for mark in self._marks.values()), default=-END_OF_TIME)

    def newest(self, source: str) -> int | None:
        """When the newest record of a source arrived, at whichever task; None: not live, or it is complete by marks."""
        return max((mark.newest[source] for mark in self._marks.values() if source in mark.newest), default=None)

    def missing(self) -> list[str]:
        """Upstream tasks that have never reported, as ``stage-task``; of a stage that nobody has heard of, its name."""
        silent: list[str] = []
        for stage in self._stages if self.value is None else ():
            tasks = range(self._of.get(stage, 0))
            silent += [f"{stage}-{task}" for task in tasks if (stage, task) not in self._marks] if tasks else [stage]
        return silent

    def free(self) -> list[str]:
        """Sources that do not hold the clock."""
        return sorted({source for mark in self._marks.values() for source in mark.free})

    def dump(self) -> list[Mark]:
        """The marks to store in the position record."""
        return [mark for _, mark in sorted(self._marks.items())]

    def load(self, marks: list[Mark]) -> None:
        """Take over stored marks."""
        for mark in marks:
            self.take(mark)
