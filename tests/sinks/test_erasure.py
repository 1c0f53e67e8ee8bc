"""An erasure takes rows with the batch that brings it, keeps out what comes late, and leaves no bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from schemas.envelope import Envelope
from sinks.duckdb_writer import DuckDBWriter
from sinks.protocol import Batch, SinkRecord
from sinks.snapshots import LATEST, snapshots
from sinks.tables import FORECASTS, RAW_TABLES
from streams.errors import SinkError
from streams.identity.audit import change
from streams.wire import encode_envelope
from tests.sinks.builders import DAY, T0, FakeRecord, batch, decision, event, feedback, line, order
from tests.sinks.rows import ask

GONE, STAYS, COOKIE = "customer-77193", "customer-20481", "cookie-90125"
HEADERS = [
    ("cuepoint-topic", b"orders"),
    ("cuepoint-partition", b"3"),
    ("cuepoint-offset", b"41"),
    ("cuepoint-stage", b"intake"),
    ("cuepoint-reason", b"not_json"),
    ("cuepoint-message", b"no JSON"),
    ("cuepoint-sha256", b"ab"),
    ("cuepoint-bytes", b"3"),
]
NOW = datetime.now(UTC)
LATER = timedelta(days=2)


def given(name: str) -> bytes:
    """The audit record of a link."""
    order = event("e1", "identity.link", f"anon:{COOKIE}", {}, T0)
    return msgspec.json.encode(change(order, "linked", name, identifier=f"anon:{COOKIE}"))


def about(name: str, at: int = T0, first: int = 0) -> Batch:
    """Something of a customer in every table."""
    placed = order(f"o-{name}", name, line("p", 2, 500), line("q", 1, 100, "2"), at=at)
    values = {
        "customer_events": encode_envelope(placed),
        "decisions": decision(f"d-{name}", customer_id=name),
        "channel_feedback": feedback(f"f-{name}", customer_id=name),
        "identity_audit": given(name),
    }
    made = {topic: [FakeRecord(0, first, T0, name.encode(), value)] for topic, value in values.items()}
    broken = f'{{"customer_id":"{name}","broken'.encode()
    return batch(quarantine=[FakeRecord(0, first, T0, b"orders-3-41", broken, HEADERS)], **made)


def said(*events: Envelope, first: int) -> list[SinkRecord]:
    return [FakeRecord(0, first + n, T0, e.customer.encode(), encode_envelope(e)) for n, e in enumerate(events)]


def forget(name: str, at: int = T0 + DAY) -> Envelope:
    return event(f"x-{name}", "customer.erased", name, {}, at, source="identity")


def counts(writer: DuckDBWriter) -> list[int]:
    """Of every table that may hold a person."""
    holding = [table for table in RAW_TABLES if table is not FORECASTS]
    return [ask(writer, f"SELECT count(*) FROM {table.full_name}")[0] for table in holding]


@pytest.fixture
def sink(path: Path) -> DuckDBWriter:
    """Two customers in every table; the hashes are keyed, files are rewritten after a day."""
    writer = DuckDBWriter(path, "p", "a key of the tests", 86_400)
    writer.write(about(GONE))
    writer.write(about(STAYS, first=1))
    return writer


def test_rows_of_all_tables_go_with_the_order_and_nobody_elses(sink: DuckDBWriter) -> None:
    assert counts(sink) == [2, 4, 2, 2, 2, 2]
    sink.write(batch(customer_events=said(forget(GONE), first=2)))
    assert counts(sink) == [1, 2, 1, 1, 1, 1]
    assert ask(sink, "SELECT DISTINCT customer_id FROM raw.customer_events") == [STAYS]
    assert ask(sink, "SELECT length(name_hash), rewritten FROM meta.erasures") == [(32, False)]
    sink.close()


def test_what_comes_late_stays_out_and_positions_go_on(sink: DuckDBWriter, path: Path) -> None:
    sink.write(batch(customer_events=said(forget(GONE), first=2)))
    sink.close()
    again = DuckDBWriter(path, "p", "a key of the tests", 86_400)
    again.write(about(GONE, first=3))
    again.write(about(GONE, at=T0 + 9 * DAY, first=4))
    assert counts(again) == [1, 2, 1, 1, 1, 1]
    assert again.positions()["customer-events", 0] == 5
    again.close()


def test_an_order_and_what_it_is_about_may_come_in_one_batch(sink: DuckDBWriter) -> None:
    both = about("customer-3", first=5)
    both.records["customer-events"] += said(forget("customer-3"), first=6)
    sink.write(both)
    assert counts(sink) == [2, 4, 2, 2, 2, 2]
    sink.close()


def test_an_identifier_may_be_used_again_afterwards(sink: DuckDBWriter) -> None:
    name = f"anon:{COOKIE}"
    before, after = T0 + DAY, T0 + DAY + 1
    visits = [event(f"v{at}", "page.viewed", name, {"page": "a"}, at) for at in (T0, before, after)]
    sink.write(batch(customer_events=said(*visits, first=2)))
    answer = feedback("f9", customer_id=None, anonymous_id=COOKIE)
    sink.write(batch(channel_feedback=[FakeRecord(0, 9, T0, b"k", answer)]))
    sink.write(batch(customer_events=said(forget(name, before), *visits, first=5)))
    sink.write(batch(channel_feedback=[FakeRecord(0, 10, T0, b"k", answer)]))
    kept = f"SELECT event_id FROM raw.customer_events WHERE customer_id = '{name}'"
    assert ask(sink, kept) == [f"v{after}"] * 2
    assert ask(sink, "SELECT count(*) FROM raw.feedback WHERE anonymous_id IS NOT NULL") == [0]
    sink.close()


@pytest.mark.parametrize(("name", "cookie"), [(f"anon~2:{COOKIE}", COOKIE), ("anon:a:b", "a:b")])
def test_feedback_is_found_by_the_identifier_alone(sink: DuckDBWriter, name: str, cookie: str) -> None:
    """Whether it was unlinked before, and whatever it holds."""
    answer = feedback("f9", customer_id=None, anonymous_id=cookie)
    sink.write(batch(channel_feedback=[FakeRecord(0, 9, T0, b"k", answer)]))
    sink.write(batch(customer_events=said(forget(name), first=5)))
    sink.write(batch(channel_feedback=[FakeRecord(0, 10, T0, b"k", answer)]))
    assert ask(sink, "SELECT count(*) FROM raw.feedback WHERE anonymous_id IS NOT NULL") == [0]
    sink.close()


def test_the_audit_of_an_unlinking_can_be_asked_for(sink: DuckDBWriter) -> None:
    order = event("e2", "identity.unlinked", f"anon:{COOKIE}", {}, T0 + DAY)
    taken = change(order, "unlinked", STAYS, identifier=f"anon:{COOKIE}", unknown=f"anon~1:{COOKIE}")
    sink.write(batch(identity_audit=[FakeRecord(0, 9, T0, STAYS.encode(), msgspec.json.encode(taken))]))
    found = ask(sink, f"SELECT unknown FROM raw.identity_audit WHERE action = 'unlinked' AND customer_id = '{STAYS}'")
    assert found == [f"anon~1:{COOKIE}"]
    assert ask(sink, "SELECT epoch_ms(occurred_at) FROM raw.identity_audit WHERE event_id = 'e2'") == [T0 + DAY]
    sink.close()


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def test_after_the_rewriting_no_byte_is_left_in_any_file(sink: DuckDBWriter, path: Path, tmp_path: Path) -> None:
    """Text of more than twelve bytes lies in DuckDB's blocks as it is when nothing compresses it."""
    sink._database.execute("SET force_compression = 'uncompressed'")
    sink.publish(tmp_path / "shots", 3, NOW - LATER)
    sink.write(batch(customer_events=said(forget(GONE), first=2)))
    sink.publish(tmp_path / "shots", 3, NOW)
    assert not ask(sink, f"FROM raw.decisions WHERE customer_id = '{GONE}'")
    found = bytes_of(tmp_path)
    assert GONE.encode() in found, "the older snapshot has it still"
    assert STAYS.encode() in found
    assert len(snapshots(tmp_path / "shots")) == 2
    last = sink.publish(tmp_path / "shots", 3, NOW + LATER)
    found = bytes_of(tmp_path)
    assert GONE.encode() not in found
    assert snapshots(tmp_path / "shots") == [last]
    with duckdb.connect(str(tmp_path / "shots" / LATEST), read_only=True) as latest:
        assert latest.execute("SELECT customer_id FROM raw.decisions").fetchall() == [(STAYS,)]
        assert latest.execute("SELECT rewritten FROM meta.erasures").fetchall() == [(True,)]
        assert latest.execute("SELECT count(*) FROM mart.decision_funnel").fetchall() != [(0,)]
    assert counts(sink) == [1, 2, 1, 1, 1, 1]
    assert sink.positions()["customer-events", 0] == 3
    sink.write(about("customer-5", first=6))
    sink.close()


def test_a_rewriting_that_died_is_begun_anew(sink: DuckDBWriter, path: Path, tmp_path: Path) -> None:
    path.with_name(path.name + ".rewriting").write_bytes(b"half a file")
    sink.write(batch(customer_events=said(forget(GONE), first=2)))
    sink.publish(tmp_path / "shots", 3, NOW + LATER)
    assert not path.with_name(path.name + ".rewriting").exists()
    assert counts(sink) == [1, 2, 1, 1, 1, 1]
    sink.close()


def test_a_rewriting_without_room_says_so_and_keeps_the_file(sink: DuckDBWriter, path: Path, tmp_path: Path) -> None:
    path.with_name(path.name + ".rewriting").mkdir()
    sink.write(batch(customer_events=said(forget(GONE), first=2)))
    with pytest.raises(SinkError, match=path.name):
        sink.publish(tmp_path / "shots", 3, NOW + LATER)
    assert counts(sink) == [1, 2, 1, 1, 1, 1]
    sink.close()
