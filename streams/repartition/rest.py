"""Whether a pipeline is at rest: everything was read and applied, and nothing is on its way between partitions.

Then what still waits is in three places only: the customers' states (timers, slots, places on lists), candidates of
lists, and events of the logs that are later than the clock. Each has one owner, who is found from its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.envelope import Envelope
from schemas.topics import MARK_KEY, STAGES
from streams.capacity.task import CANDIDATE
from streams.capacity.task import Position as CapacityPosition
from streams.decide.alarms import CUSTOMER
from streams.decide.state import STATE_VERSION, decode_state
from streams.decide.task import WAIT
from streams.ordered import POSITION_KEY, Position
from streams.repartition.borders import Old, RepartitionError
from streams.repartition.clocks import agreed, clock_of
from streams.task import Record
from streams.upgrade import POSITION_VERSION, read_position
from streams.wire import Mark, decode_envelope

UPSTREAM = {"identity": ("intake",), "decide": ("intake", "identity"), "capacity": ("decide",)}
RUN_ON = "Let identity, decide and capacity run, but not intake, until --dry-run finds no fault."

_positions = msgspec.msgpack.Decoder(Position)
_capacity = msgspec.msgpack.Decoder(CapacityPosition)
_intake = msgspec.msgpack.Decoder(dict[str, Any])


@dataclass
class Rest:
    """What the partitions of each stage say of themselves, by number."""

    intake: list[dict[str, Any]] = field(default_factory=list)
    identity: list[Position] = field(default_factory=list)
    decide: list[Position] = field(default_factory=list)
    capacity: list[CapacityPosition] = field(default_factory=list)
    """Empty when no list was ever asked."""
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    """Stage -> the marks that all its partitions have heard."""
    clocks: dict[str, int] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    """Known customer who was merged away -> to whom his events go."""
    fed: set[str] = field(default_factory=set)
    """Customers whose states say who forwards to them."""


def survey(old: Old) -> Rest:
    """Look at everything once. Raises RepartitionError, saying what to wait for, when the pipeline is not at rest."""
    rest = Rest()
    for number in range(old.partitions):
        raw = _position(old, "intake", number, old.table("intake", number))
        rest.intake.append(read_position(raw, _intake, f"intake partition {number}"))
        for stage, rows in (("identity", rest.identity), ("decide", rest.decide)):
            table = old.table(stage, number)
            raw = _position(old, stage, number, table)
            rows.append(_current(read_position(raw, _positions, f"{stage} partition {number}"), stage, number))
            if stage == "decide":
                _look_at_customers(rest, number, table)
    _look_at_lists(rest, old)
    for stage, positions in (("identity", rest.identity), ("decide", rest.decide)):
        _settle_clock(rest, stage, [position.marks for position in positions])
        for number, position in enumerate(positions):
            if list(position.through) != [rest.clocks[stage]]:
                raise not_at_rest(stage, number, "it has not applied all that its clock has passed")
    for number, position in enumerate(rest.decide):
        for name, what in (("rearming", "rules that have changed"), ("news", "a product that has changed")):
            if position.extra.get(name) is not None:
                raise not_at_rest("decide", number, f"it still tells its customers of {what}")
    return rest


def waiting(
    old: Old, topic: str, stage: str, positions: list[Position], clock: int
) -> Iterator[tuple[int, Record, Envelope]]:
    """(old partition, record, event) of what the log holds for later than the clock, in the order of each partition.

    Raises RepartitionError when a record was not read yet.
    """
    for number, position in enumerate(positions):
        planned = frozenset(position.extra.get("planned", ()))
        for record in old.records(topic, number, position.first):
            if record.offset >= position.next:
                raise not_at_rest(stage, number, f"it has not read {topic} to the end")
            if record.value is None or record.key == MARK_KEY:
                continue
            event = decode_envelope(record.value)
            if event.eff >= clock and event.id not in planned and event.type != "control":
                yield number, record, event


def not_at_rest(stage: str, partition: int, why: str) -> RepartitionError:
    """The error for a partition that has something left to do."""
    return RepartitionError(f"Partition {partition} of {stage} is not at rest: {why}. {RUN_ON}")


def _position(old: Old, stage: str, partition: int, table: dict[bytes, bytes]) -> bytes:
    raw = table.get(POSITION_KEY)
    if raw is None:
        raise RepartitionError(
            f"Partition {partition} of {stage} has no position: it has never worked. Without a history there is "
            "nothing to move; set the partitions, and begin with a new topic prefix."
        )
    return raw


def _current(position: Position, stage: str, partition: int) -> Position:
    written = position.extra.get("state_version", STATE_VERSION) if stage == "decide" else STATE_VERSION
    if position.version != POSITION_VERSION or written != STATE_VERSION:
        raise RepartitionError(
            f"Partition {partition} of {stage} was last written by an earlier release. Run the stages of this release "
            "on it once, let them come to rest, then try again."
        )
    return position


def _look_at_customers(rest: Rest, partition: int, table: dict[bytes, bytes]) -> None:
    if any(key.startswith(WAIT) for key in table):
        raise not_at_rest("decide", partition, "customers wait for a merge, a forwarded event or a list")
    for key, value in table.items():
        if not key.startswith(CUSTOMER):
            continue
        state = decode_state(value)
        if state.parked or state.arrived or state.waits_for:
            raise not_at_rest("decide", partition, "a merge is under way")
        if state.fed_by:
            rest.fed.add(state.customer)
        if state.moved_to is not None and state.known:
            rest.pointers[state.customer] = state.moved_to


def _look_at_lists(rest: Rest, old: Old) -> None:
    """Capacity works once there is a list; before, it has no position and its log no record."""
    tables = [old.table("capacity", number) for number in range(old.partitions)]
    raw = [table.get(POSITION_KEY) for table in tables]
    topic = STAGES["capacity"].inputs[0]
    for number, value in enumerate(raw):
        start = 0
        if value is not None:
            position = read_position(value, _capacity, f"capacity partition {number}")
            rest.capacity.append(position)
            start = position.next
            if position.left:
                raise not_at_rest("capacity", number, "it answers a list")
        if next(old.records(topic, number, start), None) is not None:
            raise not_at_rest("capacity", number, f"it has not read {topic} to the end")
        if value is None and any(key.startswith(CANDIDATE) for key in tables[number]):
            raise not_at_rest("capacity", number, "it has candidates and no position")
    if rest.capacity and len(rest.capacity) < old.partitions:
        raise not_at_rest("capacity", raw.index(None), "the others have begun, and it has not")
    if rest.capacity:
        _settle_clock(rest, "capacity", [position.marks for position in rest.capacity])


def _settle_clock(rest: Rest, stage: str, marks: list[list[Mark]]) -> None:
    rest.marks[stage] = agreed(stage, marks)
    clock = clock_of(UPSTREAM[stage], rest.marks[stage])
    if clock is None:
        raise not_at_rest(stage, 0, "it has not heard from all tasks before it")
    rest.clocks[stage] = clock


def same(stage: str, what: str, values: list[Any], like: Callable[[Any], Any] = lambda value: value) -> Any:
    """What all partitions say. Raises RepartitionError when one says something else."""
    for number, value in enumerate(values):
        if like(value) != like(values[0]):
            raise not_at_rest(stage, number, f"it says otherwise than partition 0 what {what} is")
    return values[0]
