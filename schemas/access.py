"""Who may do what on the broker: one user for each stage, service and source, with the least that it needs.

The table is made from the catalogue of topics, which says who writes and reads each; it adds the consumer groups and
the transactional ids. Strimzi resources, ``cuepoint topics plan`` and the test with a secured broker take their rights
from here, and from nowhere else. A user's name on the broker is ``<prefix>-<name>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.topics import ALL_INPUTS, CATALOGUE, CHANNELS, SHADOW, SHADOW_STAGE, STAGES, full_name

Resource = Literal["topic", "group", "transactionalId", "cluster"]
Operation = Literal["Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs", "AlterConfigs"]

OPERATOR = "tools"
"""The user of the command line: of who runs the platform, and of marketing when it publishes campaigns."""
CHANNEL_SERVICES = "channel services"
"""What the catalogue calls all channel services together."""
PEOPLE_OF_THE_OPERATOR = ("platform engineers", "marketing", "replay")
"""Writers and readers of the catalogue that work with the command line."""


@dataclass(frozen=True)
class Right:
    """Operations on one resource of the broker; ``prefixed``: on all whose name begins so."""

    resource: Resource
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False


@dataclass(frozen=True)
class User:
    """One user. Topics are named without prefix; ``groups`` and ``transactional_ids`` are what follows ``<prefix>-``,
    and a transactional id stands for all that begin with it."""

    name: str
    purpose: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactional_ids: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    """Topics that it makes and deletes."""
    administers: bool = False
    """Makes topics and compares their settings."""
    looks_at_groups: bool = False
    """Sees how far every consumer group is, and who is in it."""


def channel_user(channel: str) -> str:
    """The user of a channel's service."""
    return f"{channel}-service"


def user_names(role: str) -> tuple[str, ...]:
    """The users that stand for a producer or consumer of the catalogue."""
    if role == CHANNEL_SERVICES:
        return tuple(channel_user(channel) for channel in CHANNELS)
    return (OPERATOR,) if role in PEOPLE_OF_THE_OPERATOR else (role.replace(" ", "-"),)


def _reads(name: str) -> tuple[str, ...]:
    return tuple(t.name for t in CATALOGUE.values() if any(name in user_names(role) for role in t.consumers))


def _writes(name: str) -> tuple[str, ...]:
    return tuple(t.name for t in CATALOGUE.values() if any(name in user_names(role) for role in t.producers))


def _stage(name: str) -> User:
    return User(name, f"the workers of {name}", _reads(name), _writes(name), (name,), (f"{name}-",))


def _channel(channel: str) -> User:
    name = channel_user(channel)
    return User(name, f"the service that sends {channel}", _reads(name), _writes(name), (f"channel-{channel}",))


def _sources() -> Iterator[User]:
    known = {OPERATOR, *STAGES, *(channel_user(channel) for channel in CHANNELS)}
    owners = dict.fromkeys(name for topic in ALL_INPUTS for role in topic.producers for name in user_names(role))
    for name in owners:
        if name not in known:
            yield User(name, f"the source {name}", _reads(name), _writes(name))


def _operator() -> User:
    """Its tools send records of any source (replay, quarantine) and read what the tables of the stages say."""
    compacted_inputs = [topic.name for topic in ALL_INPUTS if topic.cleanup == "compact"]
    reads = dict.fromkeys([*_reads(OPERATOR), *compacted_inputs])
    writes = dict.fromkeys([*(topic.name for topic in ALL_INPUTS), *_writes(OPERATOR)])
    return User(
        OPERATOR,
        "the command line cuepoint",
        tuple(reads),
        tuple(writes),
        transactional_ids=("shadow-seed",),
        administers=True,
        looks_at_groups=True,
    )


def _shadow() -> User:
    """``cuepoint shadow`` makes its own topics and begins with a copy of what decide knows."""
    own = tuple(topic.name for topic in SHADOW)
    reads = dict.fromkeys([*_reads("shadow"), STAGES["decide"].changelog, *own])
    return User("shadow", "cuepoint shadow", tuple(reads), own, (SHADOW_STAGE.name,), ("shadow-",), creates=own)


def _backup() -> User:
    """It copies and rehearses all that stages and sink read and write, but for what goes to channels; a restore writes
    a stage's state under the stage's own transactional id, so that nobody else writes it meanwhile."""
    logs = [name for stage in STAGES.values() for name in stage.inputs]
    reads = dict.fromkeys([*_reads("backup"), *logs, *_reads("sink")])
    ids = tuple(f"{stage}-" for stage in STAGES)
    writes = (*_writes("backup"), "control")
    return User("backup", "cuepoint backup", tuple(reads), writes, (), ids, looks_at_groups=True)


USERS: dict[str, User] = {
    user.name: user
    for user in (
        *map(_stage, STAGES),
        User("sink", "the DuckDB sink", _reads("sink")),
        _operator(),
        _shadow(),
        _backup(),
        *_sources(),
        *map(_channel, CHANNELS),
    )
}


def rights(user: User, prefix: str) -> list[Right]:
    """All that a user may do under a topic prefix. Describe stands beside Read and Write although Kafka implies it."""
    found = []
    for topic in CATALOGUE:
        operations: list[Operation] = []
        if topic in user.reads:
            operations.append("Read")
        if topic in user.writes:
            operations.append("Write")
        if topic in user.creates:
            operations += ["Create", "Delete"]
        if operations:
            found.append(Right("topic", full_name(prefix, topic), (*operations, "Describe")))
    if user.administers:
        all_of_it: tuple[Operation, ...] = ("Create", "Delete", "Describe", "DescribeConfigs", "AlterConfigs")
        found.append(Right("topic", f"{prefix}.", all_of_it, prefixed=True))
    if user.looks_at_groups:
        found.append(Right("group", f"{prefix}-", ("Describe",), prefixed=True))
    found += [Right("group", f"{prefix}-{group}", ("Read", "Describe")) for group in user.groups]
    found += [
        Right("transactionalId", f"{prefix}-{start}", ("Write", "Describe"), prefixed=True)
        for start in user.transactional_ids
    ]
    return found
