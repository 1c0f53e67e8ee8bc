"""A worker of the counting stage whose records say which task wrote them, and which stops itself where a test says.

``TEST_STOP_AT=before_commit:30`` is SIGSTOP at the 30th pass of that failpoint, so a test knows that the process stands
inside a transaction (``before_commit``), outside of one (``after_commit``) or in a restore (``in_restore``).
``TEST_STOP_AT=answer_lost:30``: it stops when the broker has answered the 30th commit, and the answer is lost;
``checked:1``: when it has seen that the broker and its topics are there.
``TEST_ACCEPT_ALL=1``: no batch is refused, which is the control of the rule.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.transaction import EndTxnRequest

from schemas.topics import Stage
from streams.runtime import worker
from streams.runtime.inbox import Batch, Inbox
from streams.settings import Settings, load_settings
from streams.task import Effects
from tests.runtime.counting import STAGE, CountingTask

NAME = os.environ.get("TEST_NAME", "worker")
ANSWER_LOST, CHECKED = "answer_lost", "checked"
_tasks = itertools.count()


class TaggedTask(CountingTask):
    """Each output record names its task."""

    def __init__(self, partition: int) -> None:
        super().__init__(partition)
        self.name = f"{NAME}-{next(_tasks)}".encode()

    def step(self, budget: int) -> Effects:
        effects = super().step(budget)
        effects.records = [out._replace(headers=(*out.headers, ("task", self.name))) for out in effects.records]
        return effects


def stop_at(point: str) -> None:
    """SIGSTOP of this process at the n-th pass of a point, ``name:n``."""
    wanted, _, nth = point.partition(":")
    passes = itertools.count(1)

    def passed(name: str) -> bool:
        stops = name == wanted and next(passes) == int(nth)
        if stops:
            os.kill(os.getpid(), signal.SIGSTOP)
        return stops

    for module in list(sys.modules.values()):
        if module.__name__.startswith("streams.runtime.") and hasattr(module, "failpoint"):
            module.failpoint = passed  # type: ignore[attr-defined]
    send = AIOKafkaClient.send

    async def send_and_lose(self: Any, node_id: int, request: Any, **options: Any) -> Any:
        answer = await send(self, node_id, request, **options)
        if isinstance(request, EndTxnRequest) and passed(ANSWER_LOST):
            raise KafkaConnectionError("the answer is lost")
        return answer

    AIOKafkaClient.send = send_and_lose
    check = worker.check_stage_topics

    def check_and_pass(stage: Stage, settings: Settings) -> None:
        check(stage, settings)
        passed(CHECKED)

    worker.check_stage_topics = check_and_pass


def accept_all() -> None:
    """Take every batch as it comes, as a consumer does that leaves positions to its client."""

    def accept(self: Inbox, batch: Batch) -> bool:
        self.records += batch.records
        self.next_offset = batch.end
        return True

    Inbox.accept = accept  # type: ignore[method-assign]


if __name__ == "__main__":
    if point := os.environ.get("TEST_STOP_AT"):
        stop_at(point)
    if os.environ.get("TEST_ACCEPT_ALL"):
        accept_all()
    sys.exit(worker.run_worker(STAGE, load_settings(), TaggedTask))
