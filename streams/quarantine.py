"""What lies in quarantine: read it, count it, and send it back to where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from schemas.quarantine import (
    HEADER_BYTES,
    HEADER_KEY,
    HEADER_MESSAGE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_SHA256,
    HEADER_STAGE,
    HEADER_TOPIC,
    QuarantineEntry,
)
from schemas.topics import CATALOGUE, RECORD_BYTES_MAX_INPUT
from streams.errors import InputError
from streams.intake.stamp import REPLAY_HEADER
from streams.settings import Settings
from streams.task import Headers
from streams.tools import consumer, producer, read_all
from streams.wire import partition_of

LINE_NOT_SENT = -1
"""Partition of a line that was too long for the broker: the replay itself put it into quarantine."""


@dataclass(frozen=True)
class Quarantined:
    """A record in quarantine. ``key``: ``topic-partition-offset`` of the original; ``at_ms``: when it came here."""

    key: str
    at_ms: int
    entry: QuarantineEntry
    original_key: bytes | None = None
    replay_headers: Headers = ()
    """Headers of a replay that the original had; they go back with it, as its key does."""

    @property
    def whole(self) -> bool:
        """Whether all bytes of the original are here; of what was too large only the first are."""
        return len(self.entry.value) == self.entry.size


@dataclass(frozen=True)
class Filter:
    """Which records are meant; None: any."""

    topic: str | None = None
    reason: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        said = [
            f"{name} {value}"
            for name, value in (("topic", self.topic), ("reason", self.reason), ("key", self.key))
            if value is not None
        ]
        return " and ".join(said) or "everything"

    def takes(self, record: Quarantined) -> bool:
        """Whether the record is meant."""
        return (
            self.topic in (None, record.entry.topic)
            and self.reason in (None, record.entry.reason)
            and self.key in (None, record.key)
        )


@contextmanager
def reading(settings: Settings, chosen: Filter) -> Iterator[Iterator[Quarantined]]:
    """The chosen records in quarantine as of now, partition by partition. Raises BrokerError."""
    with consumer(settings) as client:
        found = (_quarantined(record) for record in read_all(client, settings, "quarantine"))
        yield (record for record in found if chosen.takes(record))


def newest(settings: Settings, chosen: Filter, limit: int) -> list[Quarantined]:
    """The last ``limit`` of the chosen records, newest first. Raises BrokerError."""
    with reading(settings, chosen) as records:
        return nlargest(limit, records, key=lambda record: (record.at_ms, record.key))


def summary(settings: Settings, chosen: Filter) -> Counter[tuple[str, str]]:
    """(topic, reason) -> number of records. Raises BrokerError."""
    with reading(settings, chosen) as records:
        return Counter((record.entry.topic, record.entry.reason) for record in records)


def find(settings: Settings, key: str) -> Quarantined:
    """The record of this key. Raises InputError when there is none, BrokerError."""
    with reading(settings, Filter(key=key)) as records:
        for record in records:
            return record
    raise InputError(f"No record in quarantine has the key {key!r}; cuepoint quarantine list shows the keys.")


def replay(settings: Settings, chosen: Filter, corrected: bytes | None = None) -> Counter[str]:
    """Send the chosen records back to their topics, or ``corrected`` in the place of one; topic -> how many went.

    A record goes to the partition it came from, with the replay headers that it had, so it is judged again as if it
    arrived now. Nothing is remembered: the records stay in quarantine until its retention ends, and the same call
    sends them once more. Raises InputError when nothing is chosen, when a chosen record is not whole and no corrected
    value is given, or when the corrected value is too large; nothing is sent then. Raises BrokerError.
    """
    if corrected is not None:
        _check_corrected(corrected, chosen)
    if (foreign := _first_of_no_topic(settings, chosen)) is not None:
        raise InputError(
            f"{foreign.key} came from {foreign.entry.topic} and was never on a topic: let its source send it again, or "
            "load it with cuepoint ingest file; choose the others with --topic."
        )
    if corrected is None and (broken := _first_incomplete(settings, chosen)) is not None:
        raise InputError(
            f"Of {broken.key} quarantine holds only the first {len(broken.entry.value):,} of {broken.entry.size:,} "
            f"bytes; send a corrected value: cuepoint quarantine replay --key {broken.key} --with FILE, or choose "
            "other records with --topic or --reason."
        )
    sent: Counter[str] = Counter()
    with reading(settings, chosen) as records, producer(settings) as client:
        for record in records:
            client.send(
                settings.topic(record.entry.topic),
                record.entry.value if corrected is None else corrected,
                key=record.original_key,
                headers=list(record.replay_headers),
                partition=_partition(record, settings),
            )
            sent[record.entry.topic] += 1
    if not sent:
        raise InputError(f"No record in quarantine matches {chosen}; cuepoint quarantine list shows what is there.")
    return sent


def _check_corrected(corrected: bytes, chosen: Filter) -> None:
    if chosen.key is None:
        raise InputError("A corrected value replaces one record: name it with --key.")
    if not corrected or len(corrected) > RECORD_BYTES_MAX_INPUT:
        raise InputError(
            f"The corrected value has {len(corrected):,} bytes; give from 1 to {RECORD_BYTES_MAX_INPUT:,}."
        )


def _first_of_no_topic(settings: Settings, chosen: Filter) -> Quarantined | None:
    """A payload that ``cuepoint ingest`` refused: there is no topic to send it back to."""
    with reading(settings, chosen) as records:
        return next((record for record in records if record.entry.topic not in CATALOGUE), None)


def _first_incomplete(settings: Settings, chosen: Filter) -> Quarantined | None:
    with reading(settings, chosen) as records:
        return next((record for record in records if not record.whole), None)


def _partition(record: Quarantined, settings: Settings) -> int:
    partition = record.entry.partition
    return partition_of(record.key, settings.partitions) if partition == LINE_NOT_SENT else partition


def _quarantined(record: Any) -> Quarantined:
    raw = dict(record.headers)
    headers = {name: value.decode() for name, value in raw.items() if name not in (REPLAY_HEADER, HEADER_KEY)}
    return Quarantined(
        key=record.key.decode(),
        at_ms=record.timestamp,
        entry=QuarantineEntry(
            topic=headers[HEADER_TOPIC],
            partition=int(headers[HEADER_PARTITION]),
            offset=int(headers[HEADER_OFFSET]),
            stage=headers[HEADER_STAGE],
            reason=headers[HEADER_REASON],
            message=headers[HEADER_MESSAGE],
            sha256=headers[HEADER_SHA256],
            size=int(headers[HEADER_BYTES]),
            value=record.value or b"",
        ),
        original_key=raw.get(HEADER_KEY),
        replay_headers=tuple((name, value) for name, value in record.headers if name == REPLAY_HEADER),
    )
