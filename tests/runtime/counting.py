"""A counting stage: per key a count in the table, one output per record with the count, the position in the table.

Run as a program it is a worker: ``python -m tests.runtime.counting`` with CUEPOINT_ settings in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

from schemas.topics import Stage
from streams.runtime.worker import run_worker
from streams.settings import load_settings
from streams.task import Effects, Out, Record, Table

STAGE = Stage("counting", ("numbers", "letters"), "counting-changelog")
OUTPUT = "counts"
POSITION_KEY = b"\x00position"


class CountingTask:
    """``step`` works record by record through what was taken, so a small budget makes many transactions."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.counts: dict[bytes, int] = {}
        """Of the keys that came since the start."""
        self.position: dict[str, int] = {}
        self.waiting: list[Record] = []
        self.ticks = 0

    def load(self, table: Table) -> None:
        self.table = table
        self.position = json.loads(table.get(POSITION_KEY) or b"{}")

    def start_offsets(self) -> Mapping[str, int]:
        return dict(self.position)

    def take(self, topic: str, records: Sequence[Record]) -> None:
        self.waiting += records

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        self.ticks += 1

    def held(self) -> frozenset[str]:
        return frozenset()

    def step(self, budget: int) -> Effects:
        effects = Effects()
        now, self.waiting = self.waiting[:budget], self.waiting[budget:]
        for record in now:
            key = record.key or b""
            if key not in self.counts:
                self.counts[key] = int(self.table.get(key) or b"0")
            self.counts[key] += 1
            self.position[record.topic] = record.offset + 1
            value = json.dumps({"n": self.counts[key], "id": (record.value or b"").decode()}).encode()
            effects.records.append(Out(OUTPUT, self.partition, key, value, (("source", record.topic.encode()),)))
        if now:
            effects.state = [(key, str(self.counts[key]).encode()) for key in {record.key or b"" for record in now}]
            effects.state.append((POSITION_KEY, json.dumps(self.position).encode()))
            effects.offsets = dict(self.position)
        effects.more = bool(self.waiting)
        return effects


if __name__ == "__main__":
    sys.exit(run_worker(STAGE, load_settings(), CountingTask, os.environ.get("TEST_INSTANCE_ID")))
