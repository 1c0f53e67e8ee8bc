"""A batch and its positions are kept together or not at all; what is not of a contract is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.topics import MARK_KEY
from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import (
    T0,
    FakeRecord,
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


def test_every_topic_has_its_rows_and_every_position_is_kept(writer: DuckDBWriter, path: Path) -> None:
    headers = [
        ("cuepoint-topic", b"orders"),
        ("cuepoint-partition", b"3"),
        ("cuepoint-offset", b"41"),
        ("cuepoint-stage", b"intake"),
        ("cuepoint-reason", b"not_json"),
        ("cuepoint-message", b"no JSON"),
        ("cuepoint-sha256", b"ab"),
        ("cuepoint-bytes", b"3"),
    ]
    writer.write(
        batch(
            decisions=records(decision("a"), decision("b", "suppressed", "returned")),
            customer_events=records(order("o1", "c1", line("p", 2, 500), line("q", 1, 100, "2")), partition=2, first=7),
            channel_feedback=records(feedback("f1"), feedback("f2", "opened")),
            quarantine=[FakeRecord(0, 0, T0, b"orders-3-41", b"\xff{\x00", headers)],
            progress=records(progress("decide", 1, {"orders": {"accepted": 4}})),
        )
    )
    assert ask(writer, "SELECT decision_id, outcome, kafka_offset, gates[1].passed FROM raw.decisions ORDER BY 3")[1][
        1:
    ] == (
        "suppressed",
        1,
        True,
    )
    assert ask(writer, "SELECT event_id, kafka_partition, kafka_offset, data->>'order' FROM raw.customer_events") == [
        ("e-o1", 2, 7, "o1")
    ]
    assert ask(writer, "SELECT line_id, document_id, quantity * unit_price_minor FROM raw.event_lines") == [
        ("1", "o1", 1000),
        ("2", "o1", 100),
    ]
    assert ask(writer, "SELECT status FROM raw.feedback ORDER BY kafka_offset") == ["delivered", "opened"]
    assert ask(writer, "SELECT source_topic, source_offset, reason, value FROM raw.quarantine") == [
        ("orders", 41, "not_json", b"\xff{\x00")
    ]
    assert ask(writer, "SELECT stage, partition_number, source, accepted, guest FROM meta.stage_counts") == [
        ("decide", 1, "orders", 4, 0)
    ]
    writer.close()
    assert DuckDBWriter(path, "p").positions() == {
        ("decisions", 0): 2,
        ("customer-events", 2): 8,
        ("channel-feedback", 0): 2,
        ("quarantine", 0): 1,
        ("progress", 0): 1,
    }


def test_times_are_kept_to_the_millisecond(writer: DuckDBWriter) -> None:
    writer.write(batch(customer_events=records(event("e", "page.viewed", "c", {}, T0 + 123, eff=T0 + 456))))
    assert ask(
        writer, "SELECT epoch_ms(occurred_at), epoch_ms(effective_at), epoch_ms(appended_at) FROM raw.customer_events"
    ) == [(T0 + 123, T0 + 456, T0)]


def test_marks_and_deletions_leave_no_row_and_still_move_the_position(writer: DuckDBWriter) -> None:
    marks = records(b"{}", key=MARK_KEY) + records(None, first=1)
    writer.write(batch(customer_events=marks))
    assert ask(writer, "SELECT count(*) FROM raw.customer_events") == [0]
    assert writer.positions() == {("customer-events", 0): 2}


@pytest.mark.parametrize(
    ("topic", "table", "good", "bad"),
    [
        (
            "channel_feedback",
            "feedback",
            feedback("f"),
            [b"{", b"\xff", b"[]", feedback("x", market="XX"), feedback("", "sent")],
        ),
        ("decisions", "decisions", decision("a"), [b"no", b"\xff\xfe", b'{"gates": 7}']),
        (
            "customer_events",
            "customer_events",
            b'{"id":"a","type":"t","source":"s","customer":"c","at":1,"eff":1}',
            [b'{"at":"x"}'],
        ),
    ],
)
def test_a_record_that_is_not_of_the_contract_is_counted_and_the_rest_is_kept(
    writer: DuckDBWriter, topic: str, table: str, good: bytes, bad: list[bytes]
) -> None:
    writer.write(batch(**{topic: records(good, *bad, good)}))
    writer.write(batch(**{topic: records(*bad, first=len(bad) + 2)}))
    assert ask(writer, f"SELECT kafka_offset FROM raw.{table} ORDER BY 1") == [0, len(bad) + 1]
    assert ask(writer, "SELECT * FROM meta.skipped") == [(topic.replace("_", "-"), "invalid", 2 * len(bad))]
    assert list(writer.positions().values()) == [2 * len(bad) + 2]


def test_a_time_that_is_written_as_a_number_is_a_time(writer: DuckDBWriter) -> None:
    writer.write(batch(channel_feedback=records(feedback("f", occurred_at=T0 // 1000, unknown_field=1))))
    assert ask(writer, "SELECT epoch_ms(occurred_at) FROM raw.feedback") == [T0]


def test_what_retention_deleted_is_counted(writer: DuckDBWriter) -> None:
    lost = batch(decisions=records(decision("a"), first=9))
    lost.expired = {"decisions": 9}
    writer.write(lost)
    assert ask(writer, "SELECT * FROM meta.skipped") == [("decisions", "expired", 9)]


def test_the_last_word_of_a_task_replaces_its_earlier_ones(writer: DuckDBWriter) -> None:
    first = FakeRecord(0, 0, T0, b"decide-0", progress("decide", 0, {"orders": {"accepted": 1}}))
    second = FakeRecord(0, 1, T0, b"decide-0", progress("decide", 0, {"orders": {"accepted": 2}}, clock=1 << 62))
    writer.write(batch(progress=[first, second]))
    writer.write(
        batch(progress=[FakeRecord(0, 2, T0, b"decide-0", progress("decide", 0, {"orders": {"accepted": 3}}, None))])
    )
    assert ask(writer, "SELECT accepted FROM meta.stage_counts") == [3]
    assert ask(writer, "SELECT complete_until FROM meta.stage_progress") == [None]


def test_a_clock_at_the_end_of_time_can_be_stored(writer: DuckDBWriter) -> None:
    writer.write(batch(progress=records(progress("decide", 0, {}, clock=1 << 62))))
    assert ask(writer, "SELECT year(complete_until) FROM meta.stage_progress") == [9999]


def test_the_state_that_a_merge_carries_is_not_kept(writer: DuckDBWriter) -> None:
    merged = event("m", "merge.in", "c1", {"merge": "m1", "from": "anon:1", "state": "x" * 1000})
    writer.write(batch(customer_events=records(merged)))
    assert ask(writer, "SELECT data::VARCHAR FROM raw.customer_events") == ['{"merge":"m1"}']


def test_lines_of_returns_and_receipts_name_their_documents(writer: DuckDBWriter) -> None:
    writer.write(
        batch(
            customer_events=records(
                goods_back("b1", "c1", line("p", 1, 0, refund=500, reason="broken"), order="o1"),
                receipt("s1/1", "c1", line("p", 1, 700, kind="sale")),
                event("c", "cart.updated", "c1", {"cart": "k", "lines": [{"product": "p", "qty": 1, "price": 1}]}),
            )
        )
    )
    assert ask(
        writer, "SELECT document_id, order_id, store_id, refund_minor, kind FROM raw.event_lines ORDER BY 1"
    ) == [
        ("b1", "o1", None, 500, None),
        ("s1/1", None, "s1", None, "sale"),
    ]
