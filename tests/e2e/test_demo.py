"""``cuepoint demo`` on a small synthetic retailer: everything starts, agrees, is written, and stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "streams.cli", "demo", "--customers", "80", "--days", "60"]
COMMAND += ["--campaigns", str(ROOT / "campaigns")]
PARTS = ("accepted", "duplicate", "ignored", "quarantined")


def test_the_demo_runs_from_nothing_and_its_figures_add_up(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Live and backtest made the same decisions" in done.stdout
    assert "all of it is synthetic" in done.stdout
    result = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert result["live_equals_backtest"] is True
    for source, row in result["inputs"].items():
        assert row["in"] == sum(row[part] for part in PARTS), source
    assert {row["outcome"] for row in result["decisions"]} >= {"sent", "suppressed", "held"}
    assert set(result["seconds"]) >= {"input", "replay", "sink", "backtest"}
    assert set(result["peak_rss_mb"]) >= {"intake", "identity", "decide", "sink", "channel-email", "broker"}
    assert result["events_per_second"] > 0
    assert (tmp_path / "out" / "snapshots" / "latest.duckdb").exists()
    _nothing_runs_in(tmp_path)


def test_a_demo_that_is_told_to_end_leaves_nothing_running(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    with output.open("w") as written:
        demo = subprocess.Popen(COMMAND, cwd=tmp_path, env=environment(), stdout=written, stderr=written)
    deadline = time.monotonic() + 240
    while "done stages" not in output.read_text() and demo.poll() is None:
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(240) == 128 + signal.SIGTERM, output.read_text()
    _nothing_runs_in(tmp_path)


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUEPOINT_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def _nothing_runs_in(directory: Path) -> None:
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            where = process.readlink()
        except OSError:
            continue
        assert directory not in (where, *where.parents), process
