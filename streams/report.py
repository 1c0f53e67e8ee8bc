"""Readable tables of what came in and what was decided, the same for a backtest and a live run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.backtest import BacktestResult

FATES = ("accepted", "duplicate", "ignored", "quarantined")


def inputs_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """What came in per source; the parts add up to the whole."""
    table = Table(title="What came in", title_justify="left")
    table.add_column("source")
    for name in ("in", *FATES, "late"):
        table.add_column(name, justify="right")
    for source, row in sorted(counts.items()):
        table.add_row(source, *(f"{row.get(name, 0):,}" for name in ("received", *FATES, "late")))
    return table


def decisions_table(decisions: Iterable[tuple[str, str, str, int]]) -> Table:
    """Decisions per campaign, outcome and reason."""
    table = Table(title="Decisions", title_justify="left")
    for name in ("campaign", "outcome", "reason"):
        table.add_column(name)
    table.add_column("count", justify="right")
    for campaign, outcome, reason, count in sorted(decisions):
        table.add_row(campaign, outcome, reason, f"{count:,}")
    return table


def count_decisions(decisions: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str, int]]:
    """(campaign, outcome, reason, count)."""
    counts = Counter((d["campaign"], d["outcome"], d["reason"]) for d in decisions)
    return [(*key, count) for key, count in sorted(counts.items())]


def print_backtest(result: BacktestResult, seconds: float) -> None:
    """The summary of a backtest."""
    console = Console()
    console.print(inputs_table(result.counts.by_source))
    console.print(decisions_table(count_decisions(result.decisions)))
    lines = sum(row.get("received", 0) for row in result.counts.by_source.values())
    console.print(f"{lines:,} records in {seconds:.1f} s, {len(result.decisions):,} decision records")
