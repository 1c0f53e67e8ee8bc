"""Cuepoint's own figures: each stage, all of them, state, restore, latency, and how the cost of an event grows.

Workers and the latency probe are modules of this package too, so importing it imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.rows import Options, Row
    from deploy.local.broker import LocalBroker


def groups() -> dict[str, Callable[[LocalBroker, Options], list[Row]]]:
    """Each group of rows by its name, in the order of the table."""
    from benchmarks.pipeline.registry import registered

    return registered()


def rows(broker: LocalBroker, options: Options) -> list[Row]:
    """All groups, one after the other."""
    return [row for measure in groups().values() for row in measure(broker, options)]
