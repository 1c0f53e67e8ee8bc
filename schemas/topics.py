"""The topic catalogue: one declaration per topic, the single source for every tool that needs topics.

A topic's full name on the broker is ``<prefix>.<name>``; the prefix is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cleanup = Literal["delete", "compact"]

MARK_KEY = b"\x00mark"
"""Key of an in-band completeness mark. Never null: compacted topics refuse null keys."""

DAY_MS = 86_400_000
RETENTION_MS_DEFAULT = 35 * DAY_MS
"""How long event and trigger topics keep records; longer history lives in DuckDB and Parquet."""
SEGMENT_MS = DAY_MS
"""How long a segment of such a topic is written (``segment.ms``): retention takes only segments that are not."""
COMPACTED_WITHIN_MS = DAY_MS
"""After how long a replaced or deleted record of a compacted topic is cleaned at the latest
(``max.compaction.lag.ms``); the key of a deletion itself stays for as long again (``delete.retention.ms``)."""
RECORD_BYTES_MAX_INPUT = 1_048_576
"""Largest value the contract of an input allows. The broker takes more, so that intake can quarantine it."""
RECORD_BYTES_MAX_INTERNAL = 4_194_304
"""Largest record of topics that Cuepoint writes: a customer's state, or an input record with its envelope."""


@dataclass(frozen=True)
class Topic:
    """One topic of the catalogue.

    ``key`` says in words what the record key is; ``schema`` names the model in ``schemas`` that a value follows.
    """

    name: str
    key: str
    schema: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Cleanup = "delete"
    retention_ms: int = RETENTION_MS_DEFAULT
    record_bytes_max: int = RECORD_BYTES_MAX_INTERNAL
    compatibility: str = "backward"
    partitioned: bool = True
    """True: as many partitions as the setting ``partitions``; False: one."""


def _source(name: str, key: str, schema: str, owner: str, cleanup: Cleanup = "delete") -> Topic:
    return Topic(name, key, schema, owner, (owner,), ("intake",), cleanup)


INPUTS: tuple[Topic, ...] = (
    _source("orders", "any identifier of the customer, or the order id", "OrderEvent", "shop"),
    _source("returns", "any identifier of the customer, or the order id", "ReturnEvent", "shop"),
    _source("web-sessions", "anonymous id", "WebEvent", "shop"),
    _source("pos-transactions", "store id", "PosTransaction", "stores"),
    _source("customers", "customer id", "CustomerEvent", "crm"),
    Topic(
        "channel-feedback",
        "customer id",
        "FeedbackEvent",
        "channel services",
        ("channel services",),
        ("intake", "sink"),
    ),
    _source("catalog", "brand:product id", "CatalogItem", "merchandising", "compact"),
    _source("campaigns", "brand:campaign id", "CampaignRecord", "marketing", "compact"),
    _source("control", "record kind", "ControlRecord", "platform engineers", "compact"),
)

SINK_INPUTS: tuple[Topic, ...] = (
    Topic(
        "forecasts",
        "brand:month:market:channel:category:currency",
        "Forecast",
        "sales planning",
        ("sales planning",),
        ("sink",),
        "compact",
        partitioned=False,
    ),
)
"""Inputs that decide nothing: the sink reads them."""

ALL_INPUTS: tuple[Topic, ...] = (*INPUTS, *SINK_INPUTS)
"""All that other systems write."""

CHANNELS: tuple[str, ...] = ("email", "push", "sms", "onsite", "telesales", "print", "ads")


def _changelog(stage: str) -> Topic:
    """The state of a stage; tools look into it, and a restore fills it when it is empty."""
    readers = (stage, "tools", "backup")
    return Topic(f"{stage}-changelog", "state key", "(internal)", "cuepoint", (stage, "backup"), readers, "compact")


