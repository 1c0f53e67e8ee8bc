"""A worker on a real broker: plain runs, stops, held topics, ticks, failures."""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from streams.errors import EXIT_TRY_AGAIN
from streams.settings import Settings
from tests.runtime.counting import OUTPUT, STAGE
from tests.runtime.kit import (
    Committed,
    Worker,
    check_counts,
    group_has_read,
    make_counting_topics,
    make_topics,
    produce,
    table_of,
    wait_until,
)

BEHAVING = "tests.runtime.behaving"


@pytest.fixture
def counting(settings: Settings) -> Settings:
    make_counting_topics(settings)
    return settings


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_each_record_is_counted_once_and_a_restart_goes_on_where_the_table_says(
    counting: Settings, tmp_path: Path
) -> None:
    produce(counting, "numbers", 0, 1_000, transactional=True)
    first = Worker(counting, tmp_path, "first")
    try:
        produce(counting, "letters", 0, 500)
        check_counts(counting, {"numbers": 1_000, "letters": 500}, 30)
        port = first.port()
        assert get(port, "/readyz")[0] == get(port, "/healthz")[0] == 200
        metrics = get(port, "/metrics")[1]
        assert 'cuepoint_partitions_ready{stage="counting"} 4.0' in metrics
        assert 'cuepoint_transaction_seconds_count{stage="counting"}' in metrics
        wait_until(lambda: group_has_read(counting, "letters"), 10, "the group is told, though nothing new comes")
        produce(counting, "letters", 500, 100)
        check_counts(counting, {"numbers": 1_000, "letters": 600}, 30)
        assert first.stop() == 0
        assert first.lines()[-1]["message"] == "worker stopped"
        assert group_has_read(counting, "letters"), "a worker that stops tells it at once"
        produce(counting, "numbers", 1_000, 200)
        second = Worker(counting, tmp_path, "second")
        try:
            check_counts(counting, {"numbers": 1_200, "letters": 600}, 30)
        finally:
            second.kill()
    finally:
        first.kill()


def test_records_of_a_held_topic_wait_and_are_not_lost(counting: Settings, tmp_path: Path) -> None:
    held = counting.model_copy(update={"partitions": 1, "topic_prefix": counting.topic_prefix + "h"})
    make_counting_topics(held)
    produce(held, "letters", 0, 400)
    produce(held, "numbers", 0, 299)
    worker = Worker(held, tmp_path, module=BEHAVING, TEST_KIND="holding")
    try:
        with Committed(held, OUTPUT) as outputs:
            outputs.read_until(299, 30)
            for _ in range(10):
                outputs.read()
        assert {dict(record.headers)["source"] for record in outputs.records} == {b"numbers"}
        produce(held, "numbers", 299, 1)
        check_counts(held, {"letters": 400, "numbers": 300}, 30)
    finally:
        worker.kill()


def test_an_idle_partition_ticks_and_knows_what_it_has_read_to_the_end(counting: Settings, tmp_path: Path) -> None:
    worker = Worker(counting, tmp_path, module=BEHAVING, TEST_KIND="ticking")
    try:
        with Committed(counting, OUTPUT) as outputs:
            wait_until(lambda: len(outputs.read()) >= 40, 30, "40 ticks")
        ticks: dict[int, list[dict[str, object]]] = {}
        for record in outputs.records:
            ticks.setdefault(record.partition, []).append(json.loads(record.value))
        assert sorted(ticks) == [0, 1, 2, 3]
        for of_partition in ticks.values():
            times = [int(str(tick["now_ms"])) for tick in of_partition]
            assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 195
            assert of_partition[-1]["caught_up"] == ["letters", "numbers"]
    finally:
        assert worker.stop() == 0


def test_an_exception_in_a_task_commits_nothing_of_the_round_and_ends_the_process(
    counting: Settings, tmp_path: Path
) -> None:
    produce(counting, "letters", 0, 1, keys=1)
    worker = Worker(counting, tmp_path, module=BEHAVING, TEST_KIND="failing")
    try:
        assert worker.process.wait(30) == 1
    finally:
        worker.kill()
    failures = [line for line in worker.lines() if line["level"] == "ERROR" and "poison" in line["message"]]
    assert len(failures) == 1
    assert failures[0]["error"] == "ValueError"
    assert table_of(counting) == {}


def test_a_missing_topic_is_named_with_the_way_out(settings: Settings, tmp_path: Path) -> None:
    make_topics(settings, "numbers", STAGE.changelog)
    worker = Worker(settings, tmp_path)
    assert worker.process.wait(30) == 2
    message = worker.lines()[-1]["message"]
    assert settings.topic("letters") in message
    assert "cuepoint topics apply" in message


def test_unequal_partitions_are_named_with_both_counts(settings: Settings, tmp_path: Path) -> None:
    make_topics(settings, "numbers", STAGE.changelog)
    make_topics(settings, "letters", partitions=3)
    worker = Worker(settings, tmp_path)
    assert worker.process.wait(30) == 2
    message = worker.lines()[-1]["message"]
    assert f"{settings.topic('letters')} has 3 partitions" in message
    assert "says 4" in message


def test_a_broker_that_is_not_there_is_named_within_ten_seconds(tmp_path: Path) -> None:
    nowhere = Settings(bootstrap_servers="127.0.0.1:1", state_dir=tmp_path)
    worker = Worker(nowhere, tmp_path)
    assert worker.process.wait(12) == EXIT_TRY_AGAIN
    assert "127.0.0.1:1" in worker.lines()[-1]["message"]
