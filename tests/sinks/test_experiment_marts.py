"""Marts of offers and experiments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from schemas.base import rfc3339
from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import DAY, T0, batch, decision, event, line, order, records
from tests.sinks.rows import ask

OFFER = {"kind": "percent", "value": "10", "code": "SPRING", "pool": None, "valid_until": rfc3339(T0 + 7 * DAY)}


def with_coupon(order_id: str, at: int, code: str = "SPRING", customer: str = "c1") -> Any:
    placed = order(order_id, customer, line("mug", 2, 500), at=at)
    placed.data["coupons"] = [code]
    return placed


def test_an_order_redeems_the_offer_of_the_latest_message_with_its_code(writer: DuckDBWriter) -> None:
    orders = [
        with_coupon("early", T0 - 1),
        with_coupon("used", T0 + 2 * DAY),
        with_coupon("other-code", T0 + 2 * DAY, "AUTUMN"),
        with_coupon("not-his", T0 + 2 * DAY, customer="c2"),
        with_coupon("too-late", T0 + 9 * DAY),
    ]
    decisions = [
        decision("a", offer=OFFER),
        decision("b", at=T0 + DAY, offer=OFFER, arm="short"),
        decision("g", "ghost", "campaign_holdout", at=T0 + DAY, offer=OFFER),
    ]
    writer.write(batch(customer_events=records(*orders), decisions=records(*decisions)))
    found = ask(writer, "SELECT arm, code, order_id, net_amount, is_cancelled FROM mart.offer_redemptions")
    assert found == [("short", "SPRING", "used", Decimal("10.00"), False)]


def test_arms_are_compared_without_customers_of_mixed_profiles(writer: DuckDBWriter) -> None:
    decisions = [
        decision("a", arm="x"),
        decision("b", arm="x", customer_id="c2"),
        decision("c", "ghost", "campaign_holdout", customer_id="c3", arm="x"),
        decision("d", arm="y", customer_id="c4", mixed=True),
    ]
    orders = [
        order("o1", "c1", line("mug", 1, 500), at=T0 + DAY),
        order("o2", "c2", line("mug", 1, 500), at=T0 + 15 * DAY),
    ]
    writer.write(batch(customer_events=records(*orders), decisions=records(*decisions)))
    columns = "arm, is_held_out, messages, customers, buyers, mixed_customers"
    assert ask(writer, f"SELECT {columns} FROM mart.experiment_arms") == [
        ("x", False, 2, 2, 1, 0),
        ("x", True, 1, 1, 0, 0),
        ("y", False, 0, 0, 0, 1),
    ]


def test_an_address_of_customers_in_different_arms_is_reported(writer: DuckDBWriter) -> None:
    def uses(name: str, customer: str, device: str) -> Any:
        return event(name, "page.viewed", customer, {}, ids={"device": device})

    seen = [uses("1", "c1", "tablet"), uses("2", "c2", "tablet"), uses("3", "c3", "tv"), uses("4", "c4", "tv")]
    decisions = [
        decision("a", arm="x"),
        decision("b", "ghost", "global_holdout", customer_id="c2", arm="x"),
        decision("c", arm="y", customer_id="c3"),
        decision("d", arm="y", customer_id="c4"),
    ]
    writer.write(batch(customer_events=records(*seen), decisions=records(*decisions)))
    assert ask(writer, "SELECT campaign, kind, identifier, customers, arms FROM mart.shared_addresses") == [
        ("cart", "device", "tablet", ["c1", "c2"], ["holdout", "x"])
    ]
