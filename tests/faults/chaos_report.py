"""What the runs of ``make chaos`` add up to, the file that keeps them, and the table."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from streams.runtime.failpoints import PIPELINE_FAILPOINTS
from tests.faults.figures import spread
from tests.faults.kit import ROOT
from tests.faults.scenarios import CONTROLS

SOURCES = ("schemas", "streams", "sinks", "deploy", "tests/faults")
SEEDED = "random-kills-"
SUMS = ("records_in", "kills", "aborted", "lost", "duplicated", "wrong")
Runs = dict[str, dict[str, Any]]
"""Name of a scenario -> its figures, or the error with which it failed."""


def fingerprint() -> str:
    """Hash of the code that runs: figures belong to it."""
    digest = hashlib.sha256()
    for path in sorted(path for name in SOURCES for path in (ROOT / name).rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def finished(out: Path, code: str) -> Runs:
    """The runs of this code that have ended, from the file of an earlier start."""
    try:
        found = json.loads(out.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: row for name, row in found["runs"].items() if "error" not in row} if found["code"] == code else {}


def write(out: Path, code: str, runs: Runs) -> None:
    """Write the file anew, in one step."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    partial.write_text(json.dumps({**summary(runs), "code": code, "runs": runs}, indent=1) + "\n")
    os.replace(partial, out)


def is_ok(name: str, row: Mapping[str, Any]) -> bool:
    """Whether a run ended as it has to: nothing lost, doubled or wrong; a control with something lost or doubled."""
    if "error" in row:
        return False
    harmed = row["lost"] + row["duplicated"]
    return harmed > 0 if name in CONTROLS else not harmed + row["wrong"]


def summary(runs: Runs) -> dict[str, Any]:
    """Sums over all runs but the controls, and the spread of times."""
    rows = [row for name, row in runs.items() if name not in CONTROLS and "error" not in row]
    controls = {name: row for name, row in runs.items() if name in CONTROLS and "error" not in row}
    notes = [row["notes"] for row in rows]
    died = any(row["kills"] for name, row in runs.items() if name.startswith(SEEDED) and "error" not in row)
    aborted = sum(row["aborted"] for row in rows)
    return {
        "ok": bool(runs) and all(is_ok(name, row) for name, row in runs.items()) and (aborted > 0 or not died),
        "seeds": sum(name.startswith(SEEDED) and "error" not in row for name, row in runs.items()),
        "scenarios": sum(not name.startswith(SEEDED) for name in runs),
        **{field: sum(row[field] for row in rows) for field in SUMS},
        "first_decision_s": spread([seconds for row in rows for seconds in row["first_decision_s"]]),
        "restore_s": spread([seconds for row in rows for seconds in row["restore_s"]]),
        "failpoints_fired": len({point for note in notes for point in note.get("fired", ())}),
        "batches_refused": sum(note.get("batches_refused", 0) for note in notes),
        "starved_s": max((note["starved_s"] for note in notes if "starved_s" in note), default=None),
        "unplanned_restarts": sum(len(row["restarts"]) for row in rows),
        "control_lost_or_duplicated": sum(row["lost"] + row["duplicated"] for row in controls.values()),
        "failed": [name for name, row in runs.items() if not is_ok(name, row)],
        "seconds": round(sum(row["seconds"] for row in runs.values()), 1),
    }


def line_of(name: str, row: Mapping[str, Any]) -> str:
    """One run in a line, and what is wrong with it."""
    if "error" in row:
        return f"[red]failed[/] {name}: {row['error']}"
    counts = ", ".join(f"{row[field]} {field}" for field in ("kills", "aborted", "lost", "duplicated", "wrong"))
    mark = "[green]ok[/]" if is_ok(name, row) else "[red]NOT OK[/]"
    examples = [] if is_ok(name, row) else row["examples"][:3]
    return "\n  ".join((f"{mark} {name}: {counts} ({row['seconds']} s)", *examples))


def table(report: Mapping[str, Any]) -> Table:
    """The figures of all runs."""
    made = Table("figure", "value", "has to be", title="Faults")
    first, restore = report["first_decision_s"], report["restore_s"]
    rows: list[tuple[str, object, str]] = [
        ("seeds of random kills", report["seeds"], ""),
        ("other scenarios", report["scenarios"], ""),
        ("records in", report["records_in"], ""),
        ("kills", report["kills"], ""),
        ("transactions aborted by the broker", report["aborted"], "more than 0"),
        ("lost", report["lost"], "0"),
        ("duplicated (read_committed)", report["duplicated"], "0"),
        ("wrong against the oracle", report["wrong"], "0"),
        ("lost or doubled without transactions (control)", report["control_lost_or_duplicated"], "more than 0"),
        ("first decision after a kill, median / p95 (s)", f"{first['median']} / {first['p95']}", ""),
        ("restore of a partition, median / p95 (s)", f"{restore['median']} / {restore['p95']}", ""),
        (f"named points that fired, of {len(PIPELINE_FAILPOINTS)}", report["failpoints_fired"], ""),
        ("batches refused that were fetched before a rebalance", report["batches_refused"], ""),
        ("longest time a partition committed nothing in a storm (s)", report["starved_s"], "under 30"),
        ("workers that ended by themselves and were restarted", report["unplanned_restarts"], ""),
        ("failed", ", ".join(report["failed"]) or "none", "none"),
        ("seconds", report["seconds"], ""),
    ]
    for name, value, wanted in rows:
        made.add_row(name, f"{value:,}" if isinstance(value, (int, float)) else str(value), wanted)
    return made
