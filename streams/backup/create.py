"""Taking a backup while the pipeline runs: a copy of each partition's state, and of the sink's newest snapshot.

A changelog partition up to a committed offset is one moment of its stage: state and position were written together. So
partitions need not be copied at the same moment, and nothing has to stop.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
from kafka import KafkaConsumer

from schemas.base import rfc3339, to_ms
from schemas.topics import STAGES, Stage
from sinks.failures import sink_error
from sinks.snapshots import LATEST
from streams.backup import written
from streams.backup.files import PRIVATE_DIRECTORY, checksum, copy_file, not_written, write_entries
from streams.backup.manifest import UNFINISHED, Database, Manifest, Part, folder_name, write_manifest
from streams.broker_logs import Place, committed_ends, copy_of_state, places_of, topic_ids, written_ends
from streams.decide.state import STATE_VERSION
from streams.erasure import hasher
from streams.errors import StateError
from streams.settings import Settings
from streams.stages import task_factory
from streams.table import MemoryTable, wake_of
from streams.tools import consumer
from streams.topics_admin import check_topics
from streams.upgrade import POSITION_VERSION

KEY_CHECK = "cuepoint-backup"
"""What is hashed so that a restore can tell whether it has the same ``hash_key``."""
DATABASE = "cuepoint.duckdb"
Say = Callable[[str], None]


def create(settings: Settings, directory: Path, now: datetime, say: Say = lambda _: None) -> Path:
    """Make a backup in a new folder below ``directory``, and return it. Raises BrokerError, PlatformError, SinkError,
    and StateError when no stage has any state."""
    names = {name for stage in STAGES.values() for name in (*stage.inputs, stage.changelog)}
    check_topics(settings, sorted(names | set(written.TOPICS)))
    folder = directory / folder_name(now)
    unfinished = folder.with_name(folder.name + UNFINISHED)
    try:
        unfinished.mkdir(PRIVATE_DIRECTORY, parents=True)
    except OSError as error:
        raise not_written(unfinished, error) from error
    try:
        write_manifest(unfinished, _copy(settings, unfinished, now, say))
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def key_check(settings: Settings) -> str:
    """See ``Manifest.key_check``."""
    return hasher(settings.hash_key)(KEY_CHECK)


def _copy(settings: Settings, folder: Path, now: datetime, say: Say) -> Manifest:
    """The order matters: what was written by the first moment is no older than what the copies say was done.

    A transaction becomes visible on one topic before the other. Its records are on the changelog before it is visible
    anywhere; so the end of a changelog is taken last, open transactions included, and waited for.
    """
    database = _copy_snapshot(settings, folder, say)
    with consumer(settings) as client:
        outputs = committed_ends(client, settings, places_of(written.TOPICS, settings))
        ends = written_ends(settings, places_of([stage.changelog for stage in STAGES.values()], settings))
        parts = [
            _copy_part(client, settings, stage, number, ends, folder, say)
            for stage in STAGES.values()
            for number in range(settings.partitions)
        ]
    if not any(part.entries for part in parts):
        raise StateError(
            f"The changelogs of {settings.topic_prefix}.* are empty: there is nothing to back up. Begin with cuepoint "
            "replay or cuepoint go-live, or set CUEPOINT_TOPIC_PREFIX to the pipeline that runs."
        )
    return Manifest(
        made_at=rfc3339(to_ms(now)),
        release=version("cuepoint"),
        topic_prefix=settings.topic_prefix,
        partitions=settings.partitions,
        position_version=POSITION_VERSION,
        state_version=STATE_VERSION,
        key_check=key_check(settings),
        logs=dict(topic_ids(settings, [name for stage in STAGES.values() for name in stage.inputs])),
        written={topic: _by_partition(outputs, topic) for topic in written.TOPICS},
        parts=parts,
        database=database,
    )


def _by_partition(ends: dict[Place, int], topic: str) -> list[int]:
    return [end for (name, _), end in sorted(ends.items()) if name == topic]


def _copy_part(
    client: KafkaConsumer,
    settings: Settings,
    stage: Stage,
    number: int,
    ends: dict[Place, int],
    folder: Path,
    say: Say,
) -> Part:
    end = ends[stage.changelog, number]
    values = copy_of_state(client, settings, (stage.changelog, number), end)
    path = folder / f"{stage.name}-{number}.state"
    write_entries(path, values)
    task = task_factory(stage.name, settings)(number)
    task.load(MemoryTable(values, wake_of(task)))
    size = path.stat().st_size
    say(f"{stage.name} {number}: {len(values):,} entries, {size:,} bytes")
    return Part(stage.name, number, path.name, checksum(path), size, len(values), dict(task.start_offsets()))


def _copy_snapshot(settings: Settings, folder: Path, say: Say) -> Database | None:
    """Copy the newest snapshot; it is a whole DuckDB file, with the positions behind its rows."""
    source, target = (settings.snapshot_dir / LATEST).resolve(), folder / DATABASE
    if not source.exists():
        say(f"no snapshot in {settings.snapshot_dir}: the backup holds no DuckDB file (is the sink running?)")
        return None
    copy_file(source, target)
    try:
        with duckdb.connect(str(target), read_only=True) as database:
            layout = database.execute("SELECT version FROM meta.layout").fetchone()
            positions = database.execute("SELECT topic, partition_number, next_offset FROM meta.positions").fetchall()
    except duckdb.Error as error:
        raise sink_error(error, target) from error
    size = target.stat().st_size
    say(f"{source.name}: {size:,} bytes")
    return Database(target.name, checksum(target), size, layout[0] if layout else 0, positions)
