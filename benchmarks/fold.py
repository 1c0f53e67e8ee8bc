"""The fold job on Cuepoint's runtime: state per customer, one decision per placed order, exactly once.

``python -m benchmarks.fold --bootstrap 127.0.0.1:9092`` makes topics with a prefix of its own, writes the seeded
input, runs one worker process, and prints events per second from the first event taken to the last commit.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas.topics import Stage
from streams.runtime.worker import run_worker
from streams.settings import Settings
from streams.task import Effects, Out, Record
from streams.topics_admin import connect

STAGE = Stage("fold", ("fold-events",), "fold-changelog")
OUTPUT = "fold-decisions"
PARTITIONS = 4
POSITION_KEY = b"\x00position"
TYPES = ("page_viewed", "cart_updated", "order_placed", "pos_sale", "return_received")
WEIGHTS = (60, 20, 10, 7, 3)


class Item(msgspec.Struct):
    """One line of an event; the price is in minor units."""

    sku: str
    quantity: int
    unit_price: int


class Event(msgspec.Struct):
    """What the fold reads of an event."""

    event_id: str
    type: str
    customer_id: str
    occurred_at: int
    items: list[Item]


class State(msgspec.Struct):
    """A customer's state."""

    views: int = 0
    orders: int = 0
    value: int = 0
    last: int = 0
    cart: list[str] = msgspec.field(default_factory=list)


_decode_event = msgspec.json.Decoder(Event).decode
_decode_state = msgspec.json.Decoder(State).decode
_encode = msgspec.json.Encoder().encode


class FoldTask:
    """The fold of one partition; states stay encoded until a customer is touched."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.encoded: dict[bytes, bytes] = {}
        self.states: dict[bytes, State] = {}
        self.next_offset = 0
        self.waiting: list[Record] = []
        self.began_ms = 0

    def load(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        self.encoded = dict(entries)
        self.next_offset, self.began_ms = json.loads(self.encoded.pop(POSITION_KEY, b"[0, 0]"))

    def start_offsets(self) -> Mapping[str, int]:
        return {STAGE.inputs[0]: self.next_offset}

    def take(self, topic: str, records: Sequence[Record]) -> None:
        self.began_ms = self.began_ms or time.time_ns() // 1_000_000
        self.waiting += records

    def tick(self, now_ms: int, caught_up: frozenset[str]) -> None:
        """The fold knows no time."""

    def held(self) -> frozenset[str]:
        return frozenset()

    def step(self, budget: int) -> Effects:
        now, self.waiting = self.waiting[:budget], self.waiting[budget:]
        effects = Effects(more=bool(self.waiting))
        if not now:
            return effects
        dirty: dict[bytes, State] = {}
        states, encoded = self.states, self.encoded
        for record in now:
            event = _decode_event(record.value or b"")
            key = record.key or b""
            state = dirty.get(key) or states.get(key)
            if state is None:
                known = encoded.pop(key, None)
                state = State() if known is None else _decode_state(known)
                states[key] = state
            dirty[key] = state
            if event.type == "page_viewed":
                state.views += 1
            elif event.type == "cart_updated":
                state.cart = [item.sku for item in event.items]
            else:
                state.orders += 1
                state.cart = []
                state.value += sum(item.quantity * item.unit_price for item in event.items)
                if event.type == "order_placed":
                    decision = _encode({"decision": event.event_id, "c": event.customer_id})
                    effects.records.append(Out(OUTPUT, self.partition, key, decision))
            state.last = max(state.last, event.occurred_at)
        self.next_offset = now[-1].offset + 1
        effects.state = [(key, _encode(state)) for key, state in dirty.items()]
        effects.state.append((POSITION_KEY, json.dumps([self.next_offset, self.began_ms]).encode()))
        effects.offsets = {STAGE.inputs[0]: self.next_offset}
        return effects


def events(count: int, customers: int, seed: int = 7) -> Iterator[tuple[int, bytes, bytes]]:
    """(partition, key, value) of each event, about 330 bytes."""
    chance = random.Random(seed)
    for number in range(count):
        customer = chance.randrange(customers)
        items = [
            {
                "sku": f"sku-{chance.randrange(5_000):06d}",
                "quantity": chance.randint(1, 3),
                "unit_price": chance.randint(199, 19_999),
            }
            for _ in range(chance.randint(1, 3))
        ]
        event = {
            "event_id": f"e{number:012d}",
            "type": chance.choices(TYPES, WEIGHTS)[0],
            "customer_id": f"c{customer:07d}",
            "occurred_at": 1_700_000_000_000 + number * 10,
            "brand": "northwind",
            "channel": "web",
            "currency": "EUR",
            "items": items,
        }
        yield customer % PARTITIONS, f"c{customer:07d}".encode(), json.dumps(event).encode()


def make_topics(settings: Settings) -> None:
    """Input, output and changelog of one run."""
    with connect(settings.bootstrap_servers) as admin:
        names = [settings.topic(name) for name in (*STAGE.inputs, OUTPUT, STAGE.changelog)]
        admin.create_topics(
            {
                name: {
                    "num_partitions": PARTITIONS,
                    "replication_factor": 1,
                    "configs": {"cleanup.policy": "compact" if name.endswith("changelog") else "delete"},
                }
                for name in names
            }
        )
        admin.wait_for_topics(names, timeout_ms=20_000)


def reader(settings: Settings, topic: str) -> KafkaConsumer:
    """A read_committed reader of all partitions, from the beginning."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        fetch_max_wait_ms=20,
    )
    consumer.assign([TopicPartition(settings.topic(topic), number) for number in range(PARTITIONS)])
    return consumer


