"""The catalogue's topics on a broker: create, compare, describe, delete."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from schemas.topics import CATALOGUE, COMPACTED_WITHIN_MS, SEGMENT_MS, TOPICS, Topic
from streams.admin_client import REQUEST_TIMEOUT_S, connect, reason
from streams.errors import BrokerError, BrokerUnavailableError
from streams.settings import Settings

__all__ = [
    "Difference",
    "TopicState",
    "administering",
    "check_topics",
    "configs",
    "connect",
    "delete_topics",
    "describe",
    "differences",
    "ensure_topics",
    "partition_counts",
    "partitions",
]


@dataclass(frozen=True)
class TopicState:
    """A topic as the broker has it. ``configs`` holds the settings that Cuepoint sets, by their Kafka name."""

    partitions: int
    replication: int
    configs: dict[str, str]


@dataclass(frozen=True)
class Difference:
    """One way in which a topic on the broker is not what catalogue and settings say."""

    topic: str
    kind: Literal["missing", "partitions", "replication", "config"]
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        if self.kind == "missing":
            return f"topic {self.topic} is missing"
        return f"topic {self.topic} has {self.field} {self.found}, expected {self.expected}"


def ensure_topics(settings: Settings, only: Iterable[str] | None = None) -> list[str]:
    """Create what is missing of the catalogue (``only``: these names, without prefix) in one request.

    Returns the full names of the topics created; existing ones are left as they are, whatever their shape
    (``check_topics`` judges). Raises BrokerError naming topic and reason.
    """
    wanted = {settings.topic(topic.name): topic for topic in _chosen(only)}
    with administering(settings) as admin:
        answer = admin.create_topics(
            {
                name: {
                    "num_partitions": partitions(topic, settings),
                    "replication_factor": settings.replication,
                    "configs": configs(topic, settings),
                }
                for name, topic in wanted.items()
            },
            raise_errors=False,
        )
        errors = {topic["name"]: (topic["error_code"], topic.get("error_message")) for topic in answer["topics"]}
        created = [name for name in wanted if errors[name][0] == 0]
        for name, (code, message) in errors.items():
            if code not in (0, TopicAlreadyExistsError.errno):
                raise BrokerError(
                    f"Topic {name} could not be created: {message or for_code(code).__name__}. Correct the settings "
                    f"partitions = {settings.partitions} and replication = {settings.replication}, or ask for the "
                    "right to create topics (cuepoint topics plan shows what is missing)."
                )
        admin.wait_for_topics(list(wanted), timeout_ms=int(REQUEST_TIMEOUT_S * 1000))
    return created


def check_topics(settings: Settings, names: Iterable[str] | None = None) -> None:
    """Raise BrokerError when one of these topics (names without prefix) is missing or has other partitions.

    Partition counts decide which customer is where, so no worker may start on wrong ones.
    """
    chosen = _chosen(names)
    counts = partition_counts(settings, [topic.name for topic in chosen])
    wrong = [
        found for topic in chosen for found in _compare_shape(topic, counts.get(settings.topic(topic.name)), settings)
    ]
    if not wrong:
        return
    text = "; ".join(str(found) for found in wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    way_out = (
        "Create what is missing with: cuepoint topics apply."
        if all(found.kind == "missing" for found in wrong)
        else f"Set CUEPOINT_PARTITIONS to what the broker has, or use another topic prefix (not {settings.topic_prefix}"
        "): partitions cannot change once customers are placed."
    )
    raise BrokerError(f"On {settings.bootstrap_servers} {text}. {way_out}")


def differences(settings: Settings, names: Iterable[str] | None = None) -> list[Difference]:
    """What differs between catalogue and broker, in the order of the catalogue. Raises BrokerError."""
    states = describe(settings, names)
    return [
        found for topic in _chosen(names) for found in _compare(topic, states.get(settings.topic(topic.name)), settings)
    ]


def describe(settings: Settings, names: Iterable[str] | None = None) -> dict[str, TopicState]:
    """The catalogue's topics that exist on the broker, by full name. Raises BrokerError."""
    wanted = {settings.topic(topic.name): configs(topic, settings) for topic in _chosen(names)}
    with administering(settings) as admin:
        found = {topic["name"]: topic for topic in admin.describe_topics(list(wanted)) if topic["error_code"] == 0}
        all_configs = _describe_configs(admin, list(found)) if found else {}
    return {
        name: TopicState(
            partitions=len(found[name]["partitions"]),
            replication=len(found[name]["partitions"][0]["replica_nodes"]),
            configs={field: value for field, value in all_configs[name].items() if field in wanted[name]},
        )
        for name in wanted
        if name in found
    }


