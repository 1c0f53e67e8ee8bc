"""Rows of the benchmark: what counts as reached, and what is written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.rows import Row, measured, not_run, reached, show, summary, write


@pytest.mark.parametrize(
    ("value", "ratio", "reach", "ok"),
    [
        (100.0, 18.0, "ratio >= 18", True),
        (100.0, 17.9, "ratio >= 18", False),
        (40.0, None, "value <= 40", True),
        (40.1, None, "value <= 40", False),
        (1.0, 1.0, "ratio > 1", False),
    ],
)
def test_an_aim_is_judged_by_value_or_by_ratio(value: float, ratio: float | None, reach: str, ok: bool) -> None:
    assert reached(value, ratio, reach) is ok
    assert measured("row", value, "ms", ratio=ratio, reach=reach).ok is ok


@pytest.mark.parametrize("reach", ["ratio >= 1", "value ~ 1", "p50 <= 40", "value <="])
def test_an_aim_that_cannot_be_judged_is_an_error(reach: str) -> None:
    with pytest.raises(ValueError, match="cannot be judged"):
        measured("row", 1.0, "ms", reach=reach)


def test_what_did_not_run_is_never_ok_and_is_counted_apart() -> None:
    rows = [measured("a", 2, "s", reach="value <= 1"), measured("b", 1, "s"), not_run("c", "no Java", "ratio > 1")]
    assert [row.ok for row in rows] == [False, True, False]
    assert summary(rows) == "0 of 1 aims reached, 1 fall short, 1 rows NOT RUN"


def test_the_table_shows_aims_and_reasons() -> None:
    written = io.StringIO()
    show(
        [measured("fast", 1234.5, "events/s", against="slow", ratio=2, reach="ratio > 3"), not_run("c", "no Java")],
        Console(width=200, file=written),
    )
    text = written.getvalue()
    assert all(part in text for part in ("1,234", "ratio > 3", "FALLS SHORT", "NOT RUN", "no Java"))


def test_the_file_has_every_field_and_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "out" / "bench.json"
    write(path, [measured("fast", 9.5, "ms", reach="value <= 10", spread=(9, 11), note="why")])
    content = json.loads(path.read_text())
    assert set(content["rows"][0]) == set(Row.__dataclass_fields__)
    assert content["rows"][0]["spread"] == [9, 11]
    assert content["machine"]["cores"] >= 1
