"""The directories of RocksDB stores: which one is opened, whether it may be used, and with which options."""

from __future__ import annotations

import logging
import shutil
import time
from functools import lru_cache
from pathlib import Path

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBufferManager

from schemas.topics import Stage
from streams.errors import StateError
from streams.runtime import metrics
from streams.runtime.rocks import DAMAGED, FORMAT, RocksStore
from streams.settings import Settings
from streams.table import WakeOf

log = logging.getLogger(__name__)

MEGABYTE = 1_048_576
WRITE_BUFFER_BYTES = 16 * MEGABYTE
LOG_BYTES_MAX = 128 * MEGABYTE
"""RocksDB's write-ahead log of one store; beyond it everything is flushed."""
BLOCK_BYTES = 8 * 1024
BLOOM_BITS = 10
BACKGROUND_JOBS = 2
LOCK_WAIT_S = 10.0
"""How long the owner before may take to close a store. Then it counts as a zombie, and another directory is used."""
LOCK_POLL_S = 0.1
DIRECTORIES_MAX = 4
AGE_MS_MAX = 20 * 3_600_000
"""An older store is not used: Kafka keeps the record of a deletion for a day (``delete.retention.ms``), and then a
reader that continues from an old offset does not learn of it."""


def open_rocks(settings: Settings, stage: Stage, partition: int, topic_id: str, wake_of: WakeOf | None) -> RocksStore:
    """Open the store of a partition number, empty if there is none that may be used. It may wait; call it in a thread.

    Raises StateError when no directory can be written or locked.
    """
    name = f"{settings.topic_prefix}-{stage.name}-{partition}"
    directories = [settings.state_dir / "store" / f"{name}{suffix}" for suffix in ("", ".1", ".2", ".3")]
    deadline = time.monotonic() + LOCK_WAIT_S
    for directory in directories:
        while True:
            try:
                store = _open(directory, settings.rocksdb_memory_mb, stage, topic_id, wake_of)
            except _LockedError:
                if time.monotonic() >= deadline:
                    break
                time.sleep(LOCK_POLL_S)
            else:
                _remove_others(directories, directory)
                return store
    raise StateError(
        f"All of {', '.join(map(str, directories))} are in use by other processes; end those that are left over, or "
        "set CUEPOINT_STATE_DIR to another directory."
    )


class _LockedError(Exception):
    """Another process, or an earlier owner in this one, has the database open."""


def _open(directory: Path, memory_mb: int, stage: Stage, topic_id: str, wake_of: WakeOf | None) -> RocksStore:
    def clear(why: str) -> Rdict:
        metrics.STORE_DISCARDED.labels(stage.name).inc()
        log.warning("a local store was discarded: %s", why, extra={"stage": stage.name, "directory": str(directory)})
        shutil.rmtree(directory, ignore_errors=True)
        return _database(directory, memory_mb)

    try:
        database = clear("it is damaged") if (directory / DAMAGED).exists() else _database(directory, memory_mb)
    except _LockedError:
        raise
    except StateError as error:
        database = clear(str(error))
    try:
        store = RocksStore(database, topic_id, wake_of, clear)
    except StateError as error:
        database.close()
        store = RocksStore(clear(str(error)), topic_id, wake_of, clear)
    why = _unusable(store, topic_id)
    if why is not None:
        store.reset(why)
    return store


def _unusable(store: RocksStore, topic_id: str) -> str | None:
    """Why a store cannot be continued from the changelog; None when it can, or is empty."""
    if store.position is None:
        return None
    if store.meta.format != FORMAT:
        return f"it has format {store.meta.format}, this release reads {FORMAT}"
    if store.meta.topic_id != topic_id:
        return f"it is a copy of the changelog with topic id {store.meta.topic_id}, which is {topic_id} now"
    if time.time_ns() // 1_000_000 - store.meta.written_ms > AGE_MS_MAX:
        return "it was written too long ago to learn of deletions"
    return None


def _database(directory: Path, memory_mb: int) -> Rdict:
    """Open a database, made if it is not there. Raises _LockedError or StateError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Rdict(str(directory), options=_options(memory_mb))
    except Exception as error:
        if "lock" in str(error).lower():
            raise _LockedError from error
        raise StateError(
            f"The local store {directory} cannot be opened ({error}). Set CUEPOINT_STATE_DIR to a directory that can "
            "be written and has space."
        ) from error


def _remove_others(directories: list[Path], used: Path) -> None:
    """Delete what zombies have left, unless they still have it open."""
    for directory in directories:
        if directory != used and directory.exists():
            try:
                Rdict.destroy(str(directory), Options(raw_mode=True))
            except Exception:
                continue
            shutil.rmtree(directory, ignore_errors=True)


@lru_cache(maxsize=1)
def _options(memory_mb: int) -> Options:
    """One cache for blocks, indexes and write buffers of all stores of this process."""
    cache = Cache(memory_mb * MEGABYTE)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_bloom_filter(BLOOM_BITS, False)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_level_compaction_dynamic_level_bytes(True)
    options.set_max_background_jobs(BACKGROUND_JOBS)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_write_buffer_manager(
        WriteBufferManager.new_write_buffer_manager_with_cache(memory_mb * MEGABYTE // 2, False, cache)
    )
    options.set_max_total_wal_size(LOG_BYTES_MAX)
    options.set_keep_log_file_num(2)
    options.set_max_manifest_file_size(
        1
    )  # it names keys: a new one at each change of files, without those of old files
    return options
