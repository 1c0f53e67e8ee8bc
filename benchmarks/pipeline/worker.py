"""``python -m benchmarks.pipeline.worker STAGE NOTES``: one worker as shipped, which notes when its work began.

Settings come from the environment, as for ``cuepoint worker``. NOTES is a JSON file: ``began_ms`` (wall clock of the
first records taken) and ``began_cpu_s`` (processor seconds of the process until then).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.pipeline.sampler import Sampler
from schemas.topics import STAGES
from streams.runtime.worker import run_worker
from streams.settings import load_settings
from streams.stages import task_factory
from streams.task import Effects, Record, Task


class Noted:
    """A task that passes everything on, and calls ``first`` before the first records it takes.

    ``gate``: a file without which it wants no records yet. ``forwarded_is_there``: records for the stage's own input
    are made but not written, since the log has them already.
    """

    def __init__(
        self, stage: str, task: Task, first: Callable[[], None], gate: Path | None, forwarded_is_there: bool
    ) -> None:
        self._task = task
        self._first: Callable[[], None] | None = first
        self._inputs = frozenset(STAGES[stage].inputs)
        self._gate = gate
        self._there = self._inputs if forwarded_is_there else frozenset()

    def take(self, topic: str, records: Sequence[Record]) -> None:
        """See ``streams.task.Task``."""
        if self._first is not None:
            self._first()
            self._first = None
        self._task.take(topic, records)

    def step(self, budget: int) -> Effects:
        """See ``streams.task.Task``."""
        effects = self._task.step(budget)
        if self._there:
            effects.records = [out for out in effects.records if out.topic not in self._there]
        return effects

    def held(self) -> frozenset[str]:
        """See ``streams.task.Task``."""
        if self._gate is not None:
            if not self._gate.exists():
                return self._inputs
            self._gate = None
        return self._task.held()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)


def main() -> int:
    """Run the worker until it is asked to stop; returns its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=sorted(STAGES))
    parser.add_argument("notes", type=Path)
    parser.add_argument("--gate", type=Path, help="take no records before this file is there")
    parser.add_argument("--profile", type=Path, help="write processor seconds by kind of work here when it stops")
    parser.add_argument("--forwarded-is-there", action="store_true", help="the input holds the stage's own records")
    chosen = parser.parse_args()
    settings = load_settings()
    make = task_factory(chosen.stage, settings)
    sampler = Sampler() if chosen.profile else None

    def first() -> None:
        if chosen.notes.exists():
            return
        if sampler is not None:
            sampler.start()
        began = {"began_ms": time.time_ns() // 1_000_000, "began_cpu_s": time.process_time()}
        waiting = chosen.notes.with_suffix(".new")
        waiting.write_text(json.dumps(began))
        waiting.rename(chosen.notes)

    def noted(partition: int) -> Noted:
        return Noted(chosen.stage, make(partition), first, chosen.gate, chosen.forwarded_is_there)

    code = run_worker(chosen.stage, settings, noted)
    if sampler is not None:
        chosen.profile.write_text(json.dumps(sampler.stop()))
    return code


if __name__ == "__main__":
    sys.exit(main())
