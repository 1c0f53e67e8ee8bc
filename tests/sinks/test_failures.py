"""Each failure is one sentence with the cause and the way out, and leaves everything before it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sinks.duckdb_writer import DuckDBWriter
from sinks.layout import LAYOUT_VERSION
from streams.errors import SinkError
from tests.sinks.builders import batch, decision, records
from tests.sinks.rows import ask, ask_file

ROOT = Path(__file__).parents[2]
_HOLD = """
import sys
from pathlib import Path
from sinks.duckdb_writer import DuckDBWriter
writer = DuckDBWriter(Path(sys.argv[1]), "p")
print(flush=True)
sys.stdin.read()
"""
_FILL = """
import os, resource, sys
from pathlib import Path
from sinks.duckdb_writer import DuckDBWriter
from streams.errors import SinkError
from tests.sinks.builders import batch, decision, records
writer = DuckDBWriter(Path(sys.argv[1]), "p")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for number in range(1000):
    rows = [decision(f"{number}-{n}", inputs=[os.urandom(500).hex()]) for n in range(100)]
    try:
        writer.write(batch(decisions=records(*rows, first=100 * number)))
    except SinkError as error:
        print(number, error, sep="|", flush=True)
        os._exit(2)
"""


def test_a_second_sink_on_the_same_file_is_told_who_holds_it(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(SinkError, match=rf"in use by process {holder.pid} .*CUEPOINT_DUCKDB_PATH"):
            DuckDBWriter(path, "p")
        holder.communicate("")
    DuckDBWriter(path, "p").close()


@pytest.mark.parametrize("limit_bytes", [1_500_000, 4_000_000])
def test_a_full_disk_keeps_everything_before_the_failed_batch(path: Path, limit_bytes: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILL, path, str(limit_bytes)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    committed, sentence = done.stdout.split("|")
    assert "is full" in sentence
    assert "\n" not in sentence.strip()
    with_room = DuckDBWriter(path, "p")
    assert ask(with_room, "SELECT count(*), count(DISTINCT decision_id) FROM raw.decisions") == [
        (100 * int(committed), 100 * int(committed))
    ]
    assert with_room.positions() == {("decisions", 0): 100 * int(committed)}
    with_room.write(batch(decisions=records(decision("more"), first=100 * int(committed))))
    with_room.close()


def test_a_file_of_a_newer_layout_is_refused_and_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("UPDATE meta.layout SET version = ?", [LAYOUT_VERSION + 1])
    with pytest.raises(SinkError, match=f"layout {LAYOUT_VERSION + 1}.*upgrade Cuepoint"):
        DuckDBWriter(path, "p")
    assert ask_file(path, "SELECT version FROM meta.layout") == [LAYOUT_VERSION + 1]


def test_a_file_of_other_topics_is_refused(path: Path) -> None:
    with pytest.raises(SinkError, match=r"topics p\.\*, not of other\.\*"):
        DuckDBWriter(path, "other")


def test_a_duckdb_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as database:
        database.execute("CREATE TABLE mine (a INTEGER)")
    with pytest.raises(SinkError, match="something else"):
        DuckDBWriter(tmp_path / "x.duckdb", "p")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(SinkError, match="no DuckDB file"):
        DuckDBWriter(tmp_path / "x.duckdb", "p")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file/cuepoint\.duckdb"):
        DuckDBWriter(tmp_path / "file" / "cuepoint.duckdb", "p")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_is_not_writable_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="cannot be written"):
        DuckDBWriter(tmp_path / "cuepoint.duckdb", "p")


def test_a_column_that_was_added_since_is_added_to_an_older_file(path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        for view in ("core.fct_decisions", "core.fct_decision_gates"):
            database.execute(f"DROP VIEW {view}")
        database.execute("ALTER TABLE raw.decisions DROP COLUMN late")
        database.execute("UPDATE meta.layout SET fingerprint = 'older'")
    writer = DuckDBWriter(path, "p")
    writer.write(batch(decisions=records(decision("a", late=True))))
    assert ask(writer, "SELECT late FROM raw.decisions") == [True]
    writer.close()
