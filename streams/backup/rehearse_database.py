"""The rehearsal of the sink's file: a copy of the backup's reads on until it has what the newest snapshot has, and the
two are held against each other."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sinks.columns import quote
from sinks.consumer import SinkConsumer
from sinks.duckdb_writer import DuckDBWriter
from sinks.failures import sink_error
from sinks.protocol import TopicPartition
from sinks.snapshots import LATEST
from sinks.tables import CUSTOMER_EVENTS, DECISIONS, EVENT_LINES, FEEDBACK, IDENTITY_AUDIT, QUARANTINE
from streams.backup.files import copy_file
from streams.backup.restore import Backup
from streams.settings import Settings

TOPIC_OF = {
    CUSTOMER_EVENTS.full_name: "customer-events",
    EVENT_LINES.full_name: "customer-events",
    DECISIONS.full_name: "decisions",
    FEEDBACK.full_name: "channel-feedback",
    QUARANTINE.full_name: "quarantine",
    IDENTITY_AUDIT.full_name: "identity-audit",
}
"""Table -> the topic of its rows. Everything in core and mart is a view over these. Forecasts are left out: their topic
is compacted, so that what a snapshot has read may be gone."""


@dataclass(frozen=True)
class TableFinding:
    """A table as far as the newest snapshot reaches: rows rebuilt, rows of the snapshot, and whether they are alike."""

    table: str
    rebuilt: int
    live: int
    agrees: bool


def rehearse_database(settings: Settings, backup: Backup | None) -> list[TableFinding]:
    """Rebuild the sink's file in a temporary folder below ``state_dir``. ``backup``: None, or one without a file: from
    what the topics hold. Empty when there is no snapshot to compare with. Raises SinkError, PlatformError."""
    live = (settings.snapshot_dir / LATEST).resolve()
    if not live.exists():
        return []
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.state_dir, prefix="rehearsal-") as name:
        path = Path(name) / "rebuilt.duckdb"
        kept = Path(name) / "live.duckdb"
        copy_file(live, kept)
        if backup is not None and backup[1].database is not None:
            copy_file(backup[0] / backup[1].database.file, path)
        writer = DuckDBWriter(path, settings.topic_prefix, settings.hash_key)
        try:
            asyncio.run(_read_until(settings, writer, _positions(kept)))
        finally:
            writer.close()
        return compare(path, kept)


async def _read_until(settings: Settings, writer: DuckDBWriter, until: Mapping[TopicPartition, int]) -> None:
    """Read on as the sink does, until nothing is missing of what the snapshot has."""
    reader = SinkConsumer(settings, writer)
    await reader.start()
    try:
        while any(writer.positions().get(place, 0) < offset for place, offset in until.items()):
            batch = await reader.collect()
            if batch.positions:
                writer.write(batch)
    finally:
        await reader.stop()


def _positions(path: Path) -> dict[TopicPartition, int]:
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            rows = database.execute("SELECT topic, partition_number, next_offset FROM meta.positions").fetchall()
    except duckdb.Error as error:
        raise sink_error(error, path) from error
    return {(topic, number): offset for topic, number, offset in rows}


def compare(rebuilt: Path, live: Path) -> list[TableFinding]:
    """Both files up to where ``live`` has read. Raises SinkError."""
    try:
        with duckdb.connect() as database:
            for name, path in (("rebuilt", rebuilt), ("live", live)):
                database.execute(f"ATTACH {quote(str(path))} AS {name} (READ_ONLY)")
            return [_compare_table(database, table, topic) for table, topic in TOPIC_OF.items()]
    except duckdb.Error as error:
        raise sink_error(error, rebuilt) from error


def _compare_table(database: duckdb.DuckDBPyConnection, table: str, topic: str) -> TableFinding:
    """Rows are held against each other by number and by a hash over all of them, in any order."""
    columns = [row[0] for row in database.execute(f"DESCRIBE live.{table}").fetchall()]
    listed = ", ".join(quote_name(column) for column in columns)
    found = []
    for name in ("rebuilt", "live"):
        row = database.execute(
            f"SELECT count(*), bit_xor(hash({listed})) FROM {name}.{table} t JOIN live.meta.positions p "
            "ON p.topic = ? AND p.partition_number = t.kafka_partition AND t.kafka_offset < p.next_offset",
            [topic],
        ).fetchone()
        assert row is not None
        found.append(row)
    return TableFinding(table, found[0][0], found[1][0], found[0] == found[1])


def quote_name(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'
