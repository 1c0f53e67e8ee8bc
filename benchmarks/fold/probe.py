"""The process beside the engines, on librdkafka: writes the input, checks what an engine wrote, measures latency.

One JSON line on standard input asks for something, one on standard output answers it; it does nothing in between, so
it costs the engine under measurement nothing. It keeps the right answer of each input that it wrote.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from benchmarks.fold.job import PARTITIONS, Answer, events

CUSTOMER = re.compile(rb"c\d{7}")
FETCH_RECORDS = 10_000
SILENCE_S = 10.0
"""A topic that is not read to its end gives nothing for so long: the check fails."""
SETTLE_S_MAX = 30.0
START_S_MAX = 60.0
COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"


class Probe:
    """Answers requests; the method's name is the request's ``do``."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._answers: dict[str, Answer] = {}

    def write(self, topic: str, count: int, customers: int) -> dict[str, Any]:
        """Write the input of a size, and keep its answer."""
        answer = Answer()
        producer = self._producer(linger_ms=20)
        size = 0
        for partition, key, value, event in events(count, customers):
            produce(producer, topic, partition, key, value)
            answer.add(event)
            size += len(value)
        producer.flush()
        self._answers[topic] = answer
        return {"bytes_per_event": size / count}

    def check(self, topic: str, output: str, changelog: str, group: str) -> dict[str, Any]:
        """Compare decisions, final states and committed offsets with the answer; ``faults`` says what differs."""
        answer = self._answers[topic]
        decisions = Counter(json.loads(message.value())["decision"] for message in self._read(output))
        states, records = self._states(changelog)
        faults = {
            "decisions missing": len(answer.decisions - decisions.keys()),
            "decisions invented": len(decisions.keys() - answer.decisions),
            "decisions doubled": decisions.total() - len(decisions),
            "states that differ": sum(states.get(key) != state for key, state in answer.states.items()),
            "states invented": len(states.keys() - answer.states.keys()),
            "events not committed": self._not_committed(topic, group),
        }
        return {
            "faults": {name: count for name, count in faults.items() if count},
            "decisions": len(decisions),
            "changelog_records": records,
        }

    def latency(
        self, topic: str, output: str, isolation: str, warm_up_s: float, seconds: float, rate: int, customers: int
    ) -> dict[str, Any]:
        """Milliseconds from ``produce()`` to the decision in a consumer of this process, at ``rate`` events a second.

        The warm-up begins with the first decision that arrives.
        """
        timing = Timing()
        done = threading.Event()
        consumer = self._consumer(isolation)
        consumer.assign([TopicPartition(output, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        reading = threading.Thread(target=timing.read, args=(consumer, done))
        reading.start()
        producer = self._producer(linger_ms=0)
        limit = int(rate * (START_S_MAX + warm_up_s + seconds))
        measured_from = last = limit
        due = 0
        began = time.monotonic()
        for number, (partition, key, value, event) in enumerate(events(limit, customers)):
            if measured_from == limit and timing.decisions:
                measured_from = number + int(rate * warm_up_s)
                last = measured_from + int(rate * seconds)
            if number == last:
                break
            pause = began + number / rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            timing.sent[event["event_id"]] = time.monotonic()
            produce(producer, topic, partition, key, value)
            due += event["type"] == "order_placed"
        producer.flush()
        settled = time.monotonic() + SETTLE_S_MAX
        while timing.decisions < due and time.monotonic() < settled:
            time.sleep(0.05)
        done.set()
        reading.join()
        consumer.close()
        if timing.decisions != due:
            raise RuntimeError(f"{timing.decisions} decisions arrived of {due}")
        return timing.summary(f"e{measured_from:012d}")

    def _producer(self, linger_ms: int) -> Producer:
        # Idempotent, or a retry could put a customer's events out of order, and the answer would be another.
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "probe",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            }
        )

    def _read(self, topic: str) -> Iterator[Message]:
        """All committed records of a topic. librdkafka tells the end of each partition: positions would not, since
        the markers of transactions have offsets too."""
        consumer = self._consumer(COMMITTED)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        open_partitions = set(range(PARTITIONS))
        heard = time.monotonic()
        while open_partitions:
            messages = consumer.consume(FETCH_RECORDS, 0.2)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > SILENCE_S:
                raise RuntimeError(f"{topic} could not be read to its end")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                else:
                    raise KafkaException(error)
        consumer.close()

    def _states(self, changelog: str) -> tuple[dict[str, Any], int]:
        """Last state of each customer, by whatever key format the engine has; and how many records there were."""
        last: dict[bytes, bytes] = {}
        records = 0
        for message in self._read(changelog):
            found = CUSTOMER.search(message.key())
            if found is not None:
                records += 1
                last[found[0]] = message.value()
        return {key.decode(): json.loads(value) for key, value in last.items()}, records

    def _not_committed(self, topic: str, group: str) -> int:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": group})
        places = consumer.committed([TopicPartition(topic, number) for number in range(PARTITIONS)], timeout=10)
        missing = sum(consumer.get_watermark_offsets(place)[1] - max(0, place.offset) for place in places)
        consumer.close()
        return missing


class Timing:
    """When events were sent and their decisions arrived."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.decisions = 0
        self._took_ms: dict[str, float] = {}

    def read(self, consumer: Consumer, done: threading.Event) -> None:
        """Note arrivals until told to stop."""
        while not done.is_set():
            # One at a time: ``consume`` would wait for more of them.
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                now = time.monotonic()
                event_id = json.loads(message.value())["decision"]
                self._took_ms[event_id] = (now - self.sent[event_id]) * 1000
                self.decisions += 1

    def summary(self, first: str) -> dict[str, Any]:
        """Percentiles in milliseconds over the events from ``first`` on."""
        took = sorted(took_ms for event_id, took_ms in self._took_ms.items() if event_id >= first)
        return {
            "samples": len(took),
            "p50_ms": took[len(took) // 2],
            "p99_ms": took[int(len(took) * 0.99)],
            "max_ms": took[-1],
        }


def produce(producer: Producer, topic: str, partition: int, key: bytes, value: bytes) -> None:
    """Queue a record, waiting while the queue is full."""
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def main() -> None:
    """Answer until standard input ends."""
    probe = Probe(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(probe, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
