"""The Parquet sink: a commit is there or not, whatever dies; readers see the tables and marts of a snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sinks.duckdb_writer import DuckDBWriter
from sinks.parquet_files import read_folder
from sinks.parquet_read import open_parquet
from sinks.parquet_sink import ParquetSink
from sinks.protocol import Batch
from streams.errors import SinkError
from streams.runtime.failpoints import EXIT_CODE
from tests.sinks.builders import DAY, T0, batch, decision, event, feedback, line, order, progress, records
from tests.sinks.rows import ask

ROOT = Path(__file__).parents[2]
BATCHES, EACH = 6, 20
_RUN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sinks.parquet_sink import ParquetSink
from tests.sinks.test_parquet import BATCHES, EACH, made
sink = ParquetSink(Path(sys.argv[1]), "p")
done = sink.positions().get(("decisions", 0), 0) // EACH
for number in range(done, BATCHES):
    sink.write(made(number))
sink.close()
"""


def made(number: int) -> Batch:
    """A batch as the topics have it: the same one whenever it is asked for."""
    first = number * EACH
    names = range(first, first + EACH)
    return batch(
        decisions=records(*(decision(f"d{name}", customer_id=f"c{name % 7}") for name in names), first=first),
        customer_events=records(
            *(order(f"o{name}", f"c{name % 7}", line("p", 1, 100), at=T0 + DAY) for name in names), first=first
        ),
        progress=records(progress("decide", 0, {"orders": {"accepted": first + EACH}}), first=number),
    )


def run(directory: Path, failpoints: str = "") -> int:
    environ = {**os.environ, "CUEPOINT_FAILPOINTS": failpoints}
    return subprocess.run(
        [sys.executable, "-c", _RUN, directory], cwd=ROOT, env=environ, check=False, timeout=120
    ).returncode


@pytest.mark.parametrize(
    "failpoints",
    ["parquet_before_commit:1", "parquet_before_commit:3", "parquet_after_commit:1", "parquet_after_commit:4"],
)
def test_a_kill_loses_and_doubles_nothing(tmp_path: Path, failpoints: str) -> None:
    assert run(tmp_path, failpoints) == EXIT_CODE
    files = len(list(tmp_path.rglob("*.parquet")))
    if failpoints.startswith("parquet_before"):
        assert files > len(read_folder(tmp_path).files), "what was written and not committed is there, and not named"
    assert run(tmp_path) == 0
    database = open_parquet(tmp_path)
    for table in ("raw.decisions", "raw.customer_events", "raw.event_lines"):
        counts = f"SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)) FROM {table}"
        assert database.execute(counts).fetchall() == [(BATCHES * EACH, BATCHES * EACH)]
    accepted = database.execute("SELECT accepted FROM meta.stage_counts").fetchall()
    database.close()
    assert accepted == [(BATCHES * EACH,)]
    assert len(list(tmp_path.rglob("*.parquet"))) == len(read_folder(tmp_path).files), "nothing is left over"
    assert list((tmp_path / "manifests").glob("*partial*")) == []


def test_marts_answer_as_those_of_the_duckdb_sink(writer: DuckDBWriter, tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "files", "p")
    for number in range(2):
        sink.write(made(number))
        writer.write(made(number))
    odd = batch(channel_feedback=records(feedback("f"), b"no json"), decisions=records(decision("d1"), first=2 * EACH))
    sink.write(odd)
    writer.write(odd)
    writer.publish(tmp_path / "snapshots", 1, datetime(2026, 1, 1, tzinfo=UTC))
    sink.close()
    database = open_parquet(tmp_path / "files")
    for query in (
        "FROM mart.decision_funnel",
        "FROM mart.campaign_results()",
        "FROM mart.daily_sales",
        "FROM core.fct_feedback",
        "SELECT topic, reason, records FROM meta.skipped ORDER BY ALL",
        "SELECT decision_id, gates, items FROM core.fct_decisions ORDER BY ALL",
    ):
        found = database.execute(query).fetchall()
        assert found
        assert found == writer._database.execute(query).fetchall()
    database.close()


def test_an_erasure_takes_rows_and_bytes_out_of_earlier_files(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "p")
    sink.write(made(0))
    sink.write(batch(channel_feedback=records(feedback("f1", customer_id="keep-me"))))
    untouched = set(read_folder(tmp_path).of_table("raw.feedback"))
    sink.write(
        batch(customer_events=records(event("x", "customer.erased", "c3", {}, T0 + 5 * DAY), first=EACH, key=b"c3"))
    )
    sink.write(batch(decisions=records(decision("late", customer_id="c3"), first=EACH, key=b"c3")))
    sink.close()
    database = open_parquet(tmp_path)
    for table in ("raw.decisions", "raw.customer_events"):
        found = database.execute(f"SELECT count(*), count(*) FILTER (customer_id = 'c3') FROM {table}").fetchall()
        assert found == [(17, 0)], "3 of 20 were theirs"
    assert database.execute("SELECT count(*) FROM raw.event_lines").fetchall() == [(17,)]
    database.close()
    assert set(read_folder(tmp_path).of_table("raw.feedback")) == untouched
    left = list(tmp_path.rglob("*.parquet"))
    assert len(left) == len(read_folder(tmp_path).files)


def test_two_sinks_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    first, second = ParquetSink(tmp_path, "p"), ParquetSink(tmp_path, "p")
    first.write(made(0))
    with pytest.raises(SinkError, match="commit 1 of another sink"):
        second.write(made(0))
    with pytest.raises(SinkError, match=r"topics p\.\*, not of q"):
        ParquetSink(tmp_path, "q")


def test_a_missing_commit_and_a_damaged_one_are_noticed(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "p")
    for number in range(2):
        sink.write(made(number))
    sink.close()
    first = tmp_path / "manifests" / "000000000001.json"
    text = first.read_text()
    first.write_text(text[:-5])
    with pytest.raises(SinkError, match="damaged"):
        read_folder(tmp_path)
    first.unlink()
    with pytest.raises(SinkError, match="commit 1 is missing"):
        open_parquet(tmp_path)
    with pytest.raises(SinkError, match="Nothing has been committed"):
        open_parquet(tmp_path / "elsewhere")


def test_the_rows_are_those_of_the_writer(writer: DuckDBWriter, tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "p")
    sink.write(made(0))
    writer.write(made(0))
    sink.close()
    database = open_parquet(tmp_path)
    query = "SELECT * FROM raw.decisions ORDER BY kafka_offset"
    assert database.execute(query).fetchall() == ask(writer, query)
    database.close()
