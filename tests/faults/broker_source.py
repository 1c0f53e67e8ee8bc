"""Writes to both inputs of the counting stage, evenly over the partitions, until SIGTERM, whatever brokers do.

A program of its own: the client leaves sockets behind when connections are refused, which a test would count as errors.
"""

from __future__ import annotations

import os
import signal
import threading

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.settings import load_settings
from tests.runtime.counting import STAGE

BURST_S = 0.05
KEYS = 40
GIVE_UP_S = 240


def run(records_per_s: int) -> None:
    """One burst every 50 ms. At the end all that was sent is acknowledged."""
    settings = load_settings()
    ends = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        delivery_timeout_ms=GIVE_UP_S * 1000,
        reconnect_backoff_max_ms=200,
    )
    number = 0
    while not ends.wait(BURST_S):
        for _ in range(int(records_per_s * BURST_S)):
            topic = STAGE.inputs[number % len(STAGE.inputs)]
            key = number // len(STAGE.inputs) % KEYS
            value = str(number).encode()
            try:
                producer.send(
                    settings.topic(topic), key=f"k{key}".encode(), value=value, partition=key % settings.partitions
                )
            except KafkaError:  # no metadata while brokers are away: this record was never sent
                break
            number += 1
    producer.flush(timeout=GIVE_UP_S)
    producer.close(timeout=5)


if __name__ == "__main__":
    run(int(os.environ["TEST_RECORDS_PER_S"]))
