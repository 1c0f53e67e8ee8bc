"""A decision as its records leave it: one row for one decision id, however many records told its life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from schemas.base import to_ms

CORRECTIONS = frozenset({"cancelled", "regretted"})
MESSAGES = frozenset({"sent", "regretted"})
"""Last outcomes of a decision with which the customer got, or gets, the message."""


class Decided(NamedTuple):
    """What was decided in the end. ``at``: logical time of the decision, milliseconds; no correction moves it."""

    id: str
    brand: str
    customer: str
    campaign: str
    episode: str
    step: int
    market: str | None
    at: int
    channel: str | None
    outcome: str
    reason: str
    content: tuple[Any, ...]
    """Content key, language, items, offer (without its end, which follows from ``at``) and arm."""

    @property
    def is_message(self) -> bool:
        """Whether the customer got, or gets, the message."""
        return self.outcome in MESSAGES


def decided(records: Iterable[Mapping[str, Any]]) -> dict[str, Decided]:
    """Decision id -> what its records (topic ``decisions``, any order between ids) say in the end.

    A held decision counts as what became of it; a correction changes outcome and reason. A correction whose decision is
    not among the records is left out: it was decided before the records begin.
    """
    found: dict[str, Decided] = {}
    corrected: dict[str, tuple[str, str]] = {}
    for record in records:
        name = record["decision_id"]
        if record["outcome"] in CORRECTIONS:
            corrected[name] = (record["outcome"], record["reason"])
            continue
        known, row = found.get(name), _row(record)
        if known is None or row.at >= known.at:
            found[name] = row
    for name, (outcome, reason) in corrected.items():
        if name in found:
            found[name] = found[name]._replace(outcome=outcome, reason=reason)
    return found


def _row(record: Mapping[str, Any]) -> Decided:
    offer = record.get("offer")
    items = tuple((item["product_id"], item["quantity"]) for item in record.get("items", ()))
    return Decided(
        record["decision_id"],
        record["brand"],
        record["customer_id"],
        record["campaign"],
        record["episode"],
        record["step"],
        record.get("market"),
        to_ms(datetime.fromisoformat(record["decided_at"])),
        record.get("channel"),
        record["outcome"],
        record["reason"],
        (
            record.get("content_key"),
            record.get("language"),
            items,
            None if offer is None else tuple(offer.get(name) for name in ("kind", "value", "code", "pool")),
            record.get("arm"),
        ),
    )