INTERNAL: tuple[Topic, ...] = (
    Topic("identity-events", "identifier", "Envelope", "cuepoint", ("intake",), ("identity",)),
    Topic(
        "customer-events",
        "customer id",
        "Envelope",
        "cuepoint",
        ("intake", "identity", "decide", "capacity"),
        ("decide", "sink", "shadow", "tools"),
    ),
    Topic("capacity-candidates", "list", "Envelope", "cuepoint", ("decide",), ("capacity",)),
    _changelog("intake"),
    _changelog("identity"),
    _changelog("decide"),
    _changelog("capacity"),
    Topic(
        "erasures",
        "keyed hash of an erased name",
        "ErasureRecord",
        "cuepoint",
        ("identity",),
        ("tools",),
        "compact",
    ),
    Topic("identity-audit", "customer id", "IdentityAudit", "cuepoint", ("identity",), ("sink",)),
    Topic(
        "campaign-history",
        "brand:campaign id:time of publication:version",
        "(internal)",
        "marketing",
        ("tools",),
        ("tools",),
        "compact",
        partitioned=False,
    ),
    Topic(
        "switch",
        "stage",
        "(internal)",
        "platform engineers",
        ("tools",),
        ("decide", "tools"),
        "compact",
        partitioned=False,
    ),
    Topic(
        "progress",
        "stage-partition",
        "Progress",
        "cuepoint",
        ("intake", "identity", "decide", "capacity"),
        ("sink", "replay", "tools"),
        "compact",
    ),
)

OUTPUTS: tuple[Topic, ...] = (
    Topic("decisions", "customer id", "Decision", "cuepoint", ("decide",), ("sink", "tools")),
    *(
        Topic(f"triggers.{channel}", "customer id", "Trigger", "cuepoint", ("decide",), (f"{channel} service",))
        for channel in CHANNELS
    ),
    Topic("customer-profile", "brand:customer id", "PublicProfile", "cuepoint", ("decide",), ("shop",), "compact"),
    Topic(
        "channel-dead-letters",
        "customer id",
        "(original bytes)",
        "channel services",
        ("channel services",),
        ("tools",),
    ),
    Topic(
        "quarantine", "source topic-partition-offset", "(original bytes)", "cuepoint", ("intake",), ("sink", "tools")
    ),
)

SHADOW: tuple[Topic, ...] = (
    Topic(
        "shadow-changelog", "state key", "(internal)", "cuepoint", ("shadow", "tools"), ("shadow", "tools"), "compact"
    ),
    Topic("shadow-decisions", "customer id", "Decision", "cuepoint", ("shadow",), ("tools",)),
    Topic("shadow-progress", "stage-partition", "Progress", "cuepoint", ("shadow",), ("tools",), "compact"),
)
"""What a shadow writes, and nothing else is written by it. ``cuepoint shadow``, which needs them, makes them;
``cuepoint shadow forget`` deletes them."""

TOPICS: dict[str, Topic] = {topic.name: topic for topic in (*ALL_INPUTS, *INTERNAL, *OUTPUTS)}
"""The topics of every pipeline."""
CATALOGUE: dict[str, Topic] = TOPICS | {topic.name: topic for topic in SHADOW}
"""With those that only some have."""


@dataclass(frozen=True)
class Stage:
    """A stage's topics. All ``inputs`` have equal partition counts and are assigned together."""

    name: str
    inputs: tuple[str, ...]
    changelog: str


STAGES: dict[str, Stage] = {
    "intake": Stage("intake", tuple(topic.name for topic in INPUTS), "intake-changelog"),
    "identity": Stage("identity", ("identity-events",), "identity-changelog"),
    "decide": Stage("decide", ("customer-events",), "decide-changelog"),
    "capacity": Stage("capacity", ("capacity-candidates",), "capacity-changelog"),
}
"""The stages of every pipeline."""
SHADOW_STAGE = Stage("shadow", ("customer-events",), "shadow-changelog")
"""Decides beside ``decide``, under campaigns of its own."""


def full_name(prefix: str, name: str) -> str:
    """The topic's name on the broker."""
    return f"{prefix}.{name}"
