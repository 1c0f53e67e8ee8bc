"""The rehearsal: state rebuilt from a backup and the log after it, held against the state that the workers have.

It reads the broker and writes nothing to it: the stages' tasks run in this process, and what they put out is compared
and dropped. So it may run beside the live pipeline, every night.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec
from kafka import KafkaConsumer

from schemas.topics import STAGES, Stage
from streams.backup.rebuild import replayed
from streams.backup.restore import Backup, state_of
from streams.broker_logs import committed_ends, copy_of_state, records, written_ends
from streams.capacity.task import Position as CapacityPosition
from streams.ordered import POSITION_KEY
from streams.ordered import Position as OrderedPosition
from streams.settings import Settings
from streams.stages import task_factory
from streams.task import Out, Record
from streams.tools import consumer

REHEARSED = ("identity", "decide", "capacity")
"""Intake keeps no customer, and its outputs bear times that nobody knows afterwards."""
LOOKS_MAX = 20
"""How often a partition is looked at until it is between two advances of its clock."""
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """What came of one partition."""

    stage: str
    partition: int
    entries: int
    decisions: int
    differing: tuple[str, ...]
    """Keys whose values differ, those that only one side has included."""
    unrecorded: tuple[str, ...]
    """Decision ids that came out and are not on the topic as they came out."""
    busy: bool = False
    """It never rested, and was not compared."""

    @property
    def agrees(self) -> bool:
        """Rebuilt and live are the same."""
        return not (self.differing or self.unrecorded or self.busy)


def rehearse(settings: Settings, backup: Backup | None) -> Iterator[Finding]:
    """Rehearse every partition. ``backup``: None: from the beginning of the logs. Raises BrokerError, InputError."""
    with consumer(settings) as client:
        for name in REHEARSED:
            for number in range(settings.partitions):
                yield _partition(client, settings, backup, STAGES[name], number)


def _partition(client: KafkaConsumer, settings: Settings, backup: Backup | None, stage: Stage, number: int) -> Finding:
    live = _resting(client, settings, stage, number)
    if live is None:
        return Finding(stage.name, number, 0, 0, (), (), busy=True)
    values = state_of(backup, stage.name, number)
    (topic,) = stage.inputs
    end = read_until(stage.name, live)

    def log(start: int | None) -> Iterable[list[Record]]:
        return records(client, settings, (topic, number), start, end)

    outputs = replayed(partial(task_factory(stage.name, settings), number), values, topic, log)
    made = [out for out in outputs if out.topic == "decisions"]
    unrecorded = _unrecorded(client, settings, backup, number, made) if made else ()
    return Finding(stage.name, number, len(live), len(made), differing(values, live), unrecorded)


def _resting(client: KafkaConsumer, settings: Settings, stage: Stage, number: int) -> dict[bytes, bytes] | None:
    """The live state at a moment at which all that was read is worked off; None: there was none."""
    place = (stage.changelog, number)
    for _ in range(LOOKS_MAX):
        end = written_ends(settings, [place])[place]
        values = copy_of_state(client, settings, place, end)
        if rests(stage.name, values):
            return values
    return None


def rests(stage: str, values: dict[bytes, bytes]) -> bool:
    """Whether a state is not in the middle of following its clock."""
    raw = values.get(POSITION_KEY)
    if raw is None:
        return True
    if stage == "capacity":
        return not msgspec.msgpack.decode(raw, type=CapacityPosition).left
    return len(msgspec.msgpack.decode(raw, type=OrderedPosition).through) == 1


def read_until(stage: str, values: dict[bytes, bytes]) -> int:
    """How far a state has read its log."""
    raw = values.get(POSITION_KEY)
    if raw is None:
        return 0
    kind: type[OrderedPosition] | type[CapacityPosition] = CapacityPosition if stage == "capacity" else OrderedPosition
    return msgspec.msgpack.decode(raw, type=kind).next


def differing(rebuilt: dict[bytes, bytes], live: dict[bytes, bytes]) -> tuple[str, ...]:
    """The keys, positions left out: these say how transactions were cut, too."""
    keys = (rebuilt.keys() | live.keys()) - {POSITION_KEY}
    return tuple(sorted(key.decode(errors="replace") for key in keys if rebuilt.get(key) != live.get(key)))


def _unrecorded(
    client: KafkaConsumer, settings: Settings, backup: Backup | None, number: int, made: list[Out]
) -> tuple[str, ...]:
    place = ("decisions", number)
    end = committed_ends(client, settings, [place])[place]
    start = None if backup is None else backup[1].written["decisions"][number]
    recorded: Counter[str] = Counter()
    for batch in records(client, settings, place, start, end):
        recorded.update(_content(record.value) for record in batch)
    left = Counter(_content(out.value) for out in made)
    left.subtract(recorded)
    return tuple(sorted(json.loads(text)["decision_id"] for text, number in left.items() if number > 0))


def _content(value: bytes | None) -> str:
    """A decision but for whether it was handed over: that depends on what else was in the transaction."""
    return json.dumps({**json.loads(value or b"{}"), "handed_over": None}, sort_keys=True)


def in_words(finding: Finding) -> str:
    """One line."""
    place = f"{finding.stage} {finding.partition}"
    if finding.busy:
        return f"{place}: not compared, it was never between two advances of its clock; try again when it is less busy"
    counted = f"{finding.entries:,} entries" + (f", {finding.decisions:,} decisions" if finding.decisions else "")
    if finding.agrees:
        return f"{place}: the same, {counted}"
    told = [f"{place}: DIFFERENT, {counted}"]
    for what, names in (("keys", finding.differing), ("decisions", finding.unrecorded)):
        if names:
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            told.append(f"{len(names):,} {what} ({', '.join(names[:SHOWN])}{more})")
    return "; ".join(told)
