"""Facts and dimensions: every fact once, under the customer it belongs to now, whatever copies and merges came."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import (
    DAY,
    T0,
    batch,
    decision,
    decision_id,
    event,
    feedback,
    goods_back,
    line,
    order,
    receipt,
    records,
)
from tests.sinks.rows import ask


def test_a_copy_of_an_order_counts_once_and_stays_in_raw(writer: DuckDBWriter) -> None:
    first, copy = order("o1", "c1", line("p", 2, 500)), order("o1", "c1", line("p", 9, 900), at=T0 + 1, event_id="e2")
    writer.write(batch(customer_events=records(copy, first, first)))
    assert ask(writer, "SELECT quantity, net_amount FROM core.fct_order_lines") == [(2, Decimal("10.000"))]
    assert ask(writer, "SELECT count(*) FROM raw.customer_events") == [3]


def test_the_same_order_id_of_two_customers_is_two_orders(writer: DuckDBWriter) -> None:
    writer.write(batch(customer_events=records(order("o1", "c1", line("p", 1, 1)), order("o1", "c2", line("p", 1, 1)))))
    assert ask(writer, "SELECT count(*) FROM core.fct_order_lines") == [2]


def test_a_guest_has_sales_and_no_customer(writer: DuckDBWriter) -> None:
    guest = order("o1", "none:order.placed/o1", line("p", 3, 250, discount=50, tax=140))
    writer.write(batch(customer_events=records(guest, guest)))
    assert ask(
        writer, "SELECT customer_id, is_guest, unit_price, net_amount, gross_amount FROM core.fct_order_lines"
    ) == [(None, True, Decimal("2.500"), Decimal("7.000"), Decimal("8.400"))]
    assert ask(writer, "SELECT count(*) FROM core.dim_customers") == [0]


@pytest.mark.parametrize(("currency", "amount"), [("GBP", "12.345"), ("JPY", "1234.500"), ("BHD", "1.235")])
def test_amounts_follow_the_digits_of_the_currency(writer: DuckDBWriter, currency: str, amount: str) -> None:
    price = {"GBP": 1234, "JPY": 1234, "BHD": 1235}[currency]
    placed = order("o1", "c1", line("p", 1, price))
    placed.currency = currency
    writer.write(batch(customer_events=records(placed)))
    expected = {"GBP": "12.340", "JPY": "1234.000", "BHD": "1.235"}[currency]
    assert ask(writer, "SELECT net_amount FROM core.fct_order_lines") == [Decimal(expected)]


def test_a_changed_order_has_its_latest_lines_and_a_cancelled_one_is_marked(writer: DuckDBWriter) -> None:
    changes = [
        event(f"x{n}", "order.changed", "c1", {"order": "o1", "lines": [line("q", n, 100)]}, T0 + n) for n in (1, 3, 2)
    ]
    cancelled = event("x9", "order.cancelled", "c1", {"order": "o2"}, T0 + 9)
    writer.write(
        batch(
            customer_events=records(
                order("o1", "c1", line("p", 1, 1)), *changes, order("o2", "c1", line("p", 1, 1)), cancelled
            )
        )
    )
    assert ask(
        writer, "SELECT order_id, product_id, quantity, is_changed, is_cancelled FROM core.fct_order_lines ORDER BY 1"
    ) == [("o1", "q", 3, True, False), ("o2", "p", 1, False, True)]


def test_facts_move_to_the_customer_that_an_unknown_one_became(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "card:7", line("p", 1, 100)),
        receipt("s1/1", "anon:a", line("p", 1, 100, kind="sale")),
        event("m1", "merge.out", "card:7", {"merge": "m1", "to": "c1"}),
        event("m2", "merge.expected", "c1", {"merge": "m2", "from": "anon:a"}, T0 + 1),
        event("m3", "customer.merged", "c2", {"merged": "c1"}, T0 + 2),
        order("o1", "c1", line("p", 1, 100), at=T0 + 5, event_id="copy"),
    ]
    writer.write(batch(customer_events=records(*log), channel_feedback=records(feedback("f1"))))
    links = ask(writer, "FROM core.customer_links ORDER BY 1")
    assert links == [("anon:a", "c2"), ("c1", "c2"), ("card:7", "c2")]
    assert ask(writer, "SELECT customer_id FROM core.fct_order_lines") == ["c2"]
    assert ask(writer, "SELECT customer_id FROM core.fct_pos_lines") == ["c2"]
    assert ask(writer, "SELECT customer_id FROM core.fct_feedback") == ["c2"]


def test_a_circle_of_merges_does_not_hang(writer: DuckDBWriter) -> None:
    log = [
        event("a", "customer.merged", "c1", {"merged": "c2"}),
        event("b", "customer.merged", "c2", {"merged": "c1"}, T0 + 1),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert len(ask(writer, "FROM core.customer_links")) == 2


def test_a_return_has_its_latest_state_and_the_value_of_what_came_back(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "c1", line("p", 4, 250, discount=200), line("q", 1, 900, "2"), channel="phone"),
        goods_back("b1", "c1", line("p", 2, 0), order="o1", kind="return.requested", at=T0 + DAY),
        goods_back("b1", "c1", line("p", 1, 0), order="o1", at=T0 + 2 * DAY),
        goods_back("b2", "c1", line("q", 1, 0, refund=850), at=T0 + 3 * DAY, kind="refund.issued"),
        goods_back("b3", "c1", line("q", 1, 0), at=T0 + 4 * DAY, order="o1"),
        goods_back("b3", "c1", line("q", 1, 0), at=T0 + 5 * DAY, order="o1", kind="return.rejected"),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert ask(
        writer,
        "SELECT return_id, status, quantity, order_id, channel, net_minor, value_source "
        "FROM core.fct_returns ORDER BY 1",
    ) == [
        ("b1", "received", 1, "o1", "phone", 200, "purchase"),
        ("b2", "refunded", 1, "o1", "phone", 850, "refund"),
        ("b3", "rejected", 1, "o1", "phone", 900, "purchase"),
    ]


def test_a_return_without_order_is_matched_to_the_latest_purchase_of_90_days(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "c1", line("p", 1, 100)),
        receipt("s1/1", "c1", line("p", 1, 300, kind="sale"), at=T0 + DAY),
        order("o2", "c1", line("p", 1, 700), at=T0 + 3 * DAY),
        order("o3", "c2", line("p", 1, 900), at=T0 + DAY),
        goods_back("b1", "c1", line("p", 1, 0), at=T0 + 2 * DAY),
        goods_back("b2", "c1", line("p", 1, 0), at=T0 + 94 * DAY),
        goods_back("b3", "c3", line("p", 1, 0), at=T0 + 2 * DAY),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert ask(
        writer, "SELECT return_id, order_id, channel, net_minor, value_source FROM core.fct_returns ORDER BY 1"
    ) == [
        ("b1", "s1/1", "store", 300, "purchase"),
        ("b2", None, None, None, "unknown"),
        ("b3", None, None, None, "unknown"),
    ]


def test_a_decision_is_one_row_with_its_correction(writer: DuckDBWriter) -> None:
    log = [
        decision("a", "held", "quiet_hours"),
        decision("a", at=T0 + 1),
        decision("a", "regretted", "bought_in_store", at=T0 + 2, late=True),
        decision("b", "suppressed", "returned"),
        decision("c", "held", "quiet_hours"),
        decision("d"),
        decision("d", "cancelled", "bought_online", at=T0 + 3),
        decision("d"),
    ]
    writer.write(batch(decisions=records(*log)))
    rows = ask(
        writer,
        "SELECT decision_id, outcome, reason, correction, correction_reason, final_outcome, was_held, "
        "is_late_correction, handed_over, cancel_handed_over FROM core.fct_decisions",
    )
    assert {row[0]: row[1:] for row in rows} == {
        decision_id("a"): ("sent", "due", "regretted", "bought_in_store", "regretted", True, True, True, False),
        decision_id("b"): ("suppressed", "returned", None, None, "suppressed", False, False, False, False),
        decision_id("c"): ("held", "quiet_hours", None, None, "held", True, False, False, False),
        decision_id("d"): ("sent", "due", "cancelled", "bought_online", "cancelled", False, False, True, True),
    }


def test_the_first_gate_that_did_not_pass_is_the_deciding_one(writer: DuckDBWriter) -> None:
    gates = [
        {"gate": name, "passed": passed, "value": name} for name, passed in (("a", True), ("b", False), ("c", False))
    ]
    writer.write(batch(decisions=records(decision("a", "suppressed", "no_consent", gates=gates), decision("b"))))
    assert ask(
        writer,
        "SELECT gate_number, gate, passed, is_deciding FROM core.fct_decision_gates WHERE decision_id = ? ORDER BY 1",
        decision_id("a"),
    ) == [(1, "a", True, False), (2, "b", False, True), (3, "c", False, False)]
    assert ask(
        writer, "SELECT DISTINCT is_deciding FROM core.fct_decision_gates WHERE decision_id = ?", decision_id("b")
    ) == [False]


def test_dimensions_have_the_last_word_of_their_source(writer: DuckDBWriter) -> None:
    profile = {"registered": T0, "birth": "1980-02-29", "language": "en", "preferred": ["email"], "company": False}
    item = {"product": "p", "name": "Mug", "category": "kitchen", "available": True, "accessories": ["q"], "prices": []}
    campaign = {
        "campaign": "cart",
        "version": "v1",
        "definition": {"name": "Cart", "channels": ["email"], "steps": [1, 2]},
    }
    log = [
        event("p1", "customer.registered", "c1", profile),
        event("p2", "customer.updated", "c1", {**profile, "language": "fr", "registered": None}, T0 + 1),
        order("o1", "anon:x", line("q", 1, 1, category="spoons")),
        *[event(f"i{n}", "catalog.item", "*", {**item, "name": f"Mug {n}"}, T0 + n) for n in (1, 2) for _ in range(4)],
        event("k1", "campaign.published", "*", campaign),
        event("k2", "campaign.withdrawn", "*", {"campaign": "cart", "version": "v2", "definition": None}, T0 + 1),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert ask(
        writer,
        "SELECT customer_id, kind, has_profile, language, birth_year, epoch_ms(registered_at) "
        "FROM core.dim_customers ORDER BY 1",
    ) == [("anon:x", "anon", False, None, None, None), ("c1", "crm", True, "fr", 1980, T0)]
    assert ask(writer, "SELECT product_id, in_catalog, name, category FROM core.dim_products ORDER BY 1") == [
        ("p", True, "Mug 2", "kitchen"),
        ("q", False, None, "spoons"),
    ]
    assert ask(writer, "SELECT campaign, name, channels, steps, is_withdrawn, versions FROM core.dim_campaigns") == [
        ("cart", "Cart", ["email"], 2, True, 1)
    ]
    assert ask(writer, "SELECT count(*), min(iso_weekday) FROM core.dim_dates") == [(1, 4)]


_ORDERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["c1", "c2", "none:o"]), st.integers(0, 3), st.integers(1, 5)),
    max_size=25,
)


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ORDERS)
def test_sales_equal_a_naive_count(writer: DuckDBWriter, orders: list[tuple[str, str, int, int]]) -> None:
    for table in ("raw.customer_events", "raw.event_lines", "meta.positions"):
        writer._database.execute(f"DELETE FROM {table}")
    log = [
        order(id, customer, line("p", quantity, 100), at=T0 + at, event_id=f"e{number:02}")
        for number, (id, customer, at, quantity) in enumerate(orders)
    ]
    writer.write(batch(customer_events=records(*log)))
    seen: dict[tuple[str, str], int] = {}
    for placed in sorted(log, key=lambda one: (one.eff, one.id)):
        seen.setdefault((placed.customer, placed.data["order"]), placed.data["lines"][0]["qty"])
    assert ask(writer, "SELECT coalesce(sum(quantity), 0), count(*) FROM core.fct_order_lines") == [
        (sum(seen.values()), len(seen))
    ]
