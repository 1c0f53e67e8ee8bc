"""The second sink: partitioned Parquet, a commit a batch, exactly once, on a disk or a mounted object store.

The rows are made by the same statements as those of the DuckDB sink, in memory, and written as one file for each table
and day. The manifest that names the files carries the positions, so both are there or neither is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from sinks.columns import quote
from sinks.erasure import ORDER, Ledger
from sinks.failures import sink_error
from sinks.ingest import TOPICS, is_mark
from sinks.parquet_files import DATA, Folder, read_folder, sync_file
from sinks.protocol import Batch, SinkRecord, TopicPartition
from sinks.tables import ERASURES, RAW_TABLES, SKIPPED, STAGE_COUNTS, STAGE_PROGRESS
from streams.errors import SinkError
from streams.runtime.failpoints import failpoint
from streams.wire import decode_envelope

STATE_TABLES = (STAGE_PROGRESS, STAGE_COUNTS, SKIPPED, ERASURES)
"""Small tables that each commit carries as a whole."""
DAY = {"raw.event_lines": "NULL"}
"""Of a table without an append time; all others are partitioned by the day of it."""


class ParquetSink:
    """Owns one folder. Not thread safe. Raises SinkError: it is another pipeline's, damaged, or not writable."""

    def __init__(self, directory: Path, topic_prefix: str, hash_key: str = "") -> None:
        """``hash_key``: of the hashes that are kept of erased names."""
        self._directory = directory
        self._prefix = topic_prefix
        self._hash_key = hash_key
        self._open()

    def positions(self) -> Mapping[TopicPartition, int]:
        """See Sink."""
        return dict(self._folder.positions)

    def write(self, batch: Batch) -> None:
        """See Sink. After a failure the sink is as the folder is: as before the batch."""
        try:
            self._write(batch)
        except (duckdb.Error, OSError, SinkError) as error:
            self._database.close()
            self._open()
            if isinstance(error, SinkError):
                raise
            raise sink_error(error, self._directory) from error

    def close(self) -> None:
        """See Sink."""
        self._database.close()

    def _open(self) -> None:
        self._folder = read_folder(self._directory)
        if self._folder.number and self._folder.prefix != self._prefix:
            raise SinkError(
                f"{self._directory} holds records of the topics {self._folder.prefix}.*, not of {self._prefix}.*: name "
                "another folder."
            )
        self._folder.prefix = self._prefix
        self._folder.remove_leftovers()
        self._database = memory_tables(self._folder)
        self._ledger = Ledger(self._database, self._hash_key)

    def _write(self, batch: Batch) -> None:
        number = self._folder.number + 1
        orders = [each for each in batch.records.get("customer-events", ()) if each.value and ORDER in each.value]
        if self._ledger.obey(orders):
            self._database.execute("UPDATE meta.erasures SET rewritten = true")
        added, removed = self._rewrite(orders, number)
        self._insert(batch)
        added += self._export(f"{number:012}")
        self._folder.positions.update(batch.positions)
        self._folder.state = {table.full_name: _rows(self._database, table.full_name) for table in STATE_TABLES}
        failpoint("parquet_before_commit")
        self._folder.commit(added, removed)
        failpoint("parquet_after_commit")
        self._empty()
        for name in removed:
            (self._directory / name).unlink(missing_ok=True)

    def _insert(self, batch: Batch) -> None:
        skipped: Counter[tuple[str, str]] = Counter({(topic, "expired"): n for topic, n in batch.expired.items()})
        for topic, records in batch.records.items():
            rows = [record for record in records if not is_mark(record)]
            valid = [record for record in rows if TOPICS[topic].valid(record)]
            skipped[topic, "invalid"] += len(rows) - len(valid)
            kept = self._ledger.kept(topic, valid)
            for sql, parameters in TOPICS[topic].inserts(kept) if kept else ():
                self._database.execute(sql, parameters)
        for (topic, reason), count in skipped.items():
            if count:
                self._database.execute(
                    "INSERT INTO meta.skipped VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET records = records + excluded.records",
                    [topic, reason, count],
                )

    def _export(self, name: str) -> list[str]:
        """Write what is in the tables, one file for each table and day; returns the files, relative to the folder."""
        found = []
        for table in RAW_TABLES:
            for day in _days(self._database, table.full_name):
                file = self._directory / DATA / table.full_name / f"day={day}" / f"{name}.parquet"
                file.parent.mkdir(parents=True, exist_ok=True)
                where = "" if day == "all" else f"WHERE {_day_of(table.full_name)} = DATE '{day}'"
                self._database.execute(
                    f"COPY (FROM {table.full_name} {where}) TO {quote(str(file))} (FORMAT parquet, COMPRESSION zstd)"
                )
                sync_file(file)
                found.append(file.relative_to(self._directory).as_posix())
        return found

    def _rewrite(self, orders: Sequence[SinkRecord], number: int) -> tuple[list[str], list[str]]:
        """Take those who are to be forgotten out of earlier commits, one commit at a time; returns files added and
        files that are replaced."""
        added: list[str] = []
        removed: list[str] = []
        told = [event for order in orders if (event := decode_envelope(order.value or b"")).type == "customer.erased"]
        if not told:
            return added, removed
        for earlier in sorted(set(self._folder.files.values())):
            files = [name for name, commit in self._folder.files.items() if commit == earlier]
            before = self._load(files)
            for order in told:
                self._ledger.delete(order.customer, order.at)
            if self._count() != before:
                added += self._export(f"{number:012}-{earlier:012}")
                removed += files
            self._empty()
        return added, removed

    def _load(self, files: Sequence[str]) -> int:
        for name in files:
            table = name.split("/")[1]
            file = quote(str(self._directory / name))
            self._database.execute(f"INSERT INTO {table} BY NAME FROM read_parquet({file}, hive_partitioning = false)")
        return self._count()

    def _count(self) -> int:
        tables = " UNION ALL ".join(f"SELECT count(*) AS n FROM {table.full_name}" for table in RAW_TABLES)
        found = self._database.execute(f"SELECT sum(n) FROM ({tables})").fetchone()
        return int(found[0]) if found else 0

    def _empty(self) -> None:
        for table in RAW_TABLES:
            self._database.execute(f"DELETE FROM {table.full_name}")


def memory_tables(folder: Folder) -> duckdb.DuckDBPyConnection:
    """A database in memory with the raw tables, empty, and the small tables as of the newest commit."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for schema in ("raw", "meta"):
        database.execute(f"CREATE SCHEMA {schema}")
    for table in (*RAW_TABLES, *STATE_TABLES):
        database.execute(table.ddl())
        for row in folder.state.get(table.full_name, ()):
            marks = ", ".join("?" for _ in row)
            database.execute(f"INSERT INTO {table.full_name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    return database


def _day_of(table: str) -> str:
    return DAY.get(table, "CAST(appended_at AT TIME ZONE 'UTC' AS DATE)")


def _days(database: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    found = database.execute(f"SELECT DISTINCT {_day_of(table)} FROM {table} ORDER BY 1").fetchall()
    return ["all" if day is None else f"{day:%Y-%m-%d}" for (day,) in found]


def _rows(database: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, object]]:
    found = database.execute(f"FROM {table} ORDER BY ALL")
    names = [column[0] for column in found.description or ()]
    return [
        {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in zip(names, row, strict=True)
        }
        for row in found.fetchall()
    ]
