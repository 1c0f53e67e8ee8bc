"""Publishing: a read-only copy of the sink's file under a new name, and a link ``latest.duckdb`` that is swapped to it.

DuckDB lets one process open a file that is written, so analysts read copies. After a checkpoint, with no transaction
open, the file is complete in itself and is copied as bytes: measured about ten times cheaper than ``COPY FROM
DATABASE``, which compresses everything anew (docs/decisions/0031-snapshots.md). The copy is made by a process of its
own: were it this one, closing the file it read would drop DuckDB's lock on it (POSIX locks belong to the process).
"""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from sinks import metrics
from sinks.columns import quote
from sinks.failures import sink_error
from sinks.repeats import find_repeats
from sinks.tables import RAW_TABLES
from streams.runtime.failpoints import failpoint

LATEST = "latest.duckdb"
"""Name of the link to the newest snapshot."""
_NAME = re.compile(r"cuepoint-\d{8}T\d{6}\.\d{6}Z\.duckdb")
_UNFINISHED = ".unfinished"


def publish(database: duckdb.DuckDBPyConnection, source: Path, directory: Path, kept: int, now: datetime) -> Path:
    """Publish what is committed, keep the newest ``kept`` snapshots, and return the new one's path.

    ``database`` is the only connection to ``source`` and has no transaction open. Whoever has an older snapshot open
    keeps it (an open file outlives its name). A publication that dies leaves an ``.unfinished`` file that the next one
    removes. Raises SinkError: disk full, directory not writable.
    """
    target = directory / f"cuepoint-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}.duckdb"
    unfinished = target.with_suffix(_UNFINISHED)
    with metrics.SNAPSHOT_SECONDS.time():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_unfinished(directory)
            find_repeats(database)
            _complete(database, now)
            _copy(source, unfinished)
            failpoint("in_snapshot")
            _check(database, unfinished)
            unfinished.rename(target)
            failpoint("before_snapshot_link")
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


def _complete(database: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Say in ``meta.snapshot_info`` what is in the file, and bring everything from the write-ahead log into it."""
    counts = " UNION ALL ".join(
        f"SELECT {quote(table.full_name)} AS table_name, count(*) AS records FROM {table.full_name}"
        for table in RAW_TABLES
    )
    database.begin()
    database.execute("DELETE FROM meta.snapshot_info")
    database.execute(
        "INSERT INTO meta.snapshot_info SELECT ?, "
        "(SELECT min(complete_until) FROM meta.stage_progress WHERE stage = 'decide'), "
        "(SELECT list(p ORDER BY p.topic, p.partition_number) FROM meta.positions p), "
        f"(SELECT list(c ORDER BY c.table_name) FROM ({counts}) c)",
        [now],
    )
    database.commit()
    database.execute("CHECKPOINT")


def _copy(source: Path, target: Path) -> None:
    done = subprocess.run(["cp", "--", source, target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"cp ended with {done.returncode}")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _check(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    """A copy that does not open is not published. Raises duckdb.Error."""
    database.execute(f"ATTACH {quote(str(path))} AS snapshot (READ_ONLY)")
    try:
        database.execute("SELECT published_at FROM snapshot.meta.snapshot_info").fetchone()
    finally:
        database.execute("DETACH snapshot")


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
