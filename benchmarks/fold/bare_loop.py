"""The fold as a bare loop on librdkafka: at least once, state in a dict, changelog produced, offsets committed.

No engine, so the least that the work can cost in Python: no restore, no rebalance handling, no transactions. As the
documentation of confluent-kafka has it for throughput: ``consume`` of many messages, ``produce`` without waiting,
delivery awaited before offsets are committed. One changelog record per customer and batch that changed it.
"""

from __future__ import annotations

import signal
import time
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.fold.job import State, decode_event, encode, fold
from benchmarks.fold.progress import Progress, Run

BATCH_RECORDS = 20_000
POLL_S = 0.05


def main() -> None:
    """Run until the count is reached or a signal comes."""
    run, progress = Run.from_arguments(), Progress()
    consumer = Consumer(
        {
            "bootstrap.servers": run.bootstrap,
            "group.id": run.name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": run.bootstrap,
            "enable.idempotence": True,  # a retry keeps the order of a customer's changelog records
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    consumer.subscribe([run.input])
    Loop(run, progress, consumer, producer).work()
    consumer.close()


class Loop:
    """Reads, folds, writes, and commits every ``interval_ms``."""

    def __init__(self, run: Run, progress: Progress, consumer: Any, producer: Any) -> None:
        self._run = run
        self._progress = progress
        self._consumer = consumer
        self._producer = producer
        self._states: dict[bytes, State] = {}
        self._offsets: dict[int, int] = {}
        self._stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def work(self) -> None:
        """All rounds; the last one ends with a commit."""
        seen = 0
        commit_at = 0.0
        interval_s = self._run.interval_ms / 1000
        while not self._stopped:
            # ``consume`` waits until it has as many as were asked for, so not for more than there are.
            messages = self._consumer.consume(min(BATCH_RECORDS, self._run.events - seen), POLL_S)
            if messages:
                self._progress.began()
                self._fold(messages)
                seen += len(messages)
            done = seen == self._run.events
            if self._offsets and (done or time.monotonic() >= commit_at):
                self._commit()
                commit_at = time.monotonic() + interval_s
            if done:
                self._progress.ended()
                return

    def _fold(self, messages: list[Any]) -> None:
        states, produce, output = self._states, self._producer.produce, self._run.output
        dirty: dict[bytes, tuple[State, int]] = {}
        for message in messages:
            key, partition = message.key(), message.partition()
            state = states.get(key)
            if state is None:
                state = states[key] = State()
            dirty[key] = (state, partition)
            decision = fold(state, decode_event(message.value()))
            if decision is not None:
                produce(output, decision, key, partition)
            self._offsets[partition] = message.offset() + 1
        for key, (state, partition) in dirty.items():
            produce(self._run.changelog, encode(state), key, partition)
        self._producer.poll(0)

    def _commit(self) -> None:
        self._producer.flush()
        offsets = [TopicPartition(self._run.input, number, offset) for number, offset in self._offsets.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)
        self._offsets.clear()
        self._progress.committed()

    def _stop(self, *_: Any) -> None:
        self._stopped = True


if __name__ == "__main__":
    main()
