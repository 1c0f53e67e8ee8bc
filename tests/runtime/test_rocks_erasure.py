"""What is deleted from a store leaves its directory: values, wakes of earlier values, and the log of keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from rocksdict import DBCompressionType

from schemas.topics import Stage
from streams.runtime import rocks_files
from streams.runtime.rocks import RocksStore
from streams.runtime.rocks_files import open_rocks
from streams.settings import Settings
from streams.task import Effects

STAGE = Stage("counting", ("numbers",), "counting-changelog")
NAME, OTHER = b"c|customer-77193", b"c|customer-20481"


def wake_of(key: bytes, value: bytes) -> bytes | None:
    """Values of ``c|`` begin with two bytes of time; ``--`` is never."""
    return value[:2] if key.startswith(b"c|") and value[:2] != b"--" else None


@pytest.fixture
def store(tmp_path: Path) -> RocksStore:
    """One that does not compress, and compacts at once."""
    settings = Settings(topic_prefix="store", state_dir=tmp_path)
    options = rocks_files._options(settings.rocksdb_memory_mb)
    options.set_compression_type(DBCompressionType.none())
    found = open_rocks(settings, STAGE, 0, "topic", wake_of)
    found._compact_after_ms = 0
    return found


def put(store: RocksStore, key: bytes, value: bytes | None) -> None:
    store.write(Effects(state=[(key, value)]), 1)


def settled(store: RocksStore) -> None:
    """Until nothing is left to do."""
    for _ in range(9):
        put(store, b"r|another", b"x")
        if store._compaction is not None:
            store._compaction.join()
            return


def found(directory: Path, name: bytes) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file() and name in path.read_bytes()]


def test_no_byte_of_what_was_deleted_is_left(store: RocksStore, tmp_path: Path) -> None:
    for wake in (b"09", b"05", b"07"):
        for name in (NAME, OTHER):
            put(store, name, wake + name[2:] + b" bought a mug")
        store._database.flush()
    assert len(found(tmp_path, NAME[2:])) > 1
    assert len(store.wakes(b"", 9)) == 6, "those of earlier values are swept when their time has come"
    put(store, NAME, None)
    assert found(tmp_path, NAME[2:])
    settled(store)
    assert found(tmp_path, NAME[2:]) == []
    assert found(tmp_path, OTHER[2:])
    assert store.wakes(b"", 9) == [b"07" + OTHER]
    assert store.get(OTHER) == b"07customer-20481 bought a mug"
    store.close()


def test_many_wakes_are_looked_through_in_pieces(store: RocksStore) -> None:
    for number in range(1_200):
        put(store, b"c|%d" % number, b"09x")
    for number in range(1_200):
        put(store, b"c|%d" % number, b"%02d" % (number % 7))
    put(store, b"c|0", None)
    put(store, b"c|1", None)
    for _ in range(12):
        put(store, b"r|another", b"x")
    assert len(store.wakes(b"", 9_999)) == 1_198
    store.close()


def test_nothing_is_compacted_where_nothing_was_deleted(store: RocksStore) -> None:
    put(store, NAME, b"09")
    for _ in range(3):
        put(store, b"r|another", b"x")
    assert store._compaction is None
    store.close()
