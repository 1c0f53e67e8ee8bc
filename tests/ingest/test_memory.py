"""What the receiver remembers outlives it, and is forgotten in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.topics import DAY_MS
from streams.errors import PlatformError
from streams.ingest.memory import KEPT_DAYS, SqliteMemory
from streams.ingest.shopify import Shopify
from tests.ingest import shopify_payloads as shopify
from tests.ingest.kit import NOW, Taken, frames


def test_it_outlives_the_process_and_keeps_late_updates_out(tmp_path: Path) -> None:
    file = tmp_path / "state" / "ingest.sqlite"
    before = Taken(Shopify(frames()))
    before.memory = SqliteMemory(file)
    before.result("orders/updated", shopify.order(updated_at="2026-02-05T00:00:00Z"))
    after = Taken(Shopify(frames()))
    after.memory = SqliteMemory(file)  # the other was never closed, as after a kill
    assert after.result("orders/updated", shopify.order(updated_at="2026-02-04T00:00:00Z")).left_out
    ((_, refund),) = after.result("refunds/create", shopify.refund(7, (11, "MUG 1", 1, 8.0))).events
    assert refund["customer_id"] == "115310627314723954"
    before.memory.close()
    after.memory.close()


def test_an_erased_customer_is_forgotten_at_once_and_everybody_in_time(tmp_path: Path) -> None:
    memory = SqliteMemory(tmp_path / "ingest.sqlite")
    memory.remember({"order/shopify/1": {"customer_id": "c1"}, "order/shopify/2": {"customer_id": "c2"}}, NOW)
    memory.forget("c1")
    assert (memory.get("order/shopify/1"), memory.get("order/shopify/2")) == (None, {"customer_id": "c2"})
    memory.remember({"newest/shopify/order/2": 5}, NOW + DAY_MS)
    memory.prune(NOW + KEPT_DAYS * DAY_MS + 1)
    assert (memory.get("order/shopify/2"), memory.get("newest/shopify/order/2")) == (None, 5)
    memory.remember({"newest/shopify/order/2": None}, NOW)
    assert memory.get("newest/shopify/order/2") is None
    memory.close()


def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="set state_dir"):
        SqliteMemory(tmp_path / "file" / "ingest.sqlite")
