"""What every engine computes: the input, the work per event, and the right answer.

Imported in two environments (Cuepoint's own and that of the other engines), so it needs nothing but msgspec.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

PARTITIONS = 4
SEED = 7
START_MS = 1_700_000_000_000
STEP_MS = 10
WEIGHTS = {"page_viewed": 60, "cart_updated": 20, "order_placed": 10, "pos_sale": 7, "return_received": 3}


class Item(msgspec.Struct):
    """One line of an event; the price is in minor units."""

    sku: str
    quantity: int
    unit_price: int


class Event(msgspec.Struct):
    """What the fold reads of an event."""

    event_id: str
    type: str
    customer_id: str
    occurred_at: int
    items: list[Item]


class State(msgspec.Struct):
    """A customer's state: page views, orders, their value in minor units, time of the last event, skus in the cart."""

    views: int = 0
    orders: int = 0
    value: int = 0
    last: int = 0
    cart: list[str] = []


decode_event: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode
decode_state: Callable[[bytes], State] = msgspec.json.Decoder(State).decode
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def fold(state: State, event: Event) -> bytes | None:
    """Change ``state`` by one event; the decision to publish, when there is one. For engines that hand over bytes."""
    decision = None
    kind = event.type
    if kind == "page_viewed":
        state.views += 1
    elif kind == "cart_updated":
        state.cart = [item.sku for item in event.items]
    else:
        state.orders += 1
        state.cart = []
        for item in event.items:
            state.value += item.quantity * item.unit_price
        if kind == "order_placed":
            decision = encode({"decision": event.event_id, "c": event.customer_id})
    if event.occurred_at > state.last:
        state.last = event.occurred_at
    return decision


def fresh() -> dict[str, Any]:
    """A customer's state before his first event, as JSON."""
    return {"views": 0, "orders": 0, "value": 0, "last": 0, "cart": []}


def fold_json(customer: dict[str, Any], event: dict[str, Any]) -> dict[str, str] | None:
    """``fold`` on decoded JSON, for engines with codecs of their own (Quix Streams, Faust)."""
    decision = None
    kind = event["type"]
    if kind == "page_viewed":
        customer["views"] += 1
    elif kind == "cart_updated":
        customer["cart"] = [item["sku"] for item in event["items"]]
    else:
        customer["orders"] += 1
        customer["cart"] = []
        for item in event["items"]:
            customer["value"] += item["quantity"] * item["unit_price"]
        if kind == "order_placed":
            decision = {"decision": event["event_id"], "c": event["customer_id"]}
    if event["occurred_at"] > customer["last"]:
        customer["last"] = event["occurred_at"]
    return decision


class Sent(NamedTuple):
    """One input record, and the event that it carries."""

    partition: int
    key: bytes
    value: bytes
    event: dict[str, Any]


def events(count: int, customers: int, seed: int = SEED) -> Iterator[Sent]:
    """The input, the same for the same arguments: customers uniform, JSON of about 330 bytes."""
    chance = random.Random(seed).random
    kinds = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
    for number in range(count):
        customer = int(chance() * customers)
        items = [
            {
                "sku": f"northwind-{int(chance() * 5_000):06d}-blue-42",
                "quantity": 1 + int(chance() * 3),
                "unit_price": 199 + int(chance() * 19_800),
            }
            for _ in range(1 + int(chance() * 3))
        ]
        event = {
            "event_id": f"e{number:012d}",
            "type": kinds[int(chance() * len(kinds))],
            "customer_id": f"c{customer:07d}",
            "occurred_at": START_MS + number * STEP_MS,
            "brand": "northwind",
            "channel": "web",
            "currency": "EUR",
            "items": items,
        }
        yield Sent(customer % PARTITIONS, f"c{customer:07d}".encode(), json.dumps(event).encode(), event)


@dataclass(slots=True)
class Answer:
    """The right answer, computed plainly and apart from the folds, so that a fault of theirs cannot hide itself."""

    decisions: set[str] = field(default_factory=set)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, event: dict[str, Any]) -> None:
        """Take one event of the input into account."""
        state = self.states.setdefault(event["customer_id"], fresh())
        match event["type"]:
            case "page_viewed":
                state["views"] += 1
            case "cart_updated":
                state["cart"] = [item["sku"] for item in event["items"]]
            case kind:
                state["orders"] += 1
                state["cart"] = []
                state["value"] += sum(item["quantity"] * item["unit_price"] for item in event["items"])
                if kind == "order_placed":
                    self.decisions.add(event["event_id"])
        state["last"] = max(state["last"], event["occurred_at"])