def start_worker(settings: Settings, profile: str | None) -> subprocess.Popen[bytes]:
    """A worker process of its own."""
    program = [sys.executable, "-m", "benchmarks.fold", "--worker", settings.model_dump_json(exclude={"hash_key"})]
    return subprocess.Popen([*program, *([profile] if profile else [])])


def throughput(settings: Settings, count: int, customers: int, profile: str | None) -> dict[str, Any]:
    """Events per second over a backlog that is complete before the start."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=20, batch_size=262_144)
    expected = set()
    for partition, key, value in events(count, customers):
        producer.send(settings.topic(STAGE.inputs[0]), key=key, value=value, partition=partition)
        if b'"order_placed"' in value:
            expected.add(value[14:27].decode())
    producer.flush()
    producer.close()
    worker = start_worker(settings, profile)
    changelog = reader(settings, STAGE.changelog)
    try:
        span = _span(changelog, count)
    finally:
        worker.terminate()
        code = worker.wait(30)
        changelog.close()
    found = [json.loads(record.value)["decision"] for record in _all(settings, OUTPUT)]
    assert sorted(found) == sorted(expected), f"{len(found)} decisions, expected {len(expected)}"
    return {"events": count, "seconds": round(span, 2), "events_per_s": round(count / span), "exit_code": code}


def _span(changelog: KafkaConsumer, count: int) -> float:
    """Seconds from the worker's first event to the append of the last position record, by broker and system clock."""
    positions: dict[int, int] = {}
    first, last = float("inf"), 0
    deadline = time.monotonic() + 180
    while sum(positions.values()) < count and time.monotonic() < deadline:
        for records in changelog.poll(200).values():
            for record in records:
                if record.key == POSITION_KEY:
                    positions[record.partition], began = json.loads(record.value)
                    first = min(first, began)
                    last = max(last, record.timestamp)
    return (last - first) / 1000


def _all(settings: Settings, topic: str) -> list[Any]:
    consumer = reader(settings, topic)
    ends = consumer.end_offsets(consumer.assignment())
    records: list[Any] = []
    while any(consumer.position(tp) < end for tp, end in ends.items()):
        for found in consumer.poll(200).values():
            records += found
    consumer.close()
    return records


def latency(
    settings: Settings, seconds: float, profile: str | None, rate: int = 1_000, customers: int = 10_000
) -> dict[str, Any]:
    """Milliseconds from ``send`` to the decision in a read_committed consumer of this process."""
    worker = start_worker(settings, profile)
    consumer = reader(settings, OUTPUT)
    sent: dict[str, float] = {}
    took: list[float] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for records in consumer.poll(50).values():
                now = time.monotonic()
                took.extend((now - sent[json.loads(record.value)["decision"]]) * 1000 for record in records)

    reading = threading.Thread(target=read)
    reading.start()
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=0)
    warm_up = int(rate * 6)
    began = time.monotonic()
    for number, (partition, key, value) in enumerate(events(warm_up + int(rate * seconds), customers)):
        pause = began + number / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        if number == warm_up:
            took.clear()
        sent[value[14:27].decode()] = time.monotonic()
        producer.send(settings.topic(STAGE.inputs[0]), key=key, value=value, partition=partition)
    producer.flush()
    time.sleep(1)
    done.set()
    reading.join()
    producer.close()
    consumer.close()
    worker.terminate()
    code = worker.wait(30)
    took.sort()
    return {
        "decisions": len(took),
        "p50_ms": round(took[len(took) // 2], 1),
        "p99_ms": round(took[int(len(took) * 0.99)], 1),
        "exit_code": code,
    }


def work(settings: Settings, profile: str | None) -> int:
    """One worker in this process; returns its exit code."""
    if profile is None:
        return run_worker(STAGE, settings, FoldTask)
    profiler = cProfile.Profile()
    code: int = profiler.runcall(run_worker, STAGE, settings, FoldTask)
    profiler.dump_stats(profile)
    return code


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(work(Settings.model_validate_json(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--latency-s", type=float, default=0)
    parser.add_argument("--profile", help="write a cProfile of the worker here")
    arguments = parser.parse_args()
    settings = Settings(
        bootstrap_servers=arguments.bootstrap, topic_prefix=f"fold{uuid.uuid4().hex[:8]}", partitions=PARTITIONS
    )
    make_topics(settings)
    if arguments.latency_s:
        print(json.dumps(latency(settings, arguments.latency_s, arguments.profile)))
    else:
        print(json.dumps(throughput(settings, arguments.events, arguments.customers, arguments.profile)))


if __name__ == "__main__":
    main()
