"""What analysts ask: each mart on a few rows whose answer was worked out by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.base import from_ms, rfc3339
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
    progress,
    receipt,
    records,
)
from tests.sinks.rows import ask

HOUR = DAY // 24


def gates(*stopped: str, asked: tuple[str, ...] = ("episode", "consent", "content")) -> list[dict[str, Any]]:
    return [{"gate": gate, "passed": gate not in stopped, "value": "v"} for gate in asked]


def forecast(amount: str, **fields: Any) -> bytes:
    values = {"brand": "shop", "month": "2011-02", "currency": "GBP", "net_sales": amount, "made_at": rfc3339(T0)}
    return json.dumps({**values, **fields}).encode()


def test_the_funnel_goes_gate_by_gate_in_the_order_of_asking(writer: DuckDBWriter) -> None:
    log = [
        decision("a", "suppressed", "bought_online", gates=gates("episode", asked=("episode",))),
        decision("b", "suppressed", "content_missing", gates=gates("content")),
        decision("c", "suppressed", "no_consent", gates=gates("consent", asked=("episode", "consent"))),
        decision("d", "suppressed", "no_consent", gates=gates("consent", asked=("episode", "consent"))),
        decision("e", "suppressed", "outranked", gates=gates()),
        decision("f", gates=gates()),
        decision("g", gates=gates()),
        decision("g", "regretted", "bought_in_store", at=T0 + 1),
        decision("h", "held", "quiet_hours"),
        decision("i", "ghost", "campaign_holdout", gates=gates("holdout", asked=("episode", "holdout"))),
        decision("j", at=T0 + 9 * DAY, gates=gates()),
    ]
    writer.write(batch(decisions=records(*log)))
    found = ask(
        writer,
        "SELECT place, gate, entered, stopped, went_on, round(share_stopped, 2) FROM mart.gate_funnel(until := ?)",
        from_ms(T0 + DAY),
    )
    assert found == [
        (1, "episode", 8, 1, 7, 0.13),
        (2, "consent", 7, 2, 5, 0.29),
        (3, "holdout", 5, 1, 4, 0.2),
        (4, "content", 4, 1, 3, 0.25),
        (5, "slot", 3, 1, 2, 0.33),
        (6, "sent", 2, 1, 1, 0.5),
    ]
    assert ask(writer, "SELECT entered FROM mart.gate_funnel() WHERE gate = 'sent'") == [3]


def test_false_positives_without_store_and_return_data(writer: DuckDBWriter) -> None:
    """Of 4 decisions past the episode gate 2 were sent: of each message that tills or returns stopped, half counts."""
    log = [
        decision("a"),
        decision("a", "regretted", "bought_online", at=T0 + 1, late=True),
        decision("b"),
        decision("b", "cancelled", "bought_in_store", at=T0 + 1),
        decision("c", "suppressed", "no_consent", gates=gates("consent")),
        decision("d", "suppressed", "frequency_cap", gates=gates("frequency_cap", asked=("episode", "frequency_cap"))),
        *[decision(f"s{n}", "suppressed", "bought_in_store", gates=gates("episode")) for n in range(4)],
        *[decision(f"r{n}", "suppressed", "returned", gates=gates("episode")) for n in range(6)],
        decision("z", campaign="quiet"),
    ]
    writer.write(batch(decisions=records(*log)))
    columns = (
        "campaign, sent, cancelled, regretted, regretted_late_data, stopped_by_store_data, cancelled_by_store_data, "
        "stopped_by_return_data, pass_rate, regretted_without_store_data, regretted_without_return_data, "
        "regretted_without_either"
    )
    assert ask(writer, f"SELECT {columns} FROM mart.false_positives") == [
        ("cart", 2, 1, 1, 1, 4, 1, 6, 0.5, 4, 4, 7),
        ("quiet", 1, 0, 0, 0, 0, 0, 0, 1.0, 0, 0, 0),
    ]


def test_a_purchase_counts_for_the_latest_message_that_was_not_taken_back(writer: DuckDBWriter) -> None:
    decisions = [
        decision("early", campaign="welcome"),
        decision("late", at=T0 + 5 * DAY),
        decision("taken-back", at=T0 + 6 * DAY),
        decision("taken-back", "cancelled", "bought_online", at=T0 + 6 * DAY + 1),
        decision("nothing", customer_id="c2"),
    ]
    log = [
        order("before", "c1", line("p", 1, 900), at=T0),
        order("o1", "c1", line("p", 3, 100), at=T0 + 4 * DAY),
        receipt("s1/1", "c1", line("q", 2, 250, kind="sale"), at=T0 + 7 * DAY),
        receipt("s1/2", "c1", line("q", 1, 250, kind="return"), at=T0 + 8 * DAY),
        goods_back("b1", "c1", line("p", 1, 0), order="o1", at=T0 + 9 * DAY),
        order("too-late", "c1", line("p", 1, 100), at=T0 + 19 * DAY + 1),
    ]
    writer.write(batch(decisions=records(*decisions), customer_events=records(*log)))
    found = ask(
        writer, "SELECT decision_id, purchases, sales_amount, returned_amount, net_amount FROM mart.conversions()"
    )
    assert {row[0]: tuple(map(float, row[1:])) for row in found} == {
        decision_id("early"): (1, 3.0, 1.0, 2.0),
        decision_id("late"): (1, 5.0, 2.5, 2.5),
        decision_id("nothing"): (0, 0.0, 0.0, 0.0),
    }
    assert ask(
        writer,
        "SELECT campaign, messages, currency, converted, conversion_rate, net_amount FROM mart.campaign_results()",
    ) == [("cart", 2, "GBP", 1, 0.5, Decimal("2.5")), ("welcome", 1, "GBP", 1, 1.0, Decimal("2"))]
    assert ask(writer, "SELECT count(*) FROM mart.attributed_purchases(days := 1)") == [0]


def test_uplift_is_between_those_who_got_it_and_those_held_out(writer: DuckDBWriter) -> None:
    decisions = [
        decision("a"),
        decision("b", customer_id="c2"),
        decision("b2", customer_id="c2", at=T0 + DAY, campaign="other"),
        decision("g", "ghost", "campaign_holdout", customer_id="c3"),
        decision("g4", "ghost", "global_holdout", customer_id="c4"),
        decision("m", customer_id="c5", mixed=True),
    ]
    log = [
        order("o1", "c1", line("p", 1, 100), at=T0 + 13 * DAY),
        order("o2", "c2", line("p", 1, 100), at=T0 + 14 * DAY + 1),
        order("o4", "c4", line("p", 1, 100), at=T0 + DAY),
        order("o5", "c5", line("p", 1, 100), at=T0 + DAY),
    ]
    writer.write(batch(decisions=records(*decisions), customer_events=records(*log)))
    columns = "campaign, holdout, customers, buyers, held_out_customers, held_out_buyers, uplift, warning"
    few = "fewer than 100 customers in a group"
    assert ask(writer, f"SELECT {columns} FROM mart.uplift()") == [
        ("(all)", "global_holdout", 3, 1, 1, 1, pytest.approx(1 / 3 - 1), few),
        ("cart", "campaign_holdout", 2, 1, 1, 0, 0.5, few),
    ]
    assert ask(writer, "SELECT excludes_zero FROM mart.uplift()") == [False, False]
    assert ask(writer, "FROM mart.uplift(since := ?)", from_ms(T0 + 2 * DAY)) == []


def test_a_clear_difference_of_large_groups_has_no_warning(writer: DuckDBWriter) -> None:
    decisions, log = [], []
    for number in range(400):
        held_out = number % 2 == 0
        decisions.append(
            decision(
                f"d{number}",
                "ghost" if held_out else "sent",
                "campaign_holdout" if held_out else "due",
                customer_id=f"c{number}",
            )
        )
        if number % (10 if held_out else 3) == 0:
            log.append(order(f"o{number}", f"c{number}", line("p", 1, 100), at=T0 + DAY))
    writer.write(batch(decisions=records(*decisions), customer_events=records(*log)))
    found = ask(writer, "SELECT excludes_zero, warning FROM mart.uplift()")
    assert found == [(True, None)]


def test_second_purchases_count_by_cohort_once_their_days_are_over(writer: DuckDBWriter) -> None:
    log = [
        order("a1", "c1", line("p", 1, 100)),
        order("a2", "c1", line("p", 1, 100), at=T0 + 30 * DAY),
        order("b1", "c2", line("p", 1, 100)),
        order("b2", "c2", line("p", 1, 100), at=T0 + 30 * DAY + 1),
        order("back", "c3", line("p", 1, 100)),
        goods_back("r", "c3", line("p", 1, 0), order="back", at=T0 + DAY),
        order("c1", "c3", line("p", 1, 100), at=T0 + 2 * DAY),
        receipt("s1/1", "c3", line("q", 1, 100, kind="sale"), at=T0 + 3 * DAY),
        order("young", "c4", line("p", 1, 100), at=T0 + 31 * DAY),
    ]
    writer.write(batch(customer_events=records(*log)))
    assert ask(writer, "SELECT cohort, customers, observed, bought_again FROM mart.second_purchase_rate()") == [
        (date(2011, 2, 1), 3, 2, 1),
        (date(2011, 3, 1), 1, 0, 0),
    ]


def test_reactivation_counts_who_came_back_beside_the_ghosts(writer: DuckDBWriter) -> None:
    late = {"occasion": "reactivation", "campaign": "miss-you"}
    decisions = [
        decision("a", **late),
        decision("b", customer_id="c2", **late),
        decision("c", customer_id="c3", **late),
        decision("c", "cancelled", "bought_in_store", at=T0 + 1, customer_id="c3", **late),
        decision("g", "ghost", "campaign_holdout", customer_id="c4", **late),
        decision("other", customer_id="c5"),
    ]
    bought = [("c1", 30), ("c2", 31), ("c4", 1), ("c5", 1)]
    log = [order(f"o-{who}", who, line("p", 1, 100), at=T0 + days * DAY) for who, days in bought]
    writer.write(batch(decisions=records(*decisions), customer_events=records(*log)))
    assert ask(
        writer, "SELECT month, campaign, messages, came_back, rate, ghosts, ghosts_came_back FROM mart.reactivation()"
    ) == [(date(2011, 2, 1), "miss-you", 2, 1, 0.5, 1, 1)]


def test_the_channel_mix_counts_a_message_once_per_kind_of_answer(writer: DuckDBWriter) -> None:
    decisions = [decision("a"), decision("b"), decision("c", channel="push"), decision("d", "suppressed", "no_consent")]
    answers = [
        feedback("1", decision_id=decision_id("a")),
        feedback("2", "opened", decision_id=decision_id("a")),
        feedback("3", "opened", decision_id=decision_id("a")),
        feedback("4", "bounced", decision_id=decision_id("b")),
        feedback("5", "complained", decision_id=decision_id("c"), channel="push"),
        feedback("6"),
    ]
    writer.write(batch(decisions=records(*decisions), channel_feedback=records(*answers)))
    columns = "channel, messages, round(share, 3), delivered, bounced, opened, clicked, opted_out"
    assert ask(writer, f"SELECT {columns} FROM mart.channel_mix") == [
        ("email", 2, 0.667, 1, 1, 1, 0, 0),
        ("push", 1, 0.333, 0, 0, 0, 0, 1),
    ]


def test_the_sales_mix_says_where_customers_buy(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "c1", line("p", 3, 100)),
        order("o2", "none:order.placed/o2", line("p", 1, 100), channel="phone"),
        receipt("s1/1", "c1", line("q", 4, 100, kind="sale")),
        goods_back("b1", "c1", line("p", 1, 0), order="o1", at=T0 + 40 * DAY),
    ]
    writer.write(batch(customer_events=records(*log)))
    found = ask(writer, "SELECT channel, purchases, guests, sales_amount, net_amount, share FROM mart.sales_mix")
    assert [(row[0], row[1], row[2], float(row[3]), float(row[4]), row[5]) for row in found] == [
        ("phone", 1, 1, 1.0, 1.0, 0.125),
        ("store", 1, 0, 4.0, 4.0, 0.5),
        ("web", 1, 0, 3.0, 2.0, 0.375),
    ]


def test_pressure_is_counted_by_week(writer: DuckDBWriter) -> None:
    days = [0, 1, 2, 4]
    decisions = [decision(f"d{day}", at=T0 + day * DAY) for day in days]
    writer.write(batch(decisions=records(*decisions, decision("x", customer_id="c2"))))
    assert ask(writer, "SELECT week, messages, customers FROM mart.weekly_pressure()") == [
        (date(2011, 1, 31), 1, 1),
        (date(2011, 1, 31), 3, 1),
        (date(2011, 2, 7), 1, 1),
    ]


def test_timeliness_tells_the_wait_and_the_channel(writer: DuckDBWriter) -> None:
    decisions = [
        decision("a"),
        decision("b", at=T0 + 2 * HOUR, due_at=rfc3339(T0)),
        decision("c", at=T0 + 4 * HOUR, due_at=rfc3339(T0)),
    ]
    answers = [
        feedback("1", decision_id=decision_id("a"), occurred_at=rfc3339(T0 + 9_000)),
        feedback("2", "accepted", decision_id=decision_id("a"), occurred_at=rfc3339(T0 + 3_000)),
    ]
    writer.write(batch(decisions=records(*decisions), channel_feedback=records(*answers)))
    columns = "messages, at_once, median_wait_s, most_wait_s, answered, median_channel_s, late_corrections"
    assert ask(writer, f"SELECT {columns} FROM mart.timeliness()") == [(3, 1, 7200.0, 14400.0, 1, 3.0, 0)]


def test_missing_content_is_ranked_by_what_is_lost(writer: DuckDBWriter) -> None:
    def lost(name: str, told: str, **fields: Any) -> bytes:
        asked = [{"gate": "episode", "passed": True, "value": ""}, {"gate": "content", "passed": False, "value": told}]
        return decision(name, "suppressed", "content_missing", gates=asked, **fields)

    log = [
        lost("a", "cart-1 is not made for market NL", market="NL"),
        lost("b", "review in none of es-ES, es", market="ES"),
        lost("c", "review in none of es-ES, es", market="ES", customer_id="c2"),
    ]
    writer.write(batch(decisions=records(*log)))
    assert ask(
        writer, "SELECT place, content_key, market, wanted, decisions_lost, customers FROM mart.content_backlog()"
    ) == [(1, "review", "ES", "es-ES, es", 2, 2), (2, "cart-1", "NL", "market NL", 1, 1)]


def test_sources_show_their_freshness_gaps_and_poor_fields(writer: DuckDBWriter) -> None:
    guest = order("o1", "none:order.placed/o1", line("p", 1, 100))
    log = [
        guest,
        order("o2", "c1", line("p", 1, 100, category="mugs"), at=T0 + 2 * HOUR),
        order("o3", "c1", line("q", 1, 100, category="mugs"), at=T0 + 40 * HOUR),
        event("p", "customer.registered", "c1", {"registered": T0, "language": "en"}, source="customers"),
    ]
    (last,) = records(event("v", "page.viewed", "c1", {}, source="web-sessions"), first=9)
    newer = last._replace(timestamp=T0 + 90_000)
    counts = {"orders": {"received": 10, "ignored": 0, "quarantined": 1}}
    writer.write(
        batch(
            customer_events=[*records(*log), newer],
            progress=[
                *records(progress("intake", 0, counts), key=b"i0"),
                *records(
                    progress("decide", 0, {"orders": {"accepted": 4, "duplicate": 4, "late": 1, "guest": 1}}),
                    first=1,
                    key=b"d0",
                ),
            ],
        )
    )
    columns = "source, received, accepted, duplicate_share, late_share, quarantined_share, newest_event_at, behind_s"
    assert ask(writer, f"SELECT {columns} FROM mart.source_health WHERE source = 'orders'") == [
        ("orders", 10, 5, 0.4, 0.2, 0.1, from_ms(T0 + 40 * HOUR), 90.0)
    ]
    assert ask(writer, "FROM mart.source_gaps()") == [("orders", from_ms(T0 + 3 * HOUR), from_ms(T0 + 40 * HOUR), 37)]
    found = ask(writer, "SELECT source, field, records, missing FROM mart.missing_fields")
    assert ("orders", "customer", 3, 1) in found
    assert ("orders", "category", 3, 1) in found
    assert ("customers", "birth", 1, 1) in found
    assert ("customers", "language", 1, 0) in found


def test_a_forecast_is_held_against_what_its_market_channel_and_category_sold(writer: DuckDBWriter) -> None:
    log = [
        order("o1", "c1", line("p", 4, 100, category="mugs"), at=T0 + DAY),
        order("o2", "c2", line("q", 1, 300, category="pots"), at=T0 + DAY),
        goods_back("b1", "c1", line("p", 1, 0), order="o1", at=T0 + 2 * DAY),
        receipt("s1/1", "c3", line("p", 2, 100, kind="sale", category="mugs"), at=T0 + 24 * DAY),
    ]
    forecasts = [
        forecast("5.00", category="mugs", channel="web", market="GB"),
        forecast("6.00", category="mugs", channel="web", market="GB", made_at=rfc3339(T0 + 1)),
        forecast("10.00"),
        forecast("1.00", month="2011-03"),
    ]
    writer.write(
        batch(
            customer_events=records(*log),
            decisions=records(decision("d")),
            forecasts=records(*forecasts, b'{"brand": "shop"}'),
        )
    )
    columns = "month, market, channel, category, forecast, actual, gap, triggered, is_over"
    found = ask(writer, f"SELECT {columns} FROM mart.forecast_vs_actual() ORDER BY month, category")
    assert [(*row[:4], *map(float, row[4:8]), row[8]) for row in found] == [
        (date(2011, 2, 1), "*", "*", "*", 10.0, 8.0, -2.0, 3.0, False),
        (date(2011, 2, 1), "GB", "web", "mugs", 6.0, 3.0, -3.0, 3.0, False),
        (date(2011, 3, 1), "*", "*", "*", 1.0, 0.0, -1.0, 0.0, False),
    ]
    assert ask(writer, "SELECT count(*) FROM raw.forecasts") == [4]
    assert ask(writer, "SELECT records FROM meta.skipped WHERE topic = 'forecasts'") == [1]


def test_sales_that_no_forecast_covers_are_shown_without_one(writer: DuckDBWriter) -> None:
    log = [order("o1", "c1", line("p", 1, 100)), order("o2", "c1", line("p", 1, 500), channel="phone")]
    writer.write(batch(customer_events=records(*log), forecasts=records(forecast("2.00", channel="web"))))
    found = ask(writer, "SELECT channel, category, forecast, actual FROM mart.forecast_vs_actual()")
    assert found == [("web", "*", Decimal("2"), Decimal("1")), ("phone", "unknown", None, Decimal("5"))]


def test_the_alignment_report_has_a_line_for_each_figure_of_the_month(writer: DuckDBWriter) -> None:
    asked = [{"gate": "content", "passed": False, "value": "cart-1 in none of fr"}]
    writer.write(
        batch(
            customer_events=records(order("o1", "c1", line("p", 1, 100, category="mugs"), at=T0 + DAY)),
            decisions=records(
                decision("a"),
                decision("b", "suppressed", "content_missing", gates=asked),
                decision("next-month", at=T0 + 40 * DAY),
            ),
            forecasts=records(forecast("4.00")),
            progress=records(progress("intake", 0, {"orders": {"received": 2, "quarantined": 1}})),
        )
    )
    found = ask(
        writer,
        "SELECT section, subject, figure, value, unit FROM mart.alignment(DATE '2011-02-01') WHERE section <> 'it'",
    )
    assert found == [
        ("sales", "shop * * *", "gap to forecast", -3.0, "GBP"),
        ("sales", "shop * * *", "net sales", 1.0, "GBP"),
        ("sales", "shop * * *", "triggered", 1.0, "GBP"),
        ("campaigns", "shop cart", "messages", 1.0, "messages"),
        ("campaigns", "shop cart", "net sales after messages", 1.0, "GBP"),
        ("content", "shop cart cart-1", "decisions lost", 1.0, "decisions"),
    ]
    found = ask(
        writer, "SELECT subject, figure, value, unit FROM mart.alignment(DATE '2011-02-01') WHERE figure <> 'missing'"
    )
    assert [row for row in found if row[0] == "orders"] == [("orders", "quarantined", 0.5, "share")]


def test_a_decision_that_was_written_twice_counts_once_after_publication(writer: DuckDBWriter, tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    writer.write(batch(decisions=records(decision("a"), decision("b"))))
    writer.publish(tmp_path, 1, now)
    writer.write(batch(decisions=records(decision("a"), decision("c"), first=2)))
    writer.write(batch(decisions=records(decision("a"), decision("c"), partition=1)))
    assert ask(writer, "SELECT count(*) FROM core.fct_decisions") == [6]
    writer.publish(tmp_path, 1, now)
    assert ask(writer, "SELECT count(*), count(DISTINCT decision_id) FROM core.fct_decisions") == [(3, 3)]
    assert ask(writer, "SELECT sum(decisions) FROM mart.decision_funnel") == [3]
    assert ask(writer, "SELECT count(*) FROM raw.decisions") == [6]
