"""CloudEvents 1.0 headers of triggers, binary mode of its Kafka binding: attributes are headers named ``ce_…``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DATA_SCHEMA = "urn:cuepoint:schema:trigger:1"
"""The JSON Schema of the value, with the version of the contract."""
CONTENT_TYPE = "application/json"


def trigger_type(action: str) -> str:
    """``cuepoint.trigger.send.v1`` or ``cuepoint.trigger.cancel.v1``."""
    return f"cuepoint.trigger.{action}.v1"


def trigger_headers(prefix: str, trigger: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """The headers of a trigger, given with the fields of ``schemas.decisions.Trigger``.

    ``ce_id`` is derived (decision id and action), so a trigger that is written twice has the same id; with
    ``ce_source``, which names the pipeline by its topic ``prefix``, it is unique. ``ce_time`` is the logical time of
    the decision's record (``valid_from``).
    """
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{trigger['decision_id']}-{trigger['action']}",
        "ce_source": f"/cuepoint/{prefix}/decide",
        "ce_type": trigger_type(trigger["action"]),
        "ce_time": trigger["valid_from"],
        "ce_subject": trigger["customer_id"],
        "ce_dataschema": DATA_SCHEMA,
        "content-type": CONTENT_TYPE,
    }
    return tuple((name, value.encode()) for name, value in attributes.items())
