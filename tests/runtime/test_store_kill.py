"""A counting worker that keeps its table in RocksDB: killed around the write to it, moved, robbed of its files."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from streams.runtime.failpoints import EXIT_CODE
from streams.settings import Settings
from streams.topics_admin import connect
from tests.runtime.counting import OUTPUT, STAGE
from tests.runtime.kit import Worker, check_counts, make_counting_topics, produce, trickle, wait_until

ROCKS = {"CUEPOINT_STATE_STORE": "rocksdb", "CUEPOINT_ROCKSDB_MEMORY_MB": "32"}


@pytest.fixture
def counting(settings: Settings) -> Settings:
    make_counting_topics(settings)
    return settings.model_copy(update={"transaction_steps_max": 40})


def restored(worker: Worker, partitions: int) -> int:
    """Changelog records that the worker read before it was ready; waits for that."""

    def ready() -> list[int]:
        return [line["records"] for line in worker.lines() if line["message"] == "partition ready"]

    wait_until(lambda: len(ready()) >= partitions, 30, "all partitions are ready")
    return sum(ready()[:partitions])


def run_until_counted(settings: Settings, directory: Path, name: str, produced: int) -> tuple[int, str]:
    """One worker until everything is counted; the changelog records that it read first, and its log."""
    worker = Worker(settings, directory, name, **ROCKS)
    try:
        records = restored(worker, settings.partitions)
        check_counts(settings, {"numbers": produced}, 30)
        assert worker.stop() == 0
    finally:
        worker.kill()
    return records, worker.log.read_text()


def test_deaths_around_the_write_to_the_store_change_nothing(counting: Settings, tmp_path: Path) -> None:
    produced = 0
    for name in ("before_store", "after_store", "before_store"):
        produce(counting, "numbers", produced, 200, transactional=True)
        produced += 200
        directory = tmp_path / f"{name}-{produced}"
        worker = Worker(
            counting, directory, CUEPOINT_FAILPOINTS=f"{name}:3", CUEPOINT_INSTANCE_ID="the-only-one", **ROCKS
        )
        try:
            assert worker.process.wait(30) == EXIT_CODE, name
        finally:
            worker.kill()
        assert worker.failpoint_log.read_text() == f"{name}\n"
    records, _ = run_until_counted(counting, tmp_path, "last", produced)
    assert records < produced / 10, "of the changelog only what the stores had not yet"
    shutil.rmtree(counting.state_dir)
    worker = Worker(counting, tmp_path, "dies", CUEPOINT_FAILPOINTS="in_restore:2", **ROCKS)
    try:
        assert worker.process.wait(30) == EXIT_CODE
    finally:
        worker.kill()
    records, _ = run_until_counted(counting, tmp_path, "again", produced)
    assert records > 0, "the stores were lost"


def test_a_start_reads_only_what_is_new(counting: Settings, tmp_path: Path) -> None:
    produce(counting, "numbers", 0, 1_000, transactional=True)
    assert run_until_counted(counting, tmp_path, "first", 1_000)[0] == 0
    produce(counting, "numbers", 1_000, 100)
    assert run_until_counted(counting, tmp_path, "second", 1_100)[0] == 0


@pytest.mark.parametrize("lost", ["truncated", "old"])
def test_a_store_that_cannot_be_continued_is_built_again(counting: Settings, tmp_path: Path, lost: str) -> None:
    produce(counting, "numbers", 0, 400)
    run_until_counted(counting, tmp_path, "first", 400)
    stores = list((counting.state_dir / "store").iterdir())
    assert len(stores) == counting.partitions
    if lost == "truncated":
        for store in stores:
            for file in store.glob("CURRENT"):
                file.write_bytes(file.read_bytes()[:5])
    else:
        with connect(counting.bootstrap_servers) as admin:
            names = [counting.topic(name) for name in (*STAGE.inputs, STAGE.changelog, OUTPUT)]
            admin.delete_topics(names)
            wait_until(lambda: not set(names) & set(admin.list_topics()), 20, "the topics are gone")
        make_counting_topics(counting)
        produce(counting, "numbers", 0, 400)
    _, log = run_until_counted(counting, tmp_path, "second", 400)
    assert log.count("a local store was discarded") == counting.partitions
    assert ("topic id" if lost == "old" else "cannot be opened") in log


def test_two_workers_that_share_a_directory_and_die_at_random_keep_every_count(
    counting: Settings, tmp_path: Path
) -> None:
    chance, total = random.Random(7), 2_500
    source = threading.Thread(target=trickle, args=(counting, total, 0.5))
    source.start()
    workers = [Worker(counting, tmp_path, f"w{number}", **ROCKS) for number in range(2)]
    try:
        for number in range(2, 5):
            time.sleep(chance.uniform(1.0, 2.5))
            victim = workers.pop(chance.randrange(2))
            victim.kill()
            workers.append(Worker(counting, tmp_path, f"w{number}", **ROCKS))
        source.join()
        check_counts(counting, {"numbers": total}, 60)
        assert [worker.stop() for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
