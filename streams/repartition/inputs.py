"""Intake and its inputs: how far each source is, the records that were not read yet, and the compacted inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from schemas.topics import CATALOGUE, INPUTS, MARK_KEY
from streams.intake.feed_limit import FeedLimit
from streams.intake.stamp import arrived_header
from streams.intake.task import CONTROL, SOURCES
from streams.repartition.borders import New, Old, RepartitionError
from streams.repartition.decide_state import summed
from streams.repartition.rest import Rest, same
from streams.task import Out, Record
from streams.upgrade import POSITION_VERSION
from streams.wire import partition_of

STAGE = "intake"
UNREAD_MAX = 200_000
"""Most records of one source that may be left to read: they are put in the order of their arrival in memory."""
READ_ON = "Stop the sources, let intake read to the end (cuepoint top shows its lag), and stop it again."

_encoder = msgspec.msgpack.Encoder()


def carry(old: Old, new: New, rest: Rest, by_marks: Iterable[str]) -> list[bytes]:
    """Write the inputs; returns the position record of each new partition. Raises RepartitionError."""
    rows = rest.intake
    mode = same(STAGE, "the mode", [row["mode"] for row in rows])
    brands = same(STAGE, "the list of brands", [row["brands"] for row in rows])
    stopped = sorted({source for row in rows for source in row["stopped"]})
    if stopped:
        raise RepartitionError(
            f"Intake has stopped at source {stopped[0]}, which is mostly broken. Correct it, go on with cuepoint "
            f"quarantine continue {stopped[0]}, and try again when it is read."
        )
    unread = {source: _unread(old, source, rest, mode, frozenset(by_marks)) for source in (*SOURCES, CONTROL)}
    offsets: list[dict[str, int]] = [{} for _ in range(new.partitions)]
    for topic in INPUTS:
        if topic.cleanup == "compact":
            _copy_read(old, new, topic.name, rest)
            for number in range(new.partitions):
                offsets[number][topic.name] = new.next_offset(topic.name, number)
    for source, records in unread.items():
        for record in records:
            headers = (*record.headers, arrived_header(record.timestamp_ms))
            key = (
                b"?" if record.key is None and record.value is None else record.key
            )  # a client sends no record of neither
            new.send(Out(source, _home(record, new.partitions), key, record.value, headers))
    return [_position(rest, mode, brands, offsets[number], number) for number in range(new.partitions)]


def copy_latest(
    old: Old,
    new: New,
    topic: str,
    home: Callable[[bytes], Iterable[int]],
    before: Callable[[int], int | None] = lambda _: None,
) -> None:
    """Copy the last value of each key of a compacted topic. ``before``: of an old partition, only up to this offset."""
    for number in range(old.partitions if CATALOGUE[topic].partitioned else 1):
        end, latest = before(number), dict[bytes, Record]()
        for record in old.records(topic, number, 0) if end != 0 else ():
            if (end is not None and record.offset >= end) or record.key is None or record.key == MARK_KEY:
                continue
            latest.pop(record.key, None)
            if record.value is not None:
                latest[record.key] = record
        for key, record in latest.items():
            for to in home(key) if topic != CONTROL or number == 0 else ():
                new.send(Out(topic, to, key, record.value, record.headers))


def _copy_read(old: Old, new: New, topic: str, rest: Rest) -> None:
    """What intake has read of a compacted input stays there for tools; control is alike in every partition."""
    everywhere = range(new.partitions)
    copy_latest(
        old,
        new,
        topic,
        lambda key: everywhere if topic == CONTROL else (_partition(key, new.partitions),),
        lambda number: rest.intake[number]["offsets"].get(topic, 0),
    )


def _unread(old: Old, source: str, rest: Rest, mode: str | None, by_marks: frozenset[str]) -> list[Record]:
    """The records of a source that intake has not read, in the order of their arrival.

    Raises RepartitionError where their place in time would not be the same for other partitions.
    """
    found: list[Record] = []
    for number, row in enumerate(rest.intake):
        for record in old.records(source, number, row["offsets"].get(source, 0)):
            if source == CONTROL:
                raise RepartitionError(f"Intake has not read an order on {CONTROL} (partition {number}). {READ_ON}")
            if mode != "live" or source in by_marks:
                how = "says itself how far it is complete" if mode == "live" else "is replayed"
                raise RepartitionError(
                    f"Intake has not read partition {number} of source {source} to the end, and the source {how}, each "
                    f"partition by itself. {READ_ON}"
                )
            found.append(record)
        if len(found) > UNREAD_MAX:
            raise RepartitionError(f"Intake has more than {UNREAD_MAX:,} records of {source} left to read. {READ_ON}")
    return sorted(found, key=lambda record: (record.timestamp_ms, record.partition, record.offset))


def _home(record: Record, partitions: int) -> int:
    return record.partition % partitions if record.key is None else _partition(record.key, partitions)


def _partition(key: bytes, partitions: int) -> int:
    return partition_of(key.decode(errors="replace"), partitions)


def _position(rest: Rest, mode: str | None, brands: Any, offsets: dict[str, int], number: int) -> bytes:
    """Intake's position: each source is complete until the least moment of all its old partitions."""
    rows = rest.intake
    newest: dict[str, int] = {}
    for row in rows:
        for source, moment in row.get("newest", {}).items():
            newest[source] = max(moment, newest.get(source, moment))
    return _encoder.encode(
        {
            "version": POSITION_VERSION,
            "mode": mode,
            "until": {source: min(row["until"][source] for row in rows) for source in SOURCES},
            "newest": newest,
            "offsets": offsets,
            "stopped": {},
            "limits": {source: FeedLimit().dump() for source in SOURCES},
            "counts": summed([row["counts"] for row in rows]) if number == 0 else {},
            "brands": brands,
        }
    )
