"""The demo's result: tables for people, ``out/demo.json`` for tools. Everything is read from the published snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from schemas.decisions import REASONS
from sinks.read import open_latest
from streams.demo.run import DemoRun
from streams.explain.words import in_words
from streams.report import decisions_table, inputs_table

Rows = list[tuple[Any, ...]]

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "A reminder not sent because the customer bought in a store",
        "campaign = 'cart-reminder' AND outcome = 'suppressed' AND reason = 'bought_in_store'",
    ),
    (
        "A review request not sent because the item came back",
        "occasion = 'review_request' AND outcome = 'suppressed' AND reason = 'returned'",
    ),
    (
        "A reactivation not sent because the customer buys at the till",
        "occasion = 'reactivation' AND outcome = 'suppressed' AND reason = 'bought_in_store'",
    ),
    (
        "An offer that fits the first purchase",
        "occasion = 'second_purchase' AND outcome = 'sent' AND correction IS NULL",
    ),
    (
        "A reminder taken back when the till's late receipt came",
        "occasion = 'cart_abandoned' AND correction IN ('cancelled', 'regretted') "
        "AND correction_reason = 'bought_in_store'",
    ),
)
"""Headline and condition on core.fct_decisions of the decisions that are explained."""


def show_result(demo: DemoRun, out_file: Path) -> bool:
    """Print the tables, write ``out_file``; True when live and backtest made the same decisions."""
    connection = open_latest(demo.settings)
    try:
        result = _result(demo, connection)
        _print(demo, connection, result)
    finally:
        connection.close()
    out_file.parent.mkdir(parents=True, exist_ok=True)
    out_file.write_text(json.dumps(result, indent=1))
    demo.console.print(f"The figures are in {out_file} too.")
    return bool(result["live_equals_backtest"])


def _result(demo: DemoRun, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    inputs = connection.sql(
        "SELECT source, received, accepted, duplicate, ignored, quarantined, late FROM mart.input_quality"
    ).fetchall()
    names = ("in", "accepted", "duplicate", "ignored", "quarantined", "late")
    decisions = connection.sql(
        "SELECT campaign, outcome, reason, count(*) FROM raw.decisions GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    live = set(connection.sql("SELECT DISTINCT decision_id, outcome, reason FROM raw.decisions").fetchall())
    gates = connection.sql(
        "SELECT g.gate, count(*), count(*) FILTER (NOT g.passed) FROM (SELECT unnest(gates) AS g FROM raw.decisions) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {
        "inputs": {source: dict(zip(names, row, strict=True)) for source, *row in inputs},
        "decisions": [
            {"campaign": campaign, "outcome": outcome, "reason": reason, "count": count}
            for campaign, outcome, reason, count in decisions
        ],
        "gates": [{"gate": gate, "asked": asked, "stopped": stopped} for gate, asked, stopped in gates],
        "live_equals_backtest": live == demo.backtest.outcomes,
        "only_live": len(live - demo.backtest.outcomes),
        "only_backtest": len(demo.backtest.outcomes - live),
        "events_per_second": round(demo.events_per_second),
        "seconds": demo.seconds,
        "peak_rss_mb": demo.peak_rss_mb,
        "cpu_seconds": demo.cpu_seconds,
    }


def _print(demo: DemoRun, connection: duckdb.DuckDBPyConnection, result: dict[str, Any]) -> None:
    console = demo.console
    console.rule("Result")
    counts = {source: {**row, "received": row["in"]} for source, row in result["inputs"].items()}
    console.print(inputs_table(counts))
    console.print(
        decisions_table((row["campaign"], row["outcome"], row["reason"], row["count"]) for row in result["decisions"])
    )
    console.print(_suppressions(connection))
    console.print(_gates(result["gates"]))
    _explain(console, connection)
    _compare(console, demo, result)
    console.print(_costs(demo))
    console.print(
        f"{demo.lines:,} lines through all stages in {demo.seconds['replay']:.1f} s: "
        f"{demo.events_per_second:,.0f} a second"
    )
    snapshot = (demo.settings.snapshot_dir / "latest.duckdb").resolve()
    console.print(f"DuckDB: {snapshot}", soft_wrap=True)
    console.print(f"  look around: duckdb -readonly {snapshot}  (docs/tables.md)", soft_wrap=True)


def _suppressions(connection: duckdb.DuckDBPyConnection) -> Table:
    table = Table(title="Why messages were not sent", title_justify="left")
    for name in ("reason", "what it means"):
        table.add_column(name)
    table.add_column("count", justify="right")
    rows = connection.sql(
        "SELECT reason, count(*) AS n FROM raw.decisions WHERE outcome = 'suppressed' GROUP BY ALL ORDER BY n DESC"
    ).fetchall()
    for reason, count in rows:
        table.add_row(reason, REASONS[reason], f"{count:,}")
    return table


def _gates(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Gates", title_justify="left")
    table.add_column("gate")
    for name in ("asked", "stopped a message"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row["gate"], f"{row['asked']:,}", f"{row['stopped']:,}")
    return table


def _explain(console: Console, connection: duckdb.DuckDBPyConnection) -> None:
    console.print("\n[bold]Five decisions in words[/]")
    for headline, condition in QUESTIONS:
        found = connection.execute(f"SELECT * FROM core.fct_decisions WHERE {condition} ORDER BY decided_at LIMIT 1")
        names = [column[0] for column in found.description or ()]
        row = found.fetchone()
        console.print(f"\n[bold]{headline}[/]")
        if row is None:
            console.print("  none in this run")
        else:
            console.print(in_words(dict(zip(names, row, strict=True))), highlight=False, markup=False)


def _compare(console: Console, demo: DemoRun, result: dict[str, Any]) -> None:
    total = len(demo.backtest.outcomes)
    if result["live_equals_backtest"]:
        console.print(f"\n[green]Live and backtest made the same decisions[/]: {total:,} ids with outcome and reason.")
    else:
        console.print(
            f"\n[red]Live and backtest differ[/]: {result['only_live']:,} only live, {result['only_backtest']:,} only "
            f"in the backtest, of {total:,}."
        )


def _costs(demo: DemoRun) -> Table:
    table = Table(title="What it took", title_justify="left")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("process")
    table.add_column("peak MiB", justify="right")
    table.add_column("CPU s", justify="right")
    steps, processes = list(demo.seconds.items()), list(demo.peak_rss_mb.items())
    for index in range(max(len(steps), len(processes))):
        step = steps[index] if index < len(steps) else ("", "")
        process = processes[index] if index < len(processes) else ("", "")
        memory = f"{process[1]:,.0f}" if process[0] else ""
        cpu = f"{demo.cpu_seconds[process[0]]:,.1f}" if process[0] else ""
        table.add_row(step[0], str(step[1]), process[0], memory, cpu)
    return table
