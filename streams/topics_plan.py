"""What ``cuepoint topics apply`` would do: which differences are safe to change, and which need a person, and why.

Safe is what loses no record, stops no writer and moves no customer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kafka.admin import ConfigResource, ConfigResourceType

from streams.errors import BrokerError
from streams.settings import Settings
from streams.topics_admin import Difference, administering, differences

CHANGE_TIMEOUT_S = 30.0
CHANGE_WAIT_S = 0.2
_MAY_GROW = {
    "retention.ms": "less would delete records at once",
    "max.message.bytes": "less would refuse records that are allowed now",
    "delete.retention.ms": "less would hide deletions from a reader that is behind",
}
_FREE = ("segment.ms", "max.compaction.lag.ms")
_NEVER = {
    "partitions": "customers would move; use another topic prefix",
    "replication": "the broker's own tools move replicas (kafka-reassign-partitions, or Strimzi's Cruise Control)",
    "cleanup.policy": "records would be deleted, or kept for ever",
    "message.timestamp.type": "times of records would change their meaning",
    "min.insync.replicas": "more may stop writers, fewer may lose records; change it when all replicas are in sync",
}


@dataclass(frozen=True)
class Step:
    """One line of a plan. ``why`` says why something is left to a person."""

    action: Literal["create", "change", "leave"]
    difference: Difference
    why: str = ""

    def __str__(self) -> str:
        found = self.difference
        if self.action == "create":
            return f"create  {found.topic} with {found.expected}"
        text = f"{found.topic} {found.field} {found.found} to {found.expected}"
        return f"change  {text}" if self.action == "change" else f"leave   {text}: {self.why}"


def plan(settings: Settings, names: Iterable[str] | None = None) -> list[Step]:
    """Every difference between catalogue and broker with what is to be done about it. Raises BrokerError."""
    return [_judged(difference) for difference in differences(settings, names)]


def change(settings: Settings, steps: Iterable[Step]) -> None:
    """Carry the changes of a plan out; what is to be created or left is not touched. Raises BrokerError."""
    wanted: dict[str, dict[str, str]] = {}
    for step in steps:
        if step.action == "change":
            wanted.setdefault(step.difference.topic, {})[step.difference.field] = step.difference.expected
    if not wanted:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs) for name, configs in wanted.items()]
    with administering(settings) as admin:
        answer: dict[str, Any] = admin.alter_configs(resources).get("topic", {})
    refused = {name: result for name, result in answer.items() if result not in (None, "OK")}
    if refused:
        name, result = next(iter(refused.items()))
        raise BrokerError(
            f"The broker did not change topic {name} ({result}); ask for the right to alter its settings."
        )
    _wait_until_changed(settings, wanted)


def _wait_until_changed(settings: Settings, wanted: dict[str, dict[str, str]]) -> None:
    deadline = time.monotonic() + CHANGE_TIMEOUT_S
    while left := [found for found in differences(settings) if found.field in wanted.get(found.topic, {})]:
        if time.monotonic() > deadline:
            raise BrokerError(f"The broker took a change and does not show it: {left[0]}; look into its log.")
        time.sleep(CHANGE_WAIT_S)


def _judged(found: Difference) -> Step:
    if found.kind == "missing":
        return Step("create", found)
    if found.field in _FREE or (found.field in _MAY_GROW and _grows(found)):
        return Step("change", found)
    return Step(
        "leave", found, _NEVER.get(found.field) or _MAY_GROW.get(found.field, "nobody has said that it is safe")
    )


def _grows(found: Difference) -> bool:
    """-1 is without end."""
    before, after = (float("inf") if value == "-1" else float(value) for value in (found.found, found.expected))
    return after > before
