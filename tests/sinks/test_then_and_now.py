"""Corrections keep history: what was known at a moment stands beside what is known now."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from schemas.base import from_ms
from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import DAY, T0, batch, decision, event, goods_back, line, order, receipt, records
from tests.sinks.rows import ask

THEN = T0 + DAY + DAY // 2
"""Noon of 4 February."""


def sales(writer: DuckDBWriter, moment: int) -> list[tuple[date, float, float]]:
    rows = ask(writer, "SELECT date, net_then, net_now FROM mart.sales_known_at(?)", from_ms(moment))
    return [(day, float(then), float(now)) for day, then, now in rows]


def test_a_late_receipt_a_change_a_cancellation_and_a_return_change_days_that_were_closed(writer: DuckDBWriter) -> None:
    late = receipt("s1/1", "c1", line("q", 1, 700, kind="sale"))
    late.eff = T0 + 2 * DAY
    log = [
        order("kept", "c1", line("p", 2, 500)),
        late,
        order("changed", "c2", line("p", 1, 300)),
        event("x1", "order.changed", "c2", {"order": "changed", "lines": [line("p", 2, 300)]}, T0 + 2 * DAY),
        order("cancelled", "c3", line("p", 1, 900), at=T0 + DAY),
        event("x2", "order.cancelled", "c3", {"order": "cancelled"}, T0 + 2 * DAY),
        goods_back("b1", "c1", line("p", 1, 0), order="kept", at=T0 + DAY),
        goods_back("b1", "c1", line("p", 1, 0), order="kept", at=T0 + 3 * DAY, kind="return.rejected"),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert sales(writer, THEN) == [(date(2011, 2, 3), 13.0, 23.0), (date(2011, 2, 4), 4.0, 0.0)]
    assert sales(writer, T0 + 9 * DAY) == [(date(2011, 2, 3), 23.0, 23.0)]
    (total,) = ask(writer, "SELECT sum(net_amount) FROM mart.daily_sales")
    assert total == Decimal(23)


def test_a_message_that_is_regretted_now_was_sent_then(writer: DuckDBWriter) -> None:
    log = [
        decision("a"),
        decision("a", "regretted", "bought_in_store", at=T0 + 2 * DAY),
        decision("b", "held", "quiet_hours"),
        decision("b", at=T0 + 2 * DAY),
        decision("c"),
        decision("later", at=T0 + 2 * DAY),
    ]
    writer.write(batch(decisions=records(*log)))
    columns = "campaign, outcome_then, reason_then, outcome_now, reason_now, has_changed"
    found = ask(writer, f"SELECT {columns} FROM mart.decisions_known_at(?) ORDER BY ALL", from_ms(THEN))
    assert found == [
        ("cart", "held", "quiet_hours", "sent", "due", True),
        ("cart", "sent", "due", "regretted", "bought_in_store", True),
        ("cart", "sent", "due", "sent", "due", False),
    ]


def test_an_erasure_reaches_the_past_too(writer: DuckDBWriter) -> None:
    writer.write(
        batch(
            customer_events=records(order("o1", "c1", line("p", 1, 500)), order("o2", "c2", line("p", 1, 200))),
            decisions=records(decision("a"), decision("b", customer_id="c2")),
        )
    )
    before = ask(writer, "SELECT count(*) FROM mart.decisions_known_at(?)", from_ms(THEN))
    assert (sales(writer, THEN), before) == ([(date(2011, 2, 3), 7.0, 7.0)], [2])
    writer.write(batch(customer_events=records(event("x", "customer.erased", "c1", {}, T0 + 5 * DAY), first=2)))
    assert sales(writer, THEN) == [(date(2011, 2, 3), 2.0, 2.0)]
    assert ask(writer, "SELECT customer_id FROM mart.decisions_known_at(?)", from_ms(THEN)) == ["c2"]
    assert ask(writer, "SELECT count(*) FROM meta.erasures") == [1]


def test_a_forecast_that_was_replaced_is_kept(writer: DuckDBWriter) -> None:
    fields = {"brand": "shop", "month": "2011-02", "currency": "GBP"}
    made = [{**fields, "net_sales": str(n), "made_at": f"2011-01-0{n}T00:00:00Z"} for n in (2, 1)]
    writer.write(batch(forecasts=records(*(json.dumps(each).encode() for each in made))))
    assert [float(each) for each in ask(writer, "SELECT net_sales FROM mart.forecasts")] == [2.0]
    assert ask(writer, "SELECT net_sales FROM raw.forecasts ORDER BY made_at") == ["1", "2"]
