"""Short ways to write decisions and facts, for the tests of the comparison."""

from __future__ import annotations

from typing import Any

from schemas.base import rfc3339
from streams.what_if.decided import Decided, decided
from streams.what_if.facts import Facts
from tests.oracle.builders import t

MONDAY = t("2026-03-02")
HOUR, DAY = 3_600_000, 86_400_000
WEEK = 7 * DAY


def record(name: str, at: int, outcome: str = "sent", reason: str = "due", **fields: Any) -> dict[str, Any]:
    """A record of a decision, as on the topic; of customer ``c1``, campaign ``cart``, market GB, on e-mail."""
    known = {
        "decision_id": name,
        "outcome": outcome,
        "reason": reason,
        "brand": "acme",
        "customer_id": "c1",
        "campaign": "cart",
        "episode": name,
        "step": 1,
        "market": "GB",
        "channel": "email",
        "decided_at": rfc3339(at),
        "items": [],
        "content_key": "k",
    }
    return known | fields


def runs(*records: dict[str, Any]) -> dict[str, Decided]:
    """What these records say in the end."""
    return decided(records)


def nobody() -> Facts:
    """Facts of nobody: no segments, no purchases."""
    return Facts()
