"""Stages that misbehave or ask for something, as worker programs: the variable TEST_KIND says which."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from streams.runtime.worker import run_worker
from streams.settings import load_settings
from streams.task import Effects, Out, Record
from tests.runtime.counting import OUTPUT, STAGE, CountingTask


class HoldingTask(CountingTask):
    """Takes no letters until it has counted 300 numbers."""

    def held(self) -> frozenset[str]:
        numbers = sum(count for key, count in self.counts.items())
        return frozenset() if numbers >= 300 else frozenset({"letters"})


class TickingTask(CountingTask):
    """Writes one record a tick: the time, and which topics it has read to their end."""

    def __init__(self, partition: int) -> None:
        super().__init__(partition)
        self.ticked: list[Out] = []

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        value = json.dumps({"now_ms": now_ms, "caught_up": sorted(caught_up)}).encode()
        self.ticked.append(Out(OUTPUT, self.partition, b"tick", value))

    def step(self, budget: int) -> Effects:
        effects = super().step(budget)
        effects.records, self.ticked = effects.records + self.ticked, []
        return effects


class FailingTask(CountingTask):
    """Fails at a record that says so, after the outputs before it were made."""

    def take(self, topic: str, records: Sequence[Record]) -> None:
        super().take(topic, records)
        if any(record.value == b"letters-0" for record in records):
            raise ValueError("poison")


KINDS = {"holding": HoldingTask, "ticking": TickingTask, "failing": FailingTask}

if __name__ == "__main__":
    sys.exit(run_worker(STAGE, load_settings(), KINDS[os.environ["TEST_KIND"]]))
