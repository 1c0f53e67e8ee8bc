"""The stages' metrics: what they decided, refused and know. The runtime's are in ``streams.runtime.metrics``.

The pure core counts nothing; the stage tasks report here when a transaction's effects are collected. A counter may run
ahead of the log by one transaction that was aborted; the exact counts are on the topic ``progress``.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

EVENTS = Counter(
    "cuepoint_events",
    "Events by fate: received, ignored, quarantined (intake); accepted, duplicate, late, guest (decide).",
    ("source", "fate"),
)
QUARANTINED = Counter("cuepoint_quarantined", "Records sent to quarantine.", ("source", "reason"))
UNKNOWN_FIELDS = Counter("cuepoint_unknown_fields", "Fields outside the contract, accepted.", ("source", "field"))
DECISIONS = Counter("cuepoint_decisions", "Decision records.", ("campaign", "outcome", "reason"))
COMPLETE_UNTIL = Gauge(
    "cuepoint_complete_until_timestamp_seconds",
    "Watermark: the source is complete until then, as this task knows; its age is time() less it.",
    ("stage", "partition", "source"),
)
CUSTOMERS = Gauge("cuepoint_customers", "Customers in the state of decide.", ("partition",))
STATE_LOOKUPS = Counter(
    "cuepoint_state_lookups",
    "Customers of a transaction: their decoded state was in memory (hit), or it was decoded or is new (miss).",
    ("partition", "result"),
)
TIMERS = Gauge("cuepoint_timers", "Customers with a timer whose next wake is in memory.", ("partition",))
UPSTREAM_MISSING = Gauge(
    "cuepoint_upstream_tasks_missing",
    "Upstream tasks that have never reported: the clock stands.",
    ("stage", "partition"),
)
WAITING = Gauge("cuepoint_waiting_events", "Events in the reorder buffer.", ("stage", "partition"))


NOT_YET = -(1 << 61)
"""Watermarks below it say that nothing is complete."""


def report_watermarks(stage: str, partition: int, until: Mapping[str, int]) -> None:
    """Set the watermark gauges of a task (milliseconds since the epoch by source)."""
    for source, moment in until.items():
        if moment > NOT_YET:
            COMPLETE_UNTIL.labels(stage, partition, source).set(moment / 1000)
