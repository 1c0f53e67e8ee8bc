"""The restore reads what was committed, and nothing else, from wherever a store begins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from schemas.topics import Stage
from streams.runtime.checks import topic_id
from streams.runtime.restore import restore
from streams.runtime.rocks_files import open_rocks
from streams.runtime.store import MemoryStore
from streams.settings import Settings
from tests.runtime.kit import make_topics

STAGE = Stage("counting", (), "counting-changelog")
Rows = dict[bytes, bytes]


class Changelog:
    """Partition 0, written by transactions of which some are aborted, with big and small records."""

    def __init__(self, settings: Settings, compression: str | None) -> None:
        self.table: Rows = {}
        self._topic = settings.topic(STAGE.changelog)
        self._chance = random.Random(3)
        self._producer = KafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            transactional_id=f"{settings.topic_prefix}-source",
            compression_type=compression,
            linger_ms=2,
        )
        self._producer.init_transactions()

    def __enter__(self) -> Changelog:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()

    def write(self, transactions: int) -> None:
        """Every fourth transaction is aborted; what it wrote differs from everything committed."""
        for number in range(transactions):
            aborted = number % 4 == 2
            self._producer.begin_transaction()
            for _ in range(self._chance.randrange(1, 60)):
                key = b"k%d" % self._chance.randrange(40)
                value = None if self._chance.random() < 0.2 else self._chance.randbytes(self._chance.choice((3, 900)))
                self._producer.send(self._topic, key=key, value=b"aborted" if aborted else value, partition=0)
                if not aborted:
                    self.table.pop(key, None)
                    if value is not None:
                        self.table[key] = value
            self._producer.flush()
            if aborted:
                self._producer.abort_transaction()
            else:
                self._producer.commit_transaction()


@pytest.fixture(params=[None, "gzip"])
def changelog(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Changelog]:
    make_topics(settings, STAGE.changelog, partitions=1)
    with Changelog(settings, request.param) as found:
        yield found


def test_a_table_in_memory_is_what_was_committed(settings: Settings, changelog: Changelog) -> None:
    empty = MemoryStore()
    assert asyncio.run(restore(settings, STAGE, 0, empty)) == 0
    changelog.write(15)  # the last one is aborted
    store = MemoryStore()
    assert asyncio.run(restore(settings, STAGE, 0, store)) > len(changelog.table)
    assert dict(store.scan(b"")) == changelog.table
    assert store.size_bytes == sum(len(key) + len(value) for key, value in changelog.table.items())


def test_a_store_on_disk_reads_on_from_any_offset_that_it_was_left_at(
    settings: Settings, changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as = topic_id(settings, STAGE.changelog)
    read = []
    for _ in range(4):
        changelog.write(5)
        store = open_rocks(settings, STAGE, 0, known_as, None)
        read.append(asyncio.run(restore(settings, STAGE, 0, store)))
        assert dict(store.scan(b"")) == changelog.table
        store.close()
    assert max(read) < sum(read) / 2, "each time only what is new"
    store = open_rocks(settings, STAGE, 0, known_as, None)
    assert asyncio.run(restore(settings, STAGE, 0, store)) == 0
    position = store.position
    assert position is not None
    for back in (1, 7, 30, position):
        store.load([], position - back)  # as if a power failure had taken the last records: some are applied twice
        assert asyncio.run(restore(settings, STAGE, 0, store)) <= back
        assert dict(store.scan(b"")) == changelog.table
    store.load([], position + 1)
    assert asyncio.run(restore(settings, STAGE, 0, store)) == sum(read), "ahead of the changelog: built again"
    assert dict(store.scan(b"")) == changelog.table
    store.close()
