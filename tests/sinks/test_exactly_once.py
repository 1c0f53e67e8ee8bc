"""On a real broker: whatever dies and when, DuckDB holds every committed record exactly once."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator

import duckdb
import pytest

from schemas.topics import MARK_KEY
from sinks.ingest import TOPICS
from sinks.protocol import SinkRecord
from sinks.snapshots import snapshots
from streams.runtime.failpoints import EXIT_CODE
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics
from tests.sinks.builders import DAY, T0, FakeRecord, decision, feedback, line, order, records
from tests.sinks.pipeline import drain_sink, failpoint_log, produce, start_sink, stop_sink
from tests.sinks.rows import ask_file

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    """Settings whose topics exist."""
    ensure_topics(settings, TOPICS)
    yield settings
    delete_topics(settings, prefix=settings.topic_prefix)


def orders(count: int, first: int = 0) -> list[SinkRecord]:
    return [
        record
        for number in range(first, first + count)
        for record in records(
            order(f"o{number % 90}", f"c{number % 7}", line("p", number % 5 + 1, 100), event_id=f"e{number:04}"),
            partition=number % 4,
        )
    ]


def decisions(count: int) -> list[SinkRecord]:
    return [record for n in range(count) for record in records(decision(f"d{n}", at=T0 + n * DAY), partition=n % 4)]


@pytest.mark.parametrize(
    "failpoints",
    ["sink_before_commit:1", "sink_before_commit:3", "sink_after_commit:1", "sink_after_commit:4", "in_snapshot:1"],
)
def test_a_kill_loses_and_doubles_nothing(topics: Settings, failpoints: str) -> None:
    written = orders(300)
    produce(topics, "customer-events", written)
    produce(topics, "decisions", decisions(200))
    code, log = drain_sink(topics, records_max=60, failpoints=failpoints)
    assert code == EXIT_CODE, log
    assert failpoint_log(topics).read_text() == failpoints.partition(":")[0] + "\n"
    assert drain_sink(topics, records_max=60)[0] == 0
    for table, expected in (("raw.customer_events", 300), ("raw.event_lines", 300), ("raw.decisions", 200)):
        assert ask_file(
            topics.duckdb_path, f"SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)) FROM {table}"
        ) == [(expected, expected)]
    naive = {(number % 7, number % 90): number % 5 + 1 for number in reversed(range(300))}
    assert ask_file(topics.duckdb_path, "SELECT count(*), sum(quantity) FROM core.fct_order_lines") == [
        (len(naive), sum(naive.values()))
    ]
    assert [path.suffix for path in topics.snapshot_dir.iterdir() if "unfinished" in path.name] == []


def test_a_kill_by_chance_loses_and_doubles_nothing(topics: Settings) -> None:
    produce(topics, "customer-events", orders(4000))
    seen = []
    for wait_s in (0.05, 0.2, 0.4):
        with start_sink(topics, drain=False, records_max=50) as sink:
            assert sink.stderr is not None
            assert "sink started" in sink.stderr.readline()
            time.sleep(wait_s)
            sink.kill()
        with duckdb.connect(str(topics.duckdb_path)) as database:
            seen.append(database.execute("SELECT count(*) FROM raw.customer_events").fetchall()[0][0])
    assert 0 < max(seen) < 4000, "a kill fell into the work"
    assert drain_sink(topics)[0] == 0
    assert ask_file(topics.duckdb_path, "SELECT count(*), count(DISTINCT event_id) FROM raw.customer_events") == [
        (4000, 4000)
    ]


def test_aborted_transactions_and_marks_are_no_rows(topics: Settings) -> None:
    produce(topics, "decisions", decisions(10))
    produce(topics, "decisions", decisions(50), commit=False)
    produce(topics, "customer-events", [FakeRecord(0, 0, T0, MARK_KEY, b"{}"), *orders(3)])
    produce(topics, "channel-feedback", records(feedback("f"), b"{broken"))
    assert drain_sink(topics)[0] == 0
    path = topics.duckdb_path
    assert ask_file(path, "SELECT count(*) FROM raw.decisions") == [10]
    assert ask_file(path, "SELECT count(*) FROM raw.customer_events") == [3]
    assert ask_file(path, "FROM meta.skipped") == [("channel-feedback", "invalid", 1)]


def test_a_signal_ends_it_cleanly_with_everything_published(topics: Settings) -> None:
    with start_sink(topics, drain=False) as sink:
        assert sink.stderr is not None
        started = json.loads(sink.stderr.readline())
        assert started["message"] == "sink started"
        produce(topics, "decisions", decisions(20))
        base = f"http://127.0.0.1:{started['port']}"
        assert urllib.request.urlopen(f"{base}/readyz", timeout=5).status == 200
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            metrics = urllib.request.urlopen(f"{base}/metrics", timeout=5).read().decode()
            if 'cuepoint_sink_records_total{topic="decisions"} 20.0' in metrics:
                break
            time.sleep(0.1)
        assert json.loads(urllib.request.urlopen(f"{base}/healthz", timeout=5).read())["live"] is True
        code, log = stop_sink(sink)
    assert code == 0, log
    assert [json.loads(text)["message"] for text in log.splitlines()][-2:] == ["snapshot published", "sink stopped"]
    assert ask_file(snapshots(topics.snapshot_dir)[-1], "SELECT count(*) FROM raw.decisions") == [20]


def test_topics_that_were_made_anew_are_refused(topics: Settings) -> None:
    produce(topics, "decisions", decisions(40))
    assert drain_sink(topics)[0] == 0
    delete_topics(topics, prefix=topics.topic_prefix)
    ensure_topics(topics, TOPICS)
    code, log = drain_sink(topics)
    assert code == 2
    assert "was made anew" in json.loads(log.splitlines()[-1])["message"]
    assert ask_file(topics.duckdb_path, "SELECT count(*) FROM raw.decisions") == [40]


def test_missing_topics_are_one_sentence(settings: Settings) -> None:
    code, log = drain_sink(settings)
    assert code == 2
    (line_,) = log.splitlines()
    assert "is missing" in json.loads(line_)["message"]
