"""What is refused, and in which words: a backup that the logs no longer reach, of another pipeline, or damaged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import STAGES
from streams.backup import written
from streams.backup.check import World, damages, from_beginning, refusals
from streams.backup.files import checksum, read_entries, write_entries
from streams.backup.manifest import (
    MANIFEST,
    UNFINISHED,
    Database,
    Manifest,
    Part,
    backups,
    find_backup,
    folder_name,
    prune,
    read_manifest,
    write_manifest,
)
from streams.decide.state import STATE_VERSION
from streams.errors import InputError
from streams.upgrade import POSITION_VERSION

LOGS = {topic: f"id-of-{topic}" for stage in STAGES.values() for topic in stage.inputs}
STATE = {b"c|c1": b"\x00\xffstate", b"position": b"", b"\x00": b"x" * 100_000}


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "made_at": "2026-03-02T02:00:00Z",
        "release": "0.1.0",
        "topic_prefix": "shop",
        "partitions": 2,
        "position_version": POSITION_VERSION,
        "state_version": STATE_VERSION,
        "key_check": "k",
        "logs": LOGS,
        "written": {topic: [500, 500] for topic in written.TOPICS},
        "parts": [
            Part(stage.name, number, "file", "sum", 1, 1, dict.fromkeys(stage.inputs, 400))
            for stage in STAGES.values()
            for number in range(2)
        ],
        "database": Database("cuepoint.duckdb", "sum", 1, 1, [("channel-feedback", 1, 300), ("progress", 0, 0)]),
    }
    return Manifest(**(fields | changes))


def world(begins: dict[tuple[str, int], int] | None = None, **changes: Any) -> World:
    fields: dict[str, Any] = {"topic_prefix": "shop", "partitions": 2, "key_check": "k", "logs": LOGS}
    return World(**(fields | changes), begins=begins or {})


def test_a_backup_that_the_logs_still_reach_is_taken() -> None:
    kept = {("customer-events", 0): 400, ("decisions", 1): 500, ("channel-feedback", 1): 300, ("catalog", 0): 9_999}
    assert list(refusals(manifest(), world(kept))) == []
    assert list(refusals(manifest(database=None), world({("channel-feedback", 1): 400}))) == []


@pytest.mark.parametrize(
    ("begins", "named"),
    [
        ({("customer-events", 0): 401}, "shop.customer-events partition 0 from offset 400 on, which begins at 401"),
        ({("orders", 1): 401}, "shop.orders partition 1 from offset 400 on, which begins at 401"),
        ({("decisions", 1): 501}, "shop.decisions partition 1 from offset 500 on, which begins at 501"),
        ({("channel-feedback", 1): 301}, "shop.channel-feedback partition 1 from offset 300 on"),
    ],
)
def test_a_backup_older_than_the_retention_is_refused(begins: dict[tuple[str, int], int], named: str) -> None:
    (sentence,) = refusals(manifest(), world(begins))
    assert sentence.startswith("The backup of 2026-03-02T02:00:00Z is older than the retention")
    assert named in sentence
    assert "Take a newer backup" in sentence
    assert "--from-beginning" not in sentence, "nothing is left of the beginning"


def test_what_was_read_from_the_beginning_needs_the_beginning() -> None:
    begun = [Part("decide", 0, "file", "sum", 1, 0, {})]
    (sentence,) = refusals(manifest(parts=begun), world({("customer-events", 0): 1}))
    assert "from offset 0 on, which begins at 1" in sentence


@pytest.mark.parametrize(
    ("changes", "where", "named"),
    [
        ({"partitions": 8}, {}, "CUEPOINT_PARTITIONS=8 and restore, then move to another number with cuepoint repart"),
        ({"state_version": STATE_VERSION + 1}, {}, f"customers' states have version {STATE_VERSION + 1}, this release"),
        ({"position_version": POSITION_VERSION + 1, "release": "9.9"}, {}, "restore with release 9.9 or a newer one"),
        ({"key_check": "other"}, {}, "made under another hash_key"),
        ({"topic_prefix": "other"}, {}, "CUEPOINT_TOPIC_PREFIX=other"),
        ({}, {"logs": LOGS | {"customer-events": "made anew"}}, "Topic shop.customer-events is not the one"),
        ({}, {"logs": {}}, "--new-logs"),
    ],
)
def test_another_pipeline_is_refused(changes: dict[str, Any], where: dict[str, Any], named: str) -> None:
    (sentence,) = refusals(manifest(**changes), world(**where))
    assert named in sentence


def test_new_logs_need_no_old_ones_but_the_same_partitions_and_key() -> None:
    other = world({("customer-events", 0): 999}, topic_prefix="new", logs={})
    assert list(refusals(manifest(), other, new_logs=True)) == []
    for wrong in (manifest(partitions=3), manifest(key_check="other"), manifest(state_version=99)):
        assert len(list(refusals(wrong, other, new_logs=True))) == 1


def test_from_the_beginning_needs_every_first_record() -> None:
    assert list(from_beginning(world({("orders", 0): 0, ("catalog", 0): 7}))) == []
    (sentence,) = from_beginning(world({("orders", 0): 0, ("orders", 1): 7}))
    assert "shop.orders partition 1 begins at offset 7" in sentence


def test_state_comes_back_as_it_was_and_damage_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "decide-0.state"
    write_entries(path, STATE)
    assert path.stat().st_mode & 0o777 == 0o600, "it holds customers"
    assert read_entries(path, checksum(path)) == STATE
    known = checksum(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="is damaged"):
        read_entries(path, known)
    part = Part("decide", 0, path.name, known, 1, 3, {})
    held = manifest(parts=[part], database=Database("gone.duckdb", "sum", 1, 1, []))
    found = list(damages(tmp_path, held))
    assert "decide-0.state is damaged" in found[0]
    assert "gone.duckdb cannot be read" in found[1]


def test_the_newest_finished_backup_is_found_and_old_ones_are_deleted(tmp_path: Path) -> None:
    now = datetime(2026, 3, 20, 2, tzinfo=UTC)
    names = [folder_name(now - timedelta(days=days)) for days in (30, 14, 1)]
    for name in names:
        (tmp_path / name).mkdir()
        write_manifest(tmp_path / name, manifest())
    (tmp_path / (folder_name(now - timedelta(days=20)) + UNFINISHED)).mkdir()
    (tmp_path / "cuepoint-notes").mkdir()
    (tmp_path / folder_name(now)).mkdir()
    assert find_backup(tmp_path).name == names[2]
    assert find_backup(tmp_path / names[0]).name == names[0]
    assert read_manifest(find_backup(tmp_path)) == manifest()
    deleted = {path.name for path in prune(tmp_path, 14, now)}
    assert deleted == {names[0], folder_name(now - timedelta(days=20)) + UNFINISHED}
    assert [path.name for path in backups(tmp_path)] == names[1:]
    assert (tmp_path / "cuepoint-notes").exists()
    with pytest.raises(InputError, match="holds no finished backup"):
        find_backup(tmp_path / "cuepoint-notes")


@pytest.mark.parametrize(
    ("content", "named"), [(b'{"format": 2}', "has format 2, this release reads 1"), (b'{"format": 1}', "is damaged")]
)
def test_a_manifest_of_another_format_is_refused(content: bytes, named: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match=named):
        read_manifest(tmp_path)
