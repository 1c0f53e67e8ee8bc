"""Analysts read published snapshots in processes of their own while the sink writes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from sinks.duckdb_writer import DuckDBWriter
from sinks.layout import STORAGE_VERSION
from sinks.read import open_latest
from sinks.snapshots import LATEST, snapshots
from streams.errors import SinkError
from streams.settings import Settings
from tests.sinks.builders import T0, batch, decision, progress, records
from tests.sinks.rows import ask_file

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_READ = """
import duckdb, sys
database = duckdb.connect(sys.argv[1], read_only=True)
print(flush=True)
for _ in sys.stdin:
    print(database.execute("SELECT count(*) FROM core.fct_decisions").fetchone()[0], flush=True)
"""


def publish(writer: DuckDBWriter, directory: Path, seconds: int = 0, kept: int = 2) -> Path:
    return writer.publish(directory, kept, NOW + timedelta(seconds=seconds))


def test_another_process_reads_while_the_sink_writes_and_publishes(writer: DuckDBWriter, tmp_path: Path) -> None:
    writer.write(batch(decisions=records(decision("a"))))
    publish(writer, tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _READ, tmp_path / LATEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdout.readline()
        for number in range(4):
            writer.write(batch(decisions=records(decision(f"b{number}"), first=1 + number)))
            publish(writer, tmp_path, 1 + number, kept=1)
            reader.stdin.write("\n")
            reader.stdin.flush()
            assert reader.stdout.readline() == "1\n"
        reader.stdin.close()
    assert ask_file(tmp_path / LATEST, "SELECT count(*) FROM core.fct_decisions") == [5]


def test_a_snapshot_says_what_it_holds(writer: DuckDBWriter, tmp_path: Path) -> None:
    writer.write(
        batch(
            decisions=records(decision("a"), decision("b")),
            progress=[
                *records(progress("decide", 0, {}, T0 + 9), key=b"d0"),
                *records(progress("decide", 1, {}, T0 + 5), first=1, key=b"d1"),
                *records(progress("intake", 0, {}, T0), first=2, key=b"i0"),
            ],
        )
    )
    path = publish(writer, tmp_path)
    assert path.name == "cuepoint-20260102T030405.000000Z.duckdb"
    (info,) = ask_file(path, "SELECT published_at, epoch_ms(as_of), positions, counts FROM meta.snapshot_info")
    assert info[:2] == (NOW, T0 + 5)
    assert info[2] == [
        {"topic": "decisions", "partition_number": 0, "next_offset": 2},
        {"topic": "progress", "partition_number": 0, "next_offset": 3},
    ]
    assert {entry["table_name"]: entry["records"] for entry in info[3]}["raw.decisions"] == 2


def test_the_last_few_are_kept_and_the_link_is_the_newest(writer: DuckDBWriter, tmp_path: Path) -> None:
    (tmp_path / "cuepoint-20250101T000000.000000Z.unfinished").touch()
    (tmp_path / "cuepoint-notes.duckdb").touch()
    paths = [publish(writer, tmp_path, seconds) for seconds in range(4)]
    assert snapshots(tmp_path) == paths[2:]
    assert (tmp_path / LATEST).resolve() == paths[3]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".unfinished") == []
    assert (tmp_path / "cuepoint-notes.duckdb").exists()


def test_a_snapshot_has_the_storage_format_of_duckdb_1_5(writer: DuckDBWriter, tmp_path: Path) -> None:
    path = publish(writer, tmp_path)
    with duckdb.connect() as database:
        database.execute(f"ATTACH '{path}' AS s (READ_ONLY)")
        found = database.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 's'").fetchone()
    assert found == ({"storage_version": f"{STORAGE_VERSION}+"},)
    header = path.read_bytes()[8:16]
    assert header == b"DUCK" + (68).to_bytes(4, "little"), "68 is the newest file version that DuckDB 1.5 reads"


def test_publishing_does_not_give_the_file_away(writer: DuckDBWriter, path: Path, tmp_path: Path) -> None:
    publish(writer, tmp_path)
    second = "import sys, duckdb; duckdb.connect(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", second, path], capture_output=True, text=True, check=False)
    assert "Could not set lock" in done.stderr


def test_reading_before_the_first_snapshot_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"no snapshot .* start the sink"):
        open_latest(Settings(snapshot_dir=tmp_path))


def test_open_latest_opens_the_newest_read_only(writer: DuckDBWriter, tmp_path: Path) -> None:
    writer.write(batch(decisions=records(decision("a"))))
    publish(writer, tmp_path)
    with open_latest(Settings(snapshot_dir=tmp_path)) as database:
        assert database.execute("SELECT count(*) FROM mart.decision_funnel").fetchone() == (1,)
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            database.execute("DELETE FROM raw.decisions")


def test_a_directory_that_cannot_be_made_is_named(writer: DuckDBWriter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="file"):
        publish(writer, tmp_path / "file" / "snapshots")
