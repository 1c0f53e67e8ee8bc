"""The DuckDB sink: a batch and the positions behind it in one transaction, so exactly once whatever dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from sinks import metrics
from sinks.erasure import Ledger
from sinks.failures import sink_error
from sinks.ingest import TOPICS, Insert, is_mark
from sinks.layout import open_database
from sinks.protocol import Batch, SinkRecord, TopicPartition
from sinks.rewrite import rewrite
from sinks.snapshots import publish
from streams.runtime.failpoints import failpoint

_UNREADABLE = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.ConstraintException,
    duckdb.DataError,
    UnicodeDecodeError,
)
"""What DuckDB raises when a value is not what its topic says."""


class DuckDBWriter:
    """Owns one DuckDB file. Not thread safe: one call at a time.

    Raises SinkError: the file is taken by another process, is of a newer layout, of other topics, damaged, or not
    writable.
    """

    def __init__(self, path: Path, topic_prefix: str, hash_key: str = "", rewrite_after_s: float = 0.0) -> None:
        """``hash_key``: of the hashes that are kept of erased names. ``rewrite_after_s``: how long bytes of deleted
        rows may stay in the file and in older snapshots; then the next publication rewrites it."""
        self.path = path
        self._prefix = topic_prefix
        self._hash_key = hash_key
        self._rewrite_after = timedelta(seconds=rewrite_after_s)
        self._database = open_database(path, topic_prefix)
        self._positions = self._read_positions()
        self._ledger = Ledger(self._database, hash_key)

    def positions(self) -> Mapping[TopicPartition, int]:
        """Next offset to read, by partition, as committed."""
        return dict(self._positions)

    def write(self, batch: Batch) -> None:
        """Keep the batch and its positions. Raises SinkError, and keeps nothing of it.

        A record that is not of its topic's contract is counted in ``meta.skipped``, and the rest is kept.
        """
        with metrics.BATCH_SECONDS.time():
            try:
                self._write(batch, lambda topic: TOPICS[topic].foreign)
            except _UNREADABLE:
                self._ledger = Ledger(self._database, self._hash_key)
                self._write(batch, lambda _: True)
        self._positions.update(batch.positions)

    def publish(self, directory: Path, kept: int, now: datetime) -> Path:
        """Publish a snapshot of what is committed; see ``snapshots.publish``. Raises SinkError.

        When bytes of who was erased are due to go, the file is rewritten before, and older snapshots are dropped.
        """
        since = self._ledger.due_since
        if since is not None and now >= since + self._rewrite_after:
            kept = 1
            self._database = rewrite(self._database, self.path, self._prefix)
            self._ledger = Ledger(self._database, self._hash_key)
        return publish(self._database, self.path, directory, kept, now)

    def close(self) -> None:
        """Write the log into the file and release it. Raises SinkError."""
        try:
            self._database.close()
        except duckdb.Error as error:
            raise sink_error(error, self.path) from error

    def _read_positions(self) -> dict[TopicPartition, int]:
        try:
            rows = self._database.execute("SELECT topic, partition_number, next_offset FROM meta.positions").fetchall()
        except duckdb.Error as error:
            raise sink_error(error, self.path) from error
        return {(topic, partition): offset for topic, partition, offset in rows}

    def _write(self, batch: Batch, check: Callable[[str], bool]) -> None:
        skipped: Counter[tuple[str, str]] = Counter({(topic, "expired"): n for topic, n in batch.expired.items()})
        try:
            self._database.begin()
            erased = self._ledger.obey(batch.records.get("customer-events", ()))
            for topic, records in batch.records.items():
                self._insert(topic, records, check(topic), skipped)
            self._account(batch, skipped)
            failpoint("sink_before_commit")
            self._database.commit()
        except _UNREADABLE as error:
            self._database.rollback()
            if all(check(topic) for topic in batch.records):
                raise sink_error(error, self.path) from error
            raise
        except duckdb.Error as error:
            self._roll_back_quietly()
            raise sink_error(error, self.path) from error
        failpoint("sink_after_commit")
        metrics.ERASED.inc(erased)
        for (topic, reason), count in skipped.items():
            metrics.SKIPPED.labels(topic, reason).inc(count)

    def _insert(
        self, topic: str, records: Sequence[SinkRecord], check: bool, skipped: Counter[tuple[str, str]]
    ) -> None:
        reading = TOPICS[topic]
        rows = [record for record in records if not is_mark(record)]
        if check:
            valid = [record for record in rows if reading.valid(record)]
            if len(valid) < len(rows):
                skipped[topic, "invalid"] += len(rows) - len(valid)
            rows = valid
        rows = self._ledger.kept(topic, rows)
        if rows:
            self._execute(reading.inserts(rows))
        metrics.RECORDS.labels(topic).inc(len(rows))

    def _account(self, batch: Batch, skipped: Mapping[tuple[str, str], int]) -> None:
        self._execute(
            [
                (
                    "INSERT OR REPLACE INTO meta.positions SELECT unnest(?::VARCHAR[]), unnest(?::INTEGER[]), "
                    "unnest(?::BIGINT[])",
                    [
                        [topic for topic, _ in batch.positions],
                        [partition for _, partition in batch.positions],
                        list(batch.positions.values()),
                    ],
                ),
                *(
                    (
                        "INSERT INTO meta.skipped VALUES (?, ?, ?) "
                        "ON CONFLICT DO UPDATE SET records = records + excluded.records",
                        [topic, reason, count],
                    )
                    for (topic, reason), count in skipped.items()
                ),
            ]
        )

    def _execute(self, inserts: Sequence[Insert]) -> None:
        for sql, parameters in inserts:
            self._database.execute(sql, parameters)

    def _roll_back_quietly(self) -> None:
        try:
            self._database.rollback()
        except duckdb.Error:  # the first error is the one to tell; an invalidated database has rolled back
            pass
