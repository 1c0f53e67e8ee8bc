"""The analysts' page does what it says: its blocks run as they are written, in order, in a directory of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysts.shop import ROOT, TIMEOUT_S, cuepoint

pytestmark = pytest.mark.timeout(900)  # a dozen processes and a small backtest, beside other tests

PAGE = ROOT / "docs" / "for-analysts.md"
OLDER = ROOT / ".venv-duckdb15" / "bin" / "duckdb"
DUCKDB = str(OLDER) if OLDER.exists() else shutil.which("duckdb")
"""DuckDB's command line: the one that ``make test`` installs, or the machine's."""
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as a user sees it: the campaigns, the docs, and the command on the path."""
    directory = tmp_path_factory.mktemp("analyst")
    for name in ("campaigns", "docs"):
        (directory / name).symlink_to(ROOT / name)
    binaries = directory / "bin"
    binaries.mkdir()
    command = binaries / "cuepoint"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m streams.cli "$@"\n')
    command.chmod(0o755)
    if DUCKDB is not None:
        (binaries / "duckdb").symlink_to(DUCKDB)
    return directory


def run(place: Path, kind: str, text: str) -> subprocess.CompletedProcess[str]:
    """A block in the shell or Python that its first line names."""
    command = ["sh", "-e", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
    environ = {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=place, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.fixture(scope="module")
def printed(place: Path) -> dict[str, str]:
    """Each block with what it printed. Blocks for DuckDB's command line are left out where that is not installed."""
    found = {}
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if text.startswith("duckdb ") and DUCKDB is None:
            continue
        done = run(place, kind, text)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        found[text] = done.stdout
    return found


def only(printed: dict[str, str], part: str) -> str:
    return next(shown for text, shown in printed.items() if part in text)


def test_every_block_runs_as_it_stands(printed: dict[str, str]) -> None:
    assert "cart-reminder" in only(printed, "mart.gate_funnel")
    assert "orders," in only(printed, "source_health")
    assert "email" in only(printed, "import duckdb")
    alignment = only(printed, "mart.alignment")
    assert all(section in alignment for section in ("sales", "campaigns", "it "))
    assert "gap to forecast" in alignment


def test_the_report_of_the_walkthrough_is_a_page(printed: dict[str, str], place: Path) -> None:
    text = (place / "out" / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "Report February 2025" in text
    assert "everything" in text


def test_duckdb_of_the_command_line_reads_the_snapshot(printed: dict[str, str]) -> None:
    if DUCKDB is None:
        pytest.skip("NOT RUN: 1 block, the duckdb command line is not installed")
    assert "cart-reminder" in only(printed, "duckdb -readonly")


def test_a_block_that_fails_is_noticed(place: Path) -> None:
    assert run(place, "sh", 'cuepoint sql "FROM mart.nothing"').returncode != 0


def test_what_is_listed_exists(printed: dict[str, str], place: Path) -> None:
    listed = set(re.findall(r"mart\.\w+", PAGE.read_text(encoding="utf-8")))
    shown = cuepoint(
        place,
        "sql",
        "--format",
        "json",
        "SELECT 'mart.' || view_name AS name FROM duckdb_views() WHERE schema_name = 'mart' UNION "
        "SELECT 'mart.' || function_name FROM duckdb_functions() WHERE schema_name = 'mart'",
    )
    known = {row["name"] for row in json.loads(shown.stdout)}
    assert listed - known == set()
    helpers = {f"mart.{name}" for name in ("wilson_low", "wilson_high", "difference_low", "difference_high")}
    apart = {"mart.offer_redemptions", "mart.shared_addresses", "mart.forecasts"}
    assert known - listed - helpers == apart, "a mart is missing on the page for analysts"


def test_the_notebook_runs_from_the_top(printed: dict[str, str], place: Path) -> None:
    notebook = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    script = "import ast, sys\nspace = {}\n" + "".join(
        f"tree = ast.parse({cell!r})\n"
        "last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None\n"
        "exec(compile(tree, 'cell', 'exec'), space)\n"
        "print('CELL', eval(compile(ast.Expression(last.value), 'cell', 'eval'), space) if last else '')\n"
        for cell in cells
    )
    done = run(place, "python", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CELL") == len(cells)
    for shown in ("cart-reminder", "regretted_without_store_data", "gap_share", "outcome_then"):
        assert shown in done.stdout
