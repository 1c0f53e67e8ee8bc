"""Payloads of any shape: each is mapped to what intake takes, left out, or refused with a reason."""

from __future__ import annotations

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from schemas.quarantine import QUARANTINE_REASONS
from streams.ingest.common import Delivery, Mapped, Refused, Vendor
from streams.ingest.memory import SqliteMemory
from streams.ingest.outlet import Refusal
from streams.ingest.segment import Segment
from streams.ingest.shopify import Shopify
from streams.ingest.square import Square
from streams.ingest.worker import Worker
from tests.ingest import segment_payloads as segment
from tests.ingest import shopify_payloads as shopify
from tests.ingest import test_square as square
from tests.ingest.kit import NOW, admitted, frames

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    "",
    "x",
    "a" * 3_000,
    "a b|c#d:e",
    "\ud83d\ude00",
    [],
    {},
    [1],
    [{}],
)
ROUNDS = 60
KINDS: dict[str, list[tuple[str, Any]]] = {
    "shopify": [
        ("orders/create", shopify.order()),
        ("orders/updated", shopify.order(refunds=[shopify.refund(7, (11, "MUG 1", 1, 8.0))])),
        (
            "orders/fulfilled",
            shopify.order(fulfillments=[shopify.fulfillment(5, (11, 2), shipment_status="delivered")]),
        ),
        ("orders/create", shopify.order(source_name="pos", location_id=3)),
        ("refunds/create", shopify.refund(7, (11, "MUG 1", 1, 8.0))),
        ("checkouts/update", shopify.checkout()),
        ("customers/create", shopify.customer()),
        ("products/update", shopify.product()),
    ],
    "segment": [
        ("track", segment.track("Product Added", 1, {"cart_id": "c", **segment.product("a", 1.5)})),
        ("track", segment.track("Cart Viewed", 2, {"products": [segment.product("a", 1.5)]})),
        ("track", segment.track("Order Completed", 3, segment.order([segment.product("a", 1.5)]))),
        ("track", segment.track("Order Refunded", 4, segment.order([segment.product("a", 1.5)]))),
        ("identify", segment.message("identify", 5, userId="u", traits={"email": "a@example.com", "birthday": "x"})),
        ("page", segment.message("page", 6, properties={"path": "/"})),
    ],
    "square": [
        ("order", square.sale()),
        ("order", square.returned()),
        ("order", square.sale(state="OPEN", fulfillments=[{"uid": "f", "type": "PICKUP", "state": "COMPLETED"}])),
        ("customer", square.customer()),
        ("catalog_object", square.item()),
        ("customer.updated", square.event("customer.updated", {"customer": square.customer()})),
        ("refund.updated", square.refund("sale-1", 3349)),
    ],
}
VENDORS: dict[str, Vendor] = {
    "shopify": Shopify(frames()),
    "segment": Segment(frames()),
    "square": Square(frames()),
}


class Outlet:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Mapped] = []
        self.refusals: list[Refusal] = []

    async def put(self, events: Iterable[Mapped], refusals: Iterable[Refusal] = ()) -> None:
        self.events += events
        self.refusals += refusals


def spoiled(payload: Any, chance: random.Random) -> Any:
    """The payload with one value somewhere in it replaced or removed."""
    found = copy.deepcopy(payload)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for name in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            places.append((value, name))
            walk(value[name])

    walk(found)
    where, name = chance.choice(places)
    if isinstance(where, dict) and chance.random() < 0.2:
        del where[name]
    else:
        where[name] = copy.deepcopy(chance.choice(ODD))
    return found


@pytest.mark.parametrize("name", VENDORS)
def test_any_payload_is_mapped_left_out_or_refused(name: str) -> None:
    chance = random.Random(name)
    outlet, fates = Outlet(), Counter[str]()
    worker = Worker({name: VENDORS[name]}, SqliteMemory(None), outlet, lambda: NOW)
    for _ in range(ROUNDS):
        for kind, payload in KINDS[name]:
            body = spoiled(payload, chance)
            with suppress(Refused):
                VENDORS[name].map(Delivery(kind, body, received=NOW), SqliteMemory(None))
            fate, _ = asyncio.run(worker.take(name, Delivery(kind, body, received=NOW), b"{}", "a test"))
            fates[fate] += 1
    admitted(outlet.events)
    assert {each.reason for each in outlet.refusals} <= QUARANTINE_REASONS.keys()
    assert all(each.message.endswith(".") for each in outlet.refusals)
    assert min(fates["mapped"], fates["refused"]) > ROUNDS // 4, fates
