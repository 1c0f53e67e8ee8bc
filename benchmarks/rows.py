"""One measured figure, what it is held against, and whether that was reached; the table and the file of all of them."""

from __future__ import annotations

import json
import operator
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

NOT_RUN = "NOT RUN"
_COMPARE: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the benchmark.

    ``name``: what was measured, the group first: ``fold 200,000: Kafka Streams, exactly once, commit 100 ms``.
    ``value``: the measured figure, a median where there were rounds; None when it was not run.
    ``unit``: of the value, such as ``events/s`` or ``ms``.
    ``against``: the name of what the ratio is to; empty without a ratio.
    ``ratio``: the value over that of ``against``, both from the same round, the median over rounds; None without one.
    ``reach``: the aim, ``<value|ratio> <operator> <number>`` such as ``ratio >= 18`` or ``value <= 40``; empty when
    the row is there for information.
    ``ok``: the aim is reached. True for an informative row that ran, False for one that did not run.
    ``spread``: least and greatest value over the rounds; None for a single measurement.
    ``note``: what a reader has to know to judge the value: guarantee, commit cadence, sample size.
    """

    name: str
    value: float | None
    unit: str
    against: str = ""
    ratio: float | None = None
    reach: str = ""
    ok: bool = True
    spread: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run of the benchmark is asked for; every group of rows gets the same one.

    ``rounds``: measured rounds of each comparison. ``events``: when set, replaces the sizes of a group by this one.
    ``quick``: a short form of a few minutes in all: fewer rounds, no large sizes; its figures show that it works.
    ``directory``: scratch space of this run, removed after it. ``say``: prints one line of progress. ``facts``: further
    sections of the run's file, by name; groups put theirs there.
    """

    rounds: int
    events: int | None
    quick: bool
    directory: Path
    say: Callable[[str], None] = print
    facts: dict[str, Any] = field(default_factory=dict)


def measured(
    name: str,
    value: float,
    unit: str,
    *,
    against: str = "",
    ratio: float | None = None,
    reach: str = "",
    spread: tuple[float, float] | None = None,
    note: str = "",
) -> Row:
    """A row whose ``ok`` follows from ``reach``. Raises ValueError when ``reach`` is not of the form told in ``Row``,
    or bounds a ratio that is not there."""
    return Row(name, value, unit, against, ratio, reach, not reach or reached(value, ratio, reach), spread, note)


def not_run(name: str, why: str, reach: str = "") -> Row:
    """A row of something that could not be measured here; counted as not ok. ``why`` says what is missing."""
    return Row(name, None, "", "", None, reach, False, note=why)


def reached(value: float, ratio: float | None, reach: str) -> bool:
    """Whether the aim ``reach`` holds. Raises ValueError for an aim that cannot be judged."""
    match reach.split():
        case ["value", sign, bound] if sign in _COMPARE:
            return _COMPARE[sign](value, float(bound))
        case ["ratio", sign, bound] if sign in _COMPARE and ratio is not None:
            return _COMPARE[sign](ratio, float(bound))
    raise ValueError(f"The aim {reach!r} cannot be judged; write 'value' or 'ratio', {', '.join(_COMPARE)}, a number.")


def show(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print the table, and how many of the rows with an aim reached it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("least to most")
    table.add_column("unit")
    table.add_column("ratio", justify="right")
    table.add_column("to")
    table.add_column("aim")
    table.add_column("", no_wrap=True)
    table.add_column("note", overflow="fold")
    for row in rows:
        spread = f"{number(row.spread[0])} to {number(row.spread[1])}" if row.spread else ""
        figures = (number(row.value), spread, row.unit, number(row.ratio), row.against, row.reach)
        table.add_row(row.name, *figures, mark(row), row.note)
    console = console or Console(width=max(200, Console().width))
    console.print(table)
    console.print(summary(rows))


def mark(row: Row) -> str:
    """What became of a row's aim, as one word."""
    if row.value is None:
        return NOT_RUN
    if not row.reach:
        return ""
    return "reached" if row.ok else "FALLS SHORT"


def summary(rows: Sequence[Row]) -> str:
    """One line: how many aims are reached, fall short, and were not run."""
    aims = [row for row in rows if row.reach and row.value is not None]
    missing = sum(row.value is None for row in rows)
    reached_aims = sum(row.ok for row in aims)
    return (
        f"{reached_aims} of {len(aims)} aims reached, {len(aims) - reached_aims} fall short, {missing} rows {NOT_RUN}"
    )


def number(value: float | None) -> str:
    """A figure with three or more digits that mean something."""
    if value is None:
        return ""
    if abs(value) >= 1_000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def write(path: Path, rows: Iterable[Row], facts: Mapping[str, Any] | None = None) -> None:
    """Write ``{"rows": [...], "machine": {...}}`` and ``facts`` as JSON, the folder made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"rows": [asdict(row) for row in rows], "machine": machine(), **(facts or {})}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> dict[str, str | int | float]:
    """Where the figures are from: cores, memory, processor, and how busy it was."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1_min": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
