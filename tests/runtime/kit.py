"""Helpers of the runtime tests: topics, input, worker processes, and what a read_committed reader sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.settings import Settings
from streams.topics_admin import connect
from tests.runtime.counting import OUTPUT, POSITION_KEY, STAGE

ROOT = Path(__file__).parents[2]


def make_topics(settings: Settings, *names: str, partitions: int | None = None) -> None:
    """Create topics, in the shape that the catalogue would give them."""
    with connect(settings.bootstrap_servers) as admin:
        full = [settings.topic(name) for name in names]
        admin.create_topics(
            {
                name: {
                    "num_partitions": partitions or settings.partitions,
                    "replication_factor": settings.replication,
                    "configs": {
                        "max.message.bytes": "4194304",
                        "message.timestamp.type": "LogAppendTime",
                        "cleanup.policy": "compact" if name.endswith("changelog") else "delete",
                    },
                }
                for name in full
            }
        )
        admin.wait_for_topics(full, timeout_ms=20_000)


def make_counting_topics(settings: Settings) -> None:
    make_topics(settings, *STAGE.inputs, STAGE.changelog, OUTPUT)


def produce(
    settings: Settings, topic: str, first: int, count: int, keys: int = 20, transactional: bool = False
) -> None:
    """``count`` records with unique values, round robin over keys; transactional ones leave holes in the offsets."""
    options: dict[str, Any] = {"transactional_id": f"{settings.topic_prefix}-source"} if transactional else {}
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=5, **options)
    try:
        if transactional:
            producer.init_transactions()
        for start in range(first, first + count, 50):
            if transactional:
                producer.begin_transaction()
            for number in range(start, min(start + 50, first + count)):
                key = number % keys
                producer.send(
                    settings.topic(topic),
                    key=f"k{key}".encode(),
                    value=f"{topic}-{number}".encode(),
                    partition=key % settings.partitions,
                )
            if transactional:
                producer.commit_transaction()
        producer.flush()
    finally:
        producer.close()


def trickle(settings: Settings, total: int, pause_s: float) -> None:
    """``total`` records in transactions of 500, with a pause after each."""
    for first in range(0, total, 500):
        produce(settings, "numbers", first, 500, transactional=True)
        time.sleep(pause_s)


class Worker:
    """A worker process; its log and its failpoint log are files below ``directory``."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        name: str = "worker",
        module: str = "tests.runtime.counting",
        **environment: str,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / f"{name}.log"
        self.failpoint_log = directory / f"{name}.failpoints"
        values = {
            f"CUEPOINT_{field.upper()}": str(getattr(settings, field))
            for field in ("bootstrap_servers", "topic_prefix", "partitions", "state_dir", "transaction_steps_max")
        }
        values |= {
            "CUEPOINT_SESSION_TIMEOUT_S": "6",
            "CUEPOINT_TICK_INTERVAL_MS": "200",
            "CUEPOINT_FAILPOINT_LOG": str(self.failpoint_log),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env={**os.environ, **values, **environment},
                stdout=log,
                stderr=log,
            )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def port(self) -> int:
        wait_until(lambda: any(line["message"] == "listening" for line in self.lines()), 15, "the worker listens")
        return int(next(line["port"] for line in self.lines() if line["message"] == "listening"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


def wait_until(condition: Any, timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


class Committed:
    """Everything a read_committed reader sees of one topic, so far."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.records: list[Any] = []
        self._consumer = KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
        )
        self._consumer.assign([TopicPartition(settings.topic(topic), number) for number in range(settings.partitions)])

    def __enter__(self) -> Committed:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self, timeout_ms: int = 100) -> list[Any]:
        for records in self._consumer.poll(timeout_ms).values():
            self.records += records
        return self.records

    def read_until(self, count: int, timeout_s: float) -> list[Any]:
        deadline = time.monotonic() + timeout_s
        while len(self.records) < count:
            assert time.monotonic() < deadline, f"{len(self.records)} of {count} records within {timeout_s} s"
            self.read()
        return self.records


def check_counts(settings: Settings, produced: dict[str, int], timeout_s: float, keys: int = 20) -> None:
    """Each input record has one output, counts per key run 1, 2, 3..., and the table says the same."""
    total = sum(produced.values())
    with Committed(settings, OUTPUT) as outputs:
        outputs.read_until(total, timeout_s)
        for _ in range(5):
            outputs.read()
    assert len(outputs.records) == total
    values = [json.loads(record.value) for record in outputs.records]
    assert {value["id"] for value in values} == {f"{t}-{n}" for t, count in produced.items() for n in range(count)}
    expected = Counter(f"k{n % keys}".encode() for count in produced.values() for n in range(count))
    counted: dict[bytes, list[int]] = {}
    for record, value in zip(outputs.records, values, strict=True):
        counted.setdefault(record.key, []).append(value["n"])
    assert all(counts == list(range(1, expected[key] + 1)) for key, counts in counted.items())
    assert table_of(settings) == {key: str(count).encode() for key, count in expected.items()}


def group_has_read(settings: Settings, topic: str) -> bool:
    """Whether the stage's group says that it has read the topic to its end."""
    places = [TopicPartition(settings.topic(topic), number) for number in range(settings.partitions)]
    client = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, group_id=f"{settings.topic_prefix}-{STAGE.name}"
    )
    try:
        return all((client.committed(place) or 0) == end for place, end in client.end_offsets(places).items())
    finally:
        client.close()


def table_of(settings: Settings) -> dict[bytes, bytes]:
    with Committed(settings, STAGE.changelog) as changelog:
        ends = changelog._consumer.end_offsets(changelog._consumer.assignment())
        while any(changelog._consumer.position(tp) < end for tp, end in ends.items()):
            changelog.read(300)
    table = {record.key: record.value for record in changelog.records}
    return {key: value for key, value in table.items() if key != POSITION_KEY and value is not None}
