"""Queries on the newest snapshot: by the command, and by the DuckDB of other people."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sinks.duckdb_writer import DuckDBWriter
from sinks.layout import views
from sinks.snapshots import LATEST
from tests.analysts.shop import ROOT, cuepoint
from tests.sinks.builders import DAY, T0, batch, decision, line, order, progress, records

OLDER = ROOT / ".venv-duckdb15" / "bin" / "python"
_ARGUMENTS = {
    "mart.customer_timeline": "('c1')",
    "mart.alignment": "(DATE '2011-02-01')",
    "mart.decisions_known_at": "(TIMESTAMPTZ '2011-02-04')",
    "mart.sales_known_at": "(TIMESTAMPTZ '2011-02-04')",
}
_ASK = """
import duckdb, json, sys
database = duckdb.connect(sys.argv[1], read_only=True)
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
answers = {}
for query in json.load(sys.stdin):
    answers[query] = database.execute(query).fetchall()
print(json.dumps([duckdb.__version__, answers]))
"""


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("snapshots")
    writer = DuckDBWriter(directory / "sink.duckdb", "p")
    decisions = [decision("a"), decision("b", "suppressed", "no_consent"), decision("c", customer_id="c2")]
    writer.write(
        batch(
            decisions=records(*decisions),
            customer_events=records(order("o1", "c1", line("p", 1, 100), at=T0 + DAY)),
            progress=records(progress("intake", 0, {"orders": {"received": 1}})),
        )
    )
    writer.publish(directory, 1, datetime(2011, 3, 1, tzinfo=UTC))
    writer.close()
    return directory


def ask(snapshots: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return cuepoint(snapshots, "sql", *arguments, stdin=stdin, CUEPOINT_SNAPSHOT_DIR=str(snapshots))


def test_a_query_is_answered_in_each_format(snapshots: Path) -> None:
    query = "SELECT outcome, decisions, share, NULL AS nothing FROM mart.decision_funnel"
    assert ask(snapshots, query).stdout.splitlines() == [
        "outcome     decisions  share   nothing",
        "sent        2          0.6667",
        "suppressed  1          0.3333",
    ]
    assert ask(snapshots, "--format", "csv", query).stdout.splitlines()[0] == "outcome,decisions,share,nothing"
    assert json.loads(ask(snapshots, "--format", "json", query).stdout)[1]["decisions"] == 1


def test_queries_come_on_standard_input_too(snapshots: Path) -> None:
    found = ask(snapshots, stdin="SELECT 1 AS one;\nSELECT count(*) AS decisions FROM core.fct_decisions;\n")
    assert found.stdout.splitlines() == ["one", "1", "decisions", "3"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing FROM mart.decision_funnel", "nothing"),
        ("SELEC 1", "SELEC"),
        ("DELETE FROM raw.decisions", "read-only"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(snapshots: Path, query: str, said: str) -> None:
    found = ask(snapshots, query)
    assert found.returncode == 2
    assert said in found.stderr
    assert found.stderr.startswith("cuepoint: The query cannot be run")
    assert len(found.stderr.splitlines()) == 1


def test_without_a_snapshot_the_way_out_is_told(tmp_path: Path) -> None:
    found = ask(tmp_path, "SELECT 1")
    assert (found.returncode, "start the sink" in found.stderr) == (2, True)


def test_duckdb_1_5_gives_the_same_answer_to_every_view_and_macro(snapshots: Path) -> None:
    queries = [
        f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {view.name}"
        + ("" if view.kind == "VIEW" else _ARGUMENTS.get(view.name, "()"))
        for view in views()
        if view.kind != "MACRO" and view.name.startswith("mart.")
    ]
    if not OLDER.exists():
        pytest.skip(f"NOT RUN: {len(queries)} queries, DuckDB 1.5 is not installed (.venv-duckdb15)")
    answers = []
    for python in (OLDER, ROOT / ".venv" / "bin" / "python"):
        done = subprocess.run(
            [python, "-c", _ASK, snapshots / LATEST],
            input=json.dumps(queries),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    (older, of_older), (newer, of_newer) = answers
    assert older.startswith("1.5.")
    assert newer.startswith("2.")
    assert len(of_older) == len(queries) > 20
    differ = [query for query in queries if sorted(of_older[query]) != sorted(of_newer[query])]
    assert differ == []
    assert sum(bool(rows) for rows in of_newer.values()) > 10, "most of them have something to say"