def delete_topics(settings: Settings, *, prefix: str, only: Iterable[str] | None = None) -> list[str]:
    """Delete the catalogue's topics (``only``: these names) with all their records. Returns the full names deleted.

    ``prefix`` has to repeat the setting: no default may decide what is deleted. Raises BrokerError.
    """
    if prefix != settings.topic_prefix:
        raise BrokerError(
            f"Topics were not deleted: prefix {prefix!r} was named, the setting topic_prefix is "
            f"{settings.topic_prefix!r}; name the same one."
        )
    present = list(describe(settings, CATALOGUE if only is None else only))
    if not present:
        return []
    with administering(settings) as admin:
        answer = admin.delete_topics(present, raise_errors=False)
        for topic in answer["topics"]:
            if topic["error_code"] not in (0, UnknownTopicOrPartitionError.errno):
                raise BrokerError(
                    f"Topic {topic['name']} could not be deleted: {for_code(topic['error_code']).__name__}; ask for "
                    "the right to delete topics, or use another topic prefix."
                )
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while set(present) & set(admin.list_topics()) and time.monotonic() < deadline:
            time.sleep(0.05)
    return present


def partition_counts(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """Full name -> partitions, of those that exist. It asks for no settings of topics, which not every user may read.

    Raises BrokerError.
    """
    with administering(settings) as admin:
        described = admin.describe_topics([settings.topic(name) for name in names])
    return {topic["name"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


def partitions(topic: Topic, settings: Settings) -> int:
    """How many partitions this topic has under these settings."""
    return settings.partitions if topic.partitioned else 1


def configs(topic: Topic, settings: Settings) -> dict[str, str]:
    """The topic's settings by their Kafka name. A compacted topic keeps the last record of a key for ever, so its
    retention is not set; but what was replaced or deleted has to go in time."""
    if topic.cleanup == "delete":
        retention = {"retention.ms": str(topic.retention_ms), "segment.ms": str(SEGMENT_MS)}
    else:
        within = str(COMPACTED_WITHIN_MS)
        retention = {"max.compaction.lag.ms": within, "delete.retention.ms": within}
    return {
        "cleanup.policy": topic.cleanup,
        **retention,
        "max.message.bytes": str(topic.record_bytes_max),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(settings.insync_replicas),
    }


def _chosen(names: Iterable[str] | None) -> list[Topic]:
    if names is None:
        return list(TOPICS.values())
    chosen = []
    for name in names:
        if name not in CATALOGUE:
            raise BrokerError(f"{name} is no topic of the catalogue; it has: {', '.join(CATALOGUE)}.")
        chosen.append(CATALOGUE[name])
    return chosen


def _compare(topic: Topic, state: TopicState | None, settings: Settings) -> Iterator[Difference]:
    name = settings.topic(topic.name)
    yield from _compare_shape(topic, None if state is None else state.partitions, settings)
    if state is None:
        return
    if state.replication != settings.replication:
        yield Difference(name, "replication", "replication", str(state.replication), str(settings.replication))
    for field, expected in configs(topic, settings).items():
        if state.configs.get(field) != expected:
            yield Difference(name, "config", field, state.configs.get(field, "none"), expected)


def _compare_shape(topic: Topic, found: int | None, settings: Settings) -> Iterator[Difference]:
    name, wanted = settings.topic(topic.name), partitions(topic, settings)
    if found is None:
        yield Difference(name, "missing", "topic", "none", f"{wanted} partitions")
    elif found != wanted:
        yield Difference(name, "partitions", "partitions", str(found), str(wanted))


@contextmanager
def administering(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client whose failures are BrokerErrors; BrokerUnavailableErrors where another try may succeed."""
    with connect(settings) as admin:
        try:
            yield admin
        except KafkaError as error:
            kind = BrokerUnavailableError if error.retriable else BrokerError
            raise kind(
                f"The broker at {settings.bootstrap_servers} refused or did not finish a request about topics "
                f"({reason(error)}); see its log, then try again."
            ) from error


def _describe_configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    wanted = list(dict.fromkeys(name for topic in TOPICS.values() for name in configs(topic, Settings())))
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    found = admin.describe_configs(resources, config_filter="all").get("topic", {})
    return {name: {key: entry["value"] for key, entry in found.get(name, {}).items()} for name in names}
