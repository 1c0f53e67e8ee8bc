"""Records as the pipeline writes them, for tests that need no broker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.base import rfc3339
from schemas.decisions import Decision
from schemas.envelope import Envelope
from sinks.protocol import Batch, SinkRecord
from streams.wire import encode_envelope

DAY = 86_400_000
T0 = 1_296_691_200_000
"""3 February 2011, midnight UTC."""


class FakeRecord(NamedTuple):
    """What the Kafka client gives."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def event(id: str, type: str, customer: str, data: dict[str, Any], at: int = T0, **fields: Any) -> Envelope:
    defaults = {"source": "orders", "eff": at, "brand": "shop", "market": "GB", "currency": "GBP"}
    return Envelope(**{"id": id, "type": type, "customer": customer, "at": at, "data": data, **defaults, **fields})


def line(product: str, qty: int, price: int, line: str = "1", **fields: Any) -> dict[str, Any]:
    return {"line": line, "product": product, "qty": qty, "price": price, "discount": 0, "tax": 0, **fields}


def order(
    id: str, customer: str, *lines: dict[str, Any], at: int = T0, channel: str = "web", event_id: str = ""
) -> Envelope:
    data = {"order": id, "channel": channel, "lines": list(lines)}
    return event(event_id or f"e-{id}", "order.placed", customer, data, at, nid=f"order.placed/{id}")


def receipt(id: str, customer: str, *lines: dict[str, Any], at: int = T0) -> Envelope:
    data = {"receipt": id, "store": "s1", "lines": list(lines)}
    return event(f"r-{id}", "pos.receipt", customer, data, at, nid=f"receipt/{id}", source="pos-transactions")


def goods_back(
    id: str,
    customer: str,
    *lines: dict[str, Any],
    at: int = T0,
    kind: str = "return.received",
    order: str | None = None,
) -> Envelope:
    data = {"return": id, "order": order, "lines": list(lines)}
    return event(f"{kind}-{id}", kind, customer, data, at, nid=f"{kind}/{id}", source="returns")


def decision_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def decision(name: str, outcome: str = "sent", reason: str = "due", at: int = T0, **fields: Any) -> bytes:
    values = {
        "decision_id": decision_id(name),
        "outcome": outcome,
        "reason": reason,
        "brand": "shop",
        "customer_id": "c1",
        "campaign": "cart",
        "campaign_version": "v1",
        "occasion": "cart_abandoned",
        "episode": name,
        "step": 1,
        "channel": "email",
        "market": "GB",
        "due_at": rfc3339(at),
        "decided_at": rfc3339(at),
        "valid_until": rfc3339(at + 2 * DAY),
        "handed_over": outcome in ("sent", "cancelled"),
        "gates": [{"gate": "episode", "passed": True, "value": "1 line open"}],
        **fields,
    }
    return Decision.model_validate(values).model_dump_json().encode()


def progress(stage: str, partition: int, counts: dict[str, dict[str, int]], clock: int | None = T0) -> bytes:
    return json.dumps({"stage": stage, "partition": partition, "clock": clock, "counts": counts}).encode()


def feedback(id: str, status: str = "delivered", **fields: Any) -> bytes:
    return json.dumps(
        {
            "event_id": id,
            "type": "feedback",
            "occurred_at": rfc3339(T0),
            "brand": "shop",
            "market": "GB",
            "channel": "email",
            "customer_id": "c1",
            "status": status,
            **fields,
        }
    ).encode()


def records(
    *values: bytes | Envelope | None, partition: int = 0, first: int = 0, key: bytes = b"k"
) -> list[SinkRecord]:
    encoded = [encode_envelope(value) if isinstance(value, Envelope) else value for value in values]
    return [FakeRecord(partition, first + index, T0, key, value) for index, value in enumerate(encoded)]


def batch(**topics: list[SinkRecord]) -> Batch:
    """``batch(customer_events=records(…))``; positions follow the last record of each partition."""
    made = Batch()
    for keyword, found in topics.items():
        topic = keyword.replace("_", "-")
        made.records[topic] = found
        made.count += len(found)
        for record in found:
            made.positions[topic, record.partition] = record.offset + 1
    return made
