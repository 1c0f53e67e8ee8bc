"""The state of the stages as it stands on the broker: how much there is of what, how far it is, and one name's part.

It is read from the changelogs, read-only, as a worker would read it at a start. ``explain`` and ``customer export``
decide anew from the log; this shows what the workers really have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from kafka import KafkaConsumer

from schemas.topics import STAGES, Stage
from streams.broker_logs import begins, committed_ends, copy_of_state
from streams.capacity.task import CANDIDATE
from streams.decide.alarms import CUSTOMER
from streams.decide.state import decode_state
from streams.decide.task import ERASURE, PROFILE, RULE, WAIT, WATCHER
from streams.errors import InputError
from streams.identity.families import ERASED, MERGED, OWNED
from streams.identity.names import identifier_of
from streams.identity.table import Link
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.wire import partition_of

KINDS: dict[str, dict[bytes, str]] = {
    "intake": {},
    "identity": {OWNED: "customers with identifiers", ERASED: "erased names"},
    "decide": {
        CUSTOMER: "customers",
        RULE: "campaigns, rules and products",
        WATCHER: "watch lists of products",
        PROFILE: "public profiles told",
        ERASURE: "erased names",
        WAIT: "customers who wait for a merge",
    },
    "capacity": {CANDIDATE: "candidates"},
}
"""Stage -> beginning of a key -> what such an entry is."""
OTHERS = {"identity": "identifiers"}
"""Stage -> what an entry is whose key begins otherwise."""


@dataclass(frozen=True)
class PartitionState:
    """One partition of one stage."""

    stage: str
    partition: int
    entries: int
    size_bytes: int
    """Of keys and values: what a worker holds, without what memory adds."""
    changelog_records: int
    """Offsets on the broker, replaced ones that are not cleaned yet included."""
    lag: dict[str, int]
    """Input topic -> offsets behind what the state has read."""
    kinds: dict[str, int] = field(default_factory=dict)
    """What the entries are, and how many of each."""


def sizes(client: KafkaConsumer, settings: Settings, stages: list[str]) -> Iterator[PartitionState]:
    """One row a partition. It reads the whole changelogs. Raises BrokerError."""
    for name in stages:
        stage = STAGES[name]
        changelog = [(stage.changelog, number) for number in range(settings.partitions)]
        first, end = begins(client, settings, changelog), committed_ends(client, settings, changelog)
        for place in changelog:
            values = copy_of_state(client, settings, place, end[place])
            yield PartitionState(
                name,
                place[1],
                len(values),
                sum(len(key) + len(value) for key, value in values.items()),
                end[place] - first[place],
                _lag(client, settings, stage, place[1], values.get(POSITION_KEY)),
                counted(name, values),
            )


def counted(stage: str, values: dict[bytes, bytes]) -> dict[str, int]:
    """How many entries of each kind; the position left out."""
    kinds = KINDS[stage]
    found: Counter[str] = Counter()
    for key in values:
        if key != POSITION_KEY:
            found[kinds.get(key[:2], OTHERS.get(stage, "others"))] += 1
    return dict(sorted(found.items()))


def position(client: KafkaConsumer, settings: Settings, stage: str, partition: int) -> dict[str, Any]:
    """The position record of a partition, as it is; times are milliseconds since the epoch. Raises InputError."""
    if partition >= settings.partitions:
        raise InputError(f"Partition {partition} does not exist: there are 0 to {settings.partitions - 1}.")
    raw = _one(client, settings, stage, partition, lambda key: key == POSITION_KEY).get(POSITION_KEY)
    if raw is None:
        raise InputError(
            f"{stage} partition {partition} has no position: it has never worked. Is its worker running (cuepoint top)?"
        )
    found: dict[str, Any] = msgspec.msgpack.decode(raw)
    return found


def show(client: KafkaConsumer, settings: Settings, name: str) -> list[dict[str, Any]]:
    """What identity and decide hold under a customer id or an identifier: one object an entry. Raises InputError."""
    found = [*_in_identity(client, settings, name), *_in_decide(client, settings, name)]
    if not found:
        raise InputError(
            f"No stage holds {name!r}. Names are ids of the CRM, or identifiers such as anon:…, card:…, device:…, "
            "email:…; of who was erased a hash is kept and no name."
        )
    return found


def _in_identity(client: KafkaConsumer, settings: Settings, name: str) -> Iterator[dict[str, Any]]:
    """An identifier has its link in its partition; a customer's identifiers are listed in any."""
    if ":" in name:
        key = identifier_of(name).encode()
        number = partition_of(identifier_of(name), settings.partitions)
        for value in _one(client, settings, "identity", number, lambda each: each == key).values():
            yield _entry("identity", number, name, value, msgspec.msgpack.decode(value, type=Link))
        return
    merged, owned = (MERGED + name).encode(), OWNED + name.encode()
    for number in range(settings.partitions):
        held = _one(client, settings, "identity", number, lambda each: each in (merged, owned))
        if owned in held:
            value = held[owned]
            yield _entry("identity", number, name, value, {"identifiers": msgspec.msgpack.decode(value)})
        if merged in held and number == partition_of(merged.decode(), settings.partitions):
            yield _entry("identity", number, name, held[merged], msgspec.msgpack.decode(held[merged], type=Link))


def _in_decide(client: KafkaConsumer, settings: Settings, name: str) -> Iterator[dict[str, Any]]:
    number = partition_of(name, settings.partitions)
    customer, profile = CUSTOMER + name.encode(), PROFILE + name.encode()
    held = _one(client, settings, "decide", number, lambda each: each in (customer, profile))
    if customer in held:
        yield _entry("decide", number, name, held[customer], decode_state(held[customer]))
    if profile in held:
        told = {"profile_told": msgspec.json.decode(held[profile])}
        yield _entry("decide", number, name, held[profile], told)


def _entry(stage: str, partition: int, name: str, value: bytes, content: Any) -> dict[str, Any]:
    return {"stage": stage, "partition": partition, "name": name, "bytes": len(value), "state": named(content)}


def named(value: Any) -> Any:
    """Rows with the names of their fields, without those that are empty."""
    if isinstance(value, msgspec.Struct):
        told = {field: named(getattr(value, field)) for field in value.__struct_fields__}
        return {field: inner for field, inner in told.items() if inner not in (None, [], {}, "")}
    if isinstance(value, dict):
        return {str(key): named(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(inner) for inner in value]
    return value


def _one(
    client: KafkaConsumer, settings: Settings, stage: str, partition: int, wanted: Callable[[bytes], bool]
) -> dict[bytes, bytes]:
    return copy_of_state(client, settings, (STAGES[stage].changelog, partition), wanted=wanted)


def _lag(client: KafkaConsumer, settings: Settings, stage: Stage, number: int, raw: bytes | None) -> dict[str, int]:
    places = [(topic, number) for topic in stage.inputs]
    ends, read = committed_ends(client, settings, places), {} if raw is None else msgspec.msgpack.decode(raw)
    offsets = read.get("offsets", dict.fromkeys(stage.inputs, read.get("next", 0)))
    return {topic: max(0, ends[topic, number] - offsets.get(topic, 0)) for topic in stage.inputs}
