"""Publishing: a read-only copy of the sink's file under a new name, and a link ``latest.duckdb`` that is swapped to it.

The copy is one transaction on a connection of its own, so the writer goes on meanwhile and the copy is consistent.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from sinks import metrics
from sinks.columns import quote
from sinks.failures import sink_error
from sinks.tables import RAW_TABLES
from streams.runtime.failpoints import failpoint

STORAGE_VERSION = "v1.5.0"
"""Storage format of snapshots, so that DuckDB 1.5 opens them; the sink's own file has that of the installed DuckDB."""
LATEST = "latest.duckdb"
"""Name of the link to the newest snapshot."""
_NAME = re.compile(r"cuepoint-(\d{8}T\d{6}\.\d{6}Z)\.duckdb")
_UNFINISHED = ".unfinished"


def publish(cursor: duckdb.DuckDBPyConnection, directory: Path, kept: int, now: datetime) -> Path:
    """Publish what is committed, keep the newest ``kept`` snapshots, and return the new one's path.

    Whoever has an older one open keeps it (on Linux and macOS an open file outlives its name). A publication that dies
    leaves an ``.unfinished`` file that the next one removes. Raises SinkError: disk full, directory not writable.
    """
    target = directory / f"cuepoint-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}.duckdb"
    unfinished = target.with_suffix(_UNFINISHED)
    with metrics.SNAPSHOT_SECONDS.time():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_unfinished(directory)
            _copy(cursor, unfinished, now)
            failpoint("in_snapshot")
            _make_durable(unfinished)
            unfinished.rename(target)
            _swap_link(directory, target.name)
        except (duckdb.Error, OSError) as error:
            raise sink_error(error, target) from error
    _prune(directory, kept)
    metrics.SNAPSHOT_PUBLISHED.set(now.timestamp())
    metrics.SNAPSHOT_BYTES.set(target.stat().st_size)
    return target


def snapshots(directory: Path) -> list[Path]:
    """Published snapshots, oldest first."""
    return sorted(path for path in directory.glob("cuepoint-*.duckdb") if _NAME.fullmatch(path.name))


def _copy(cursor: duckdb.DuckDBPyConnection, path: Path, now: datetime) -> None:
    row = cursor.execute("SELECT current_database()").fetchone()
    source = row[0] if row else ""
    cursor.execute(f"ATTACH {quote(str(path))} AS snapshot (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        cursor.begin()
        try:
            cursor.execute(f'COPY FROM DATABASE "{source}" TO snapshot')
            cursor.execute(_info(), [now])
            cursor.commit()
        except duckdb.Error:
            cursor.rollback()
            raise
    finally:
        cursor.execute("DETACH snapshot")


def _info() -> str:
    counts = " UNION ALL ".join(
        f"SELECT {quote(table.full_name)} AS table_name, count(*) AS records FROM snapshot.{table.full_name}"
        for table in RAW_TABLES
    )
    return (
        "INSERT INTO snapshot.meta.snapshot_info SELECT ?, "
        "(SELECT min(complete_until) FROM snapshot.meta.stage_progress WHERE stage = 'decide'), "
        "(SELECT list(p ORDER BY p.topic, p.partition_number) FROM snapshot.meta.positions p), "
        f"(SELECT list(c ORDER BY c.table_name) FROM ({counts}) c)"
    )


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _swap_link(directory: Path, name: str) -> None:
    """Point the link at ``name`` in one step: a reader finds the old snapshot or the new one, never none."""
    link = directory / f"{LATEST}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    link.replace(directory / LATEST)


def _remove_unfinished(directory: Path) -> None:
    for path in directory.glob(f"cuepoint-*{_UNFINISHED}*"):
        path.unlink()


def _prune(directory: Path, kept: int) -> None:
    for path in snapshots(directory)[:-kept]:
        path.unlink()
