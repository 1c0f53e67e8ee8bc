"""What ``make chaos`` keeps, sums up and calls a failure."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults import chaos
from tests.faults.chaos_report import fingerprint, finished, is_ok, line_of, summary, table, write
from tests.faults.figures import Figures

CONTROL = "without-transactions"


def row(**fields: Any) -> dict[str, Any]:
    """The figures of a run with six kills."""
    figures = {"records_in": 100, "lost": 0, "duplicated": 0, "wrong": 0, "kills": 6, "aborted": 2, **fields}
    return {**asdict(Figures(**figures)), "seconds": 1.0}


def test_figures_are_summed_over_all_runs_but_the_control() -> None:
    runs = {
        "calm": row(kills=0, aborted=0),
        "random-kills-0": row(first_decision_s=[1.0, 3.0]),
        "random-kills-1": row(first_decision_s=[2.0], restore_s=[0.5, 0.7]),
        CONTROL: row(lost=3, duplicated=4),
    }
    report = summary(runs)
    wanted = {"ok": True, "seeds": 2, "scenarios": 2, "records_in": 300, "kills": 12, "aborted": 4, "failed": []}
    assert {name: report[name] for name in wanted} == wanted
    assert (report["lost"], report["duplicated"], report["wrong"]) == (0, 0, 0)
    assert report["control_lost_or_duplicated"] == 7
    assert report["first_decision_s"] == {"median": 2.0, "p95": 2.9}
    assert report["restore_s"]["median"] == 0.6


def test_one_wrong_record_is_a_failure_and_so_is_a_control_that_sees_nothing() -> None:
    for name, bad in (("calm", row(wrong=1)), ("calm", row(lost=1)), ("calm", {"error": "x", "seconds": 1.0})):
        assert not is_ok(name, bad)
        assert summary({name: bad})["failed"] == [name]
        assert not summary({name: bad})["ok"]
    assert not is_ok(CONTROL, row())
    assert is_ok(CONTROL, row(duplicated=1))
    assert not summary({})["ok"]


def test_kills_of_which_none_fell_into_a_transaction_show_nothing() -> None:
    assert summary({"random-kills-0": row(aborted=1)})["ok"]
    assert not summary({"random-kills-0": row(aborted=0)})["ok"]


def test_what_scenarios_note_is_in_the_table() -> None:
    first = row(notes={"fired": {"in_restore": 2, "after_commit": 2}})
    second = row(notes={"fired": {"in_restore": 1}, "batches_refused": 7, "starved_s": 4.5})
    report = summary({"failpoints": first, "rebalance-storm": second})
    assert (report["failpoints_fired"], report["batches_refused"], report["starved_s"]) == (2, 7, 4.5)
    assert {"2", "7", "4.5"} <= set(table(report).columns[1].cells)


def test_runs_that_have_ended_are_kept_for_the_same_code_only(tmp_path: Path) -> None:
    out = tmp_path / "out" / "chaos.json"
    code = fingerprint()
    assert finished(out, code) == {}
    write(out, code, {"calm": row(), "burst": {"error": "TimeoutError: slow", "seconds": 1.0}})
    assert finished(out, code) == {"calm": row()}
    assert finished(out, "of another code") == {}
    assert fingerprint() == code


def test_every_scenario_that_is_written_down_is_run() -> None:
    sources = [path.read_text() for path in Path(__file__).parent.glob("*.py")]
    for pattern, known in ((r'^@scenario\("(.+)"\)', chaos.SCENARIOS), (r'^CONTROLS\["(.+)"\] = ', chaos.CONTROLS)):
        written = [name for source in sources for name in re.findall(pattern, source, re.MULTILINE)]
        assert len(written) > 1
        assert set(written) == set(known)


def test_a_failure_says_what_is_wrong() -> None:
    assert "decision lost: d1" in line_of("calm", row(lost=1, examples=["decision lost: d1"]))
    assert "TimeoutError: slow" in line_of("calm", {"error": "TimeoutError: slow", "seconds": 1.0})
