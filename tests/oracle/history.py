"""Section "Time and order" and "De-duplication": from the lines of a replay directory to ordered events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.base import to_ms
from schemas.envelope import KIND_RANK

DAY_MS = 86_400_000
PROFILE_TYPES = ("customer.registered", "customer.updated")
RETURN_TYPES = ("return.requested", "return.received", "return.rejected", "refund.issued")
ORDER_TYPES = ("order.placed", "order.changed", "order.cancelled", "order.shipped", "order.delivered")


def parse_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 text."""
    return to_ms(datetime.fromisoformat(text))


@dataclass(frozen=True)
class Event:
    """One accepted record with its fact time ``at`` and the time ``eff`` from which it counts (milliseconds)."""

    at: int
    eff: int
    source: str
    record: Mapping[str, Any] = field(hash=False)

    @property
    def type(self) -> str:
        return str(self.record["type"])

    @property
    def id(self) -> str:
        return str(self.record["event_id"])

    @property
    def brand(self) -> str:
        return str(self.record["brand"])

    @property
    def order(self) -> tuple[int, int, str]:
        """Events apply in the order (eff, rank of the kind, event id)."""
        return (self.eff, KIND_RANK[self.type], self.id)

    @property
    def natural_id(self) -> tuple[str, ...]:
        """Two events of one customer and brand with the same natural id are one event."""
        if self.type == "order.placed":
            return (self.brand, self.type, self.record["order_id"])
        if self.type in ORDER_TYPES:
            return (self.brand, self.type, self.record["order_id"], self.id)
        if self.type == "pos.receipt":
            return (self.brand, self.type, receipt_id(self.record))
        if self.type in RETURN_TYPES:
            return (self.brand, self.type, self.record["return_id"])
        return (self.brand, "event", self.id)


@dataclass(frozen=True)
class Absorbed:
    """In a customer's history: from ``now`` on another customer's history belongs to it."""

    now: int
    history: tuple[Event | Absorbed, ...]


def receipt_id(record: Mapping[str, Any]) -> str:
    """The natural key of a till receipt as one text."""
    parts = (record["store_id"], record["workstation_id"], record["business_date"], record["sequence_number"])
    return "/".join(str(part) for part in parts)


def stamped(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    lateness_ms: Mapping[str, int],
    known_brands: Collection[str] = (),
) -> list[Event]:
    """All accepted events in the order in which they apply.

    Per source: records come in the order of their arrival, the source is complete until the highest arrival so far less
    its lateness, and an event counts from then at the earliest. Too far in the future is quarantined,
    and what is of none of the ``known_brands`` (none given: all are known); voided and training receipts are ignored.
    """
    events: list[Event] = []
    for source, records in history.items():
        highest: int | None = None
        for arrival, record in sorted(((arrival_ms(r), r) for r in records), key=lambda pair: pair[0]):
            highest = arrival if highest is None else max(highest, arrival)
            at = parse_ms(record["occurred_at"])
            if at > arrival + DAY_MS or (known_brands and record["brand"] not in known_brands):
                continue
            if record.get("status") in ("voided", "training") and record["type"] == "pos.receipt":
                continue
            complete_until = highest - lateness_ms[source]
            events.append(Event(at, max(at, complete_until), source, record))
    return sorted(events, key=lambda event: event.order)


def arrival_ms(record: Mapping[str, Any]) -> int:
    """When a record arrived: ``arrived_at``, or when it happened."""
    return parse_ms(record.get("arrived_at") or record["occurred_at"])


def without_duplicates(events: Iterable[Event]) -> list[Event]:
    """One customer's events in order, of those with one natural id only the first."""
    first: dict[tuple[str, ...], Event] = {}
    for event in sorted(events, key=lambda event: event.order):
        first.setdefault(event.natural_id, event)
    return list(first.values())
