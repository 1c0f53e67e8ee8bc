"""Workers that die at every named point, at random, and while partitions move: outputs stay exactly once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from streams.runtime.failpoints import EXIT_CODE, RUNTIME_FAILPOINTS
from streams.settings import Settings
from tests.runtime.kit import Worker, check_counts, make_counting_topics, produce, trickle


@pytest.fixture
def counting(settings: Settings) -> Settings:
    make_counting_topics(settings)
    return settings.model_copy(update={"transaction_steps_max": 40})


def test_a_death_at_each_failpoint_is_seen_and_changes_nothing(counting: Settings, tmp_path: Path) -> None:
    produced = 0
    for name in sorted(RUNTIME_FAILPOINTS, key="in_restore".__eq__):  # a restore needs a table, so it comes last
        produce(counting, "numbers", produced, 200, transactional=True)
        produced += 200
        worker = Worker(counting, tmp_path, name, CUEPOINT_FAILPOINTS=f"{name}:2", CUEPOINT_INSTANCE_ID="the-only-one")
        try:
            assert worker.process.wait(30) == EXIT_CODE, name
        finally:
            worker.kill()
        assert worker.failpoint_log.read_text() == f"{name}\n"
    last = Worker(counting, tmp_path, "last", CUEPOINT_INSTANCE_ID="the-only-one")
    try:
        check_counts(counting, {"numbers": produced}, 30)
    finally:
        last.kill()


@pytest.mark.parametrize("seed", range(int(os.environ.get("FAULT_SEEDS", "1"))))
def test_two_workers_that_die_at_random_keep_every_count(counting: Settings, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    total = 4_000
    source = threading.Thread(target=trickle, args=(counting, total, 0.2))
    source.start()
    workers = [Worker(counting, tmp_path, f"w{number}") for number in range(2)]
    try:
        for number in range(2, 6):
            time.sleep(chance.uniform(0.5, 2.5))
            victim = workers.pop(chance.randrange(2))
            if chance.random() < 0.6:
                victim.kill()
            else:
                at_work = any(line["message"] == "partitions assigned" for line in victim.lines())
                # A signal that comes while Python still imports ends the process before there is a handler for it.
                assert victim.stop() in ((0,) if at_work else (0, -signal.SIGTERM))
            workers.append(Worker(counting, tmp_path, f"w{number}"))
        source.join()
        check_counts(counting, {"numbers": total}, 40)
        assert [worker.stop() for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
