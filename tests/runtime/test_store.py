"""What every store promises its task and the runtime, and what only one that outlives its process has to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import Stage
from streams.errors import StateError
from streams.runtime import rocks, rocks_files
from streams.runtime.rocks import RocksStore
from streams.runtime.rocks_files import open_rocks
from streams.runtime.store import MemoryStore, Store
from streams.settings import Settings
from streams.table import Change
from streams.task import Effects

STAGE = Stage("counting", ("numbers",), "counting-changelog")


def wake_of(key: bytes, value: bytes) -> bytes | None:
    """Values of ``c|`` begin with two bytes of time; ``--`` is never."""
    return value[:2] if key.startswith(b"c|") and value[:2] != b"--" else None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(topic_prefix="store", state_dir=tmp_path)


def opened(settings: Settings, topic_id: str = "topic-1", partition: int = 0) -> RocksStore:
    return open_rocks(settings, STAGE, partition, topic_id, wake_of)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Store]:
    found: Store = MemoryStore(wake_of=wake_of) if request.param == "memory" else opened(settings)
    yield found
    found.close()


def write(store: Store, *changes: Change, position: int | None = None, wakes_from: bytes = b"") -> None:
    store.write(Effects(state=list(changes), wakes_from=wakes_from), position)


def test_what_was_written_is_there_and_what_was_deleted_is_not(store: Store) -> None:
    write(store, (b"a", b"1"), (b"b", b"2"), (b"c", b"3"))
    write(store, (b"b", None), (b"c", b"33"), (b"d", None))
    assert [store.get(key) for key in (b"a", b"b", b"c", b"d", b"e")] == [b"1", None, b"33", None, None]
    assert list(store.scan(b"")) == [(b"a", b"1"), (b"c", b"33")]


def test_a_scan_keeps_to_its_prefix_in_order_and_begins_behind_a_key(store: Store) -> None:
    rows = {f"{kind}|{number}".encode(): b"v%d" % number for kind in "abk" for number in range(9)}
    write(store, *sorted(rows.items(), key=lambda row: row[0][::-1]), (b"b", b"short"), (b"w", b"w"), (b"m", b"m"))
    assert [key for key, _ in store.scan(b"b|")] == [b"b|%d" % number for number in range(9)]
    assert [key for key, _ in store.scan(b"b|", b"b|6")] == [b"b|7", b"b|8"]
    assert [key for key, _ in store.scan(b"b|", b"a|6")] == [b"b|%d" % number for number in range(9)]
    assert list(store.scan(b"b|", b"b|8")) == []
    assert list(store.scan(b"c|")) == []
    assert [key for key, _ in store.scan(b"", b"k|7")] == [b"k|8", b"m", b"w"]
    write(store, (b"b|55", b"new"), (b"b|6", None))
    assert [key for key, _ in store.scan(b"b|", b"b|4")] == [b"b|5", b"b|55", b"b|7", b"b|8"]


def test_wakes_come_in_order_and_in_pieces(store: Store) -> None:
    write(store, (b"c|x", b"03..."), (b"c|y", b"01..."), (b"c|z", b"--..."), (b"r|rule", b"00..."), (b"c|a", b"03"))
    assert store.wakes(b"", 10) == [b"01c|y", b"03c|a", b"03c|x"]
    assert store.wakes(b"", 2) == [b"01c|y", b"03c|a"]
    assert store.wakes(b"03c|a", 2) == [b"03c|x"]
    assert store.wakes(b"03c|x", 2) == []


def test_every_value_has_its_present_wake_whatever_was_written(store: Store) -> None:
    chance = random.Random(1)
    rows: dict[bytes, bytes] = {}
    for _ in range(300):
        key = b"c|%d" % chance.randrange(20)
        rows[key] = b"%02d" % chance.randrange(99)
        write(store, (key, rows[key]))
    present = sorted(value + key for key, value in rows.items())
    found = store.wakes(b"", 1_000)
    assert [entry for entry in found if rows[entry[2:]] == entry[:2]] == present
    assert found == sorted(found)


def test_records_of_the_changelog_are_taken_over_with_their_deletions(store: Store) -> None:
    again = (b"d", b"3"), (b"d", None), (b"d", b"4"), (b"e", b"5"), (b"e", None), (b"e", None), (b"f", None)
    store.load([[(b"c|a", b"01"), (b"b", b"2")], [(b"b", None), (b"c|a", b"05")], again], 7)
    store.loaded()
    assert list(store.scan(b"")) == [(b"c|a", b"05"), (b"d", b"4")]
    assert b"05c|a" in store.wakes(b"", 10)
    store.reset("a test")
    assert list(store.scan(b"")) == []
    assert store.wakes(b"", 10) == []
    assert store.position is None


def test_the_size_of_a_table_in_memory_follows_what_is_written() -> None:
    table = MemoryStore()
    table.load([[(b"key", b"12345"), (b"gone", b"1"), (b"gone", None)]], 3)
    table.loaded()
    assert table.size_bytes == 8
    write(table, (b"key", b"1"), (b"other", b"22"), (b"none", None))
    assert table.size_bytes == 11
    write(table, (b"other", None))
    assert (table.size_bytes, table.entries) == (4, 1)


def test_a_store_goes_on_where_it_was_written_last(settings: Settings) -> None:
    store = opened(settings)
    assert store.position is None
    store.load([[(b"c|a", b"07")]], 3)
    store.loaded()
    write(store, (b"c|b", b"05"), position=6)
    write(store, (b"c|c", b"06"), position=None)
    store.close()
    again = opened(settings)
    assert again.position == 6
    assert again.wakes(b"", 10) == [b"05c|b", b"06c|c", b"07c|a"]
    assert again.get(b"c|a") == b"07"
    again.close()


def test_partitions_stages_and_prefixes_have_stores_of_their_own(settings: Settings) -> None:
    other = settings.model_copy(update={"topic_prefix": "other"})
    stores = [opened(settings), opened(settings, partition=1), opened(other)]
    write(stores[0], (b"a", b"1"), position=1)
    assert [store.get(b"a") for store in stores] == [b"1", None, None]
    for store in stores:
        store.close()


def test_wakes_that_are_over_are_passed_over_and_swept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rocks, "SWEEP_AFTER", 10)
    monkeypatch.setattr(rocks, "SWEPT_AT_ONCE", 15)
    store = opened(settings)
    for number in range(30):
        write(store, (b"c|a", b"%02d" % number), wakes_from=b"%02d" % max(0, number - 2), position=number)
    assert store.wakes(b"", 100) == [b"27c|a", b"28c|a", b"29c|a"]
    store.close()
    again = opened(settings)
    assert again.wakes(b"", 100) == [b"27c|a", b"28c|a", b"29c|a"]
    again.meta.wakes_from = b""
    assert len(again.wakes(b"", 100)) < 15, "most of them are gone"
    assert again.wakes(b"", 100)[-3:] == [b"27c|a", b"28c|a", b"29c|a"]
    again.close()


def filled(settings: Settings) -> Path:
    """The directory of a closed store with 200 KB of values and as much of wakes in one file."""
    store, chance = opened(settings), random.Random(1)
    store.load([[(b"c|%05d" % number + chance.randbytes(100), b"%02d" % (number % 97)) for number in range(2_000)]], 5)
    store.loaded()
    store.close()
    (directory,) = (settings.state_dir / "store").iterdir()
    return directory


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({"topic_id": "topic-0"}, "topic id topic-0"),
        ({"format": rocks.FORMAT + 1}, "format"),
        ({"written_ms": 1}, "too long ago"),
    ],
)
def test_a_store_that_is_no_copy_of_this_changelog_is_discarded_with_a_log_line(
    settings: Settings, meta: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(settings)
    write(store, (b"a", b"1"), position=4)
    stored = {field: getattr(store.meta, field) for field in store.meta.__struct_fields__}
    store._database.put(b"m", rocks._encoder.encode(rocks.Meta(**{**stored, **meta})))
    store.close()
    again = opened(settings)
    assert again.position is None
    assert again.get(b"a") is None
    assert why in caplog.text
    write(again, (b"a", b"2"), position=1)
    again.close()
    third = opened(settings)
    assert third.position == 1
    third.close()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("pattern", ["*.sst", "MANIFEST-*", "CURRENT"])
def test_a_truncated_store_is_discarded_when_it_is_opened(
    settings: Settings, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = filled(settings)
    for file in directory.glob(pattern):
        truncate(file)
    store = opened(settings)
    assert store.position is None
    assert list(store.scan(b"")) == store.wakes(b"", 1) == []
    assert "discarded" in caplog.text or pattern == "MANIFEST-*", "of half a manifest RocksDB makes an earlier store"
    write(store, (b"a", b"1"), position=1)
    assert store.get(b"a") == b"1"
    store.close()


def read_all(store: Store, kind: str) -> None:
    """Read everything in one of the three ways."""
    if kind == "get":
        chance = random.Random(1)
        for number in range(2_000):
            store.get(b"c|%05d" % number + chance.randbytes(100))
    elif kind == "scan":
        assert len(list(store.scan(b"c|"))) == 2_000
    else:
        assert len(store.wakes(b"", 5_000)) == 2_000


@pytest.mark.parametrize("read", ["get", "scan", "wakes"])
def test_a_damaged_block_stops_the_worker_and_the_next_start_builds_anew(settings: Settings, read: str) -> None:
    directory = filled(settings)
    for file in directory.glob("*.sst"):
        content = bytearray(file.read_bytes())
        begin = len(content) * (60 if read == "wakes" else 10) // 100
        content[begin : begin + 20_000] = bytes(20_000)
        file.write_bytes(content)
    store = opened(settings)
    assert store.position == 5
    with pytest.raises(StateError, match=r"The local store .* failed \(.*orrupt.*\)\. It is built again"):
        read_all(store, read)
    store.close()
    again = opened(settings)
    assert again.position is None
    again.close()


def test_a_log_torn_by_a_power_failure_leaves_an_earlier_store(settings: Settings) -> None:
    store = opened(settings)
    for number in range(100):
        write(store, (b"c|%d" % number, b"%02d" % number), position=number + 1)
    directory = store._directory
    frozen = directory.with_name("frozen")
    frozen.mkdir()
    for file in directory.iterdir():
        (frozen / file.name).write_bytes(file.read_bytes())
    store.close()
    for file in directory.iterdir():
        file.unlink()
    for file in frozen.iterdir():
        file.rename(directory / file.name)
    (log,) = directory.glob("*.log")
    truncate(log)
    again = opened(settings)
    position = again.position
    assert position is not None
    assert 0 < position < 100
    assert len(list(again.scan(b""))) == len(again.wakes(b"", 1_000)) == position
    again.close()


def test_a_store_that_somebody_holds_is_left_alone_and_removed_when_it_is_free(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rocks_files, "LOCK_WAIT_S", 0.2)
    zombie = opened(settings)
    write(zombie, (b"a", b"old"), position=1)
    owner = opened(settings)
    assert owner.position is None
    write(owner, (b"a", b"new"), position=2)
    assert zombie.get(b"a") == b"old"
    assert len(list((settings.state_dir / "store").iterdir())) == 2
    owner.close()
    zombie.close()
    next_owner = opened(settings)
    assert next_owner.position == 1, "an older copy is as good: it reads more of the changelog"
    assert len(list((settings.state_dir / "store").iterdir())) == 1
    next_owner.close()


def test_a_directory_that_cannot_be_made_is_named_with_the_way_out(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = settings.model_copy(update={"state_dir": tmp_path / "file"})
    with pytest.raises(StateError, match=r"file/store/store-counting-0 cannot be opened .* Set CUEPOINT_STATE_DIR"):
        opened(nowhere)
