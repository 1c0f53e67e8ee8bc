"""A worker as the product's, but for its producer, which knows no transactions: what it writes is there at once.

It is the control of the fault tests: a comparison that finds nothing missing or doubled here could not see either.
"""

from __future__ import annotations

import sys
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.runtime import transactions
from streams.runtime.worker import run_worker
from streams.settings import load_settings
from streams.stages import task_factory

COMMAND = ("-m", __name__ if __name__ != "__main__" else "tests.faults.without_transactions")


class PlainProducer(AIOKafkaProducer):
    """Writes at least once: acknowledged by the broker, repeated after a death."""

    def __init__(self, **options: Any) -> None:
        del options["transactional_id"]
        super().__init__(**options)

    async def begin_transaction(self) -> None:
        """Nothing to begin."""

    async def send_offsets_to_transaction(self, *_: Any) -> None:
        """Where to read on is in the changelog."""

    async def commit_transaction(self) -> None:
        """All is written already."""

    async def abort_transaction(self) -> None:
        """What is written stays."""


if __name__ == "__main__":
    transactions.AIOKafkaProducer = PlainProducer
    config = load_settings()
    sys.exit(run_worker(sys.argv[1], config, task_factory(sys.argv[1], config)))
