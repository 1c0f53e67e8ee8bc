"""The marts answer the questions they are named after."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import (
    DAY,
    T0,
    batch,
    decision,
    event,
    feedback,
    goods_back,
    line,
    order,
    progress,
    receipt,
    records,
)
from tests.sinks.rows import ask


def test_the_funnel_counts_each_decision_once_by_its_end(writer: DuckDBWriter) -> None:
    writer.write(
        batch(
            decisions=records(
                decision("a"),
                decision("b"),
                decision("b", "cancelled", "bought_online", at=T0 + 1),
                decision("c", "suppressed", "no_consent"),
                decision("d", campaign="welcome"),
            )
        )
    )
    assert ask(
        writer, "SELECT campaign, outcome, reason, decisions, handed_over, round(share, 2) FROM mart.decision_funnel"
    ) == [
        ("cart", "cancelled", "bought_online", 1, 1, 0.33),
        ("cart", "sent", "due", 1, 1, 0.33),
        ("cart", "suppressed", "no_consent", 1, 0, 0.33),
        ("welcome", "sent", "due", 1, 1, 1.0),
    ]
    assert ask(writer, "SELECT campaign, sent, cancelled, regretted FROM mart.false_positives") == [
        ("cart", 2, 1, 0),
        ("welcome", 1, 0, 0),
    ]


def test_suppressions_name_the_gate_that_decided(writer: DuckDBWriter) -> None:
    gates = [{"gate": "consent", "passed": False, "value": "withdrawn"}]
    writer.write(
        batch(
            decisions=records(
                decision("a", "suppressed", "consent_withdrawn", gates=gates),
                decision("b", "suppressed", "outranked"),
            )
        )
    )
    assert ask(writer, "SELECT gate, reason, decisions FROM mart.suppressions_by_gate ORDER BY 1") == [
        ("consent", "consent_withdrawn", 1),
        ("slot", "outranked", 1),
    ]


def test_pressure_counts_messages_in_rolling_windows(writer: DuckDBWriter) -> None:
    days = [0, 1, 2, 20, 40, 41]
    sent = [decision(f"d{day}", at=T0 + day * DAY) for day in days]
    undone = [decision("d41", "cancelled", "returned", at=T0 + 41 * DAY + 1)]
    writer.write(batch(decisions=records(*sent, *undone)))
    assert ask(
        writer,
        "SELECT messages, messages_7_days, messages_30_days, most_in_7_days, most_in_30_days "
        "FROM mart.customer_pressure",
    ) == [(5, 1, 2, 3, 4)]


def test_sales_are_net_of_returns_by_the_channel_of_the_purchase(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "c1", line("p", 2, 500), channel="phone"),
        order("o2", "none:order.placed/o2", line("p", 1, 400)),
        order("o3", "c1", line("p", 1, 100)),
        event("x", "order.cancelled", "c1", {"order": "o3"}),
        receipt("s1/1", "c2", line("q", 1, 300, kind="sale"), line("q", 1, 100, "2", kind="return")),
        goods_back("b1", "c1", line("p", 1, 0), order="o1", at=T0 + DAY),
        goods_back("b2", "c9", line("z", 1, 0), at=T0 + DAY),
        goods_back("b3", "c1", line("p", 1, 0), order="o1", at=T0 + DAY, kind="return.rejected"),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert ask(
        writer,
        "SELECT date, channel, documents, units_sold, sales_amount, units_returned, net_amount "
        "FROM mart.daily_sales ORDER BY 1, 2",
    ) == [
        (date(2011, 2, 3), "phone", 1, 2, Decimal("10"), 0, Decimal("10")),
        (date(2011, 2, 3), "store", 1, 1, Decimal("3"), 1, Decimal("2")),
        (date(2011, 2, 3), "web", 1, 1, Decimal("4"), 0, Decimal("4")),
        (date(2011, 2, 4), "phone", 0, 0, Decimal("0"), 1, Decimal("-5")),
        (date(2011, 2, 4), "unknown", 0, 0, Decimal("0"), 1, Decimal("0")),
    ]


def test_input_adds_up_with_the_duplicates_of_guests_told_by_the_sink(writer: DuckDBWriter) -> None:
    guest = order("o1", "none:order.placed/o1", line("p", 1, 1))
    copy = order("o1", "none:order.placed/o1", line("p", 1, 1), event_id="other")
    writer.write(
        batch(
            customer_events=records(guest, copy, guest, order("o2", "c1", line("p", 1, 1))),
            progress=[
                *records(progress("intake", 0, {"orders": {"received": 6, "ignored": 0, "quarantined": 1}}), key=b"i0"),
                *records(progress("intake", 1, {"orders": {"received": 2}}), first=1, key=b"i1"),
                *records(
                    progress(
                        "decide",
                        0,
                        {"orders": {"accepted": 2, "duplicate": 2, "guest": 3}, "identity": {"accepted": 9}},
                    ),
                    first=2,
                    key=b"d0",
                ),
            ],
        )
    )
    assert ask(writer, "FROM mart.input_quality") == [("orders", 8, 3, 4, 0, 1, 0, 1, 0)]


def test_the_timeline_tells_everything_of_one_person_in_order(writer: DuckDBWriter) -> None:
    log = [
        event("v", "page.viewed", "anon:a", {"page": "/"}),
        event("m", "merge.out", "anon:a", {"merge": "m", "to": "c1"}, T0 + 1),
        order("o1", "c1", line("p", 1, 1), at=T0 + 2),
        order("o2", "c2", line("p", 1, 1), at=T0 + 2),
    ]
    writer.write(
        batch(
            customer_events=records(*log),
            decisions=records(decision("a", at=T0 + 3)),
            channel_feedback=records(feedback("f", customer_id="c2")),
        )
    )
    for customer in ("c1", "anon:a"):
        assert ask(writer, "SELECT kind || ' ' || what FROM mart.customer_timeline(?)", customer) == [
            "event page.viewed",
            "event merge.out",
            "event order.placed",
            "decision cart step 1 sent due",
        ]
