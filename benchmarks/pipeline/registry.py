"""The groups of rows about the pipeline."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.pipeline import breadth, core, customers, latency, memory, partitions, throughput
from benchmarks.pipeline.bench import Bench
from benchmarks.rows import Options, Row
from deploy.local.broker import LocalBroker

GROUPS: dict[str, Callable[[Bench], list[Row]]] = {
    "core": core.rows,
    "decide": throughput.decide_rows,
    "whole": throughput.whole_rows,
    "memory": memory.rows,
    "customers": customers.rows,
    "partitions": partitions.rows,
    "breadth": breadth.rows,
    "path": latency.rows,
}
"""By the name that ``--only`` takes, in the order of the table."""


def registered() -> dict[str, Callable[[LocalBroker, Options], list[Row]]]:
    """Each group as the benchmark calls it."""
    return {name: _called(measure) for name, measure in GROUPS.items()}


def _called(measure: Callable[[Bench], list[Row]]) -> Callable[[LocalBroker, Options], list[Row]]:
    return lambda broker, options: measure(Bench(broker, options))
