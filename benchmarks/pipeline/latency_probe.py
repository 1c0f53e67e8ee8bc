"""Beside the pipeline, on librdkafka: produces planned events at a fixed rate and times the triggers that they cause.

Runs in the environment of the other engines, where librdkafka is. Told by one JSON line on standard input, answers
with one on standard output. It reads what a channel service would: committed records of the trigger topic.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.fold.probe import produce

NOW = b"@NOW@"
SETTLE_S = 3.0
READY_S = 2.0


class Timing:
    """When events that cause a trigger were produced, and when the first trigger of their customer was readable."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.sent: dict[bytes, float] = {}
        self.took_ms: dict[bytes, float] = {}
        self._done = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "latency-probe",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in range(partitions)])
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def stop(self) -> None:
        """End the reader."""
        self._done.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        while not self._done.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            now, key = time.monotonic(), message.key()
            if key in self.sent and key not in self.took_ms:
                self.took_ms[key] = (now - self.sent[key]) * 1000


def run(bootstrap: str, plan: str, topic: str, partitions: int, rate: float, warm_up: int) -> dict[str, Any]:
    """Produce the plan; percentiles over what was caused after the first ``warm_up`` events.

    ``plan``: a file of JSON lines ``[topic, partition, key, value, customer or null]``; ``@NOW@`` in a value becomes
    the time at which it is produced.
    """
    planned = [json.loads(line) for line in Path(plan).read_text().splitlines()]
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    timing = Timing(bootstrap, topic, partitions)
    time.sleep(READY_S)
    measured: list[bytes] = []
    began = time.monotonic()
    for number, (to, partition, key, value, customer) in enumerate(planned):
        pause = began + number / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        if customer is not None:
            timing.sent[customer.encode()] = time.monotonic()
            if number >= warm_up:
                measured.append(customer.encode())
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        produce(producer, to, partition, key.encode(), value.encode().replace(NOW, now.encode()))
    behind_ms = (time.monotonic() - began - len(planned) / rate) * 1000
    producer.flush()
    time.sleep(SETTLE_S)
    timing.stop()
    took = sorted(timing.took_ms[customer] for customer in measured if customer in timing.took_ms)
    answer = {"expected": len(measured), "samples": len(took), "behind_ms": behind_ms}
    if took:
        answer |= {"p50_ms": took[len(took) // 2], "p99_ms": took[int(len(took) * 0.99)], "max_ms": took[-1]}
    return answer


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.stdin.readline()))), flush=True)
