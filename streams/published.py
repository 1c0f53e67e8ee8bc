"""A backtest whose whole log goes into a snapshot: what analysts read, made of files alone, without Kafka.

Events, decisions, feedback, quarantine and counts are written as the sink would write them from the topics, through the
sink's own writer, so that every table, view and macro is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from schemas.envelope import Envelope
from schemas.forecasts import Forecast
from sinks.duckdb_writer import DuckDBWriter
from sinks.protocol import Batch
from streams.backtest import Backtest, BacktestResult, Line
from streams.campaigns import CampaignSet
from streams.decide.partition import Partition
from streams.intake.quarantine import quarantine_record
from streams.intake.validate import Rejection
from streams.progress import Counts, progress_record
from streams.replay.memory import cycle_collection_paused
from streams.settings import Settings
from streams.task import Record
from streams.wire import encode_envelope

BATCH_RECORDS = 20_000
"""Records that are written at a time."""
TOPIC_PREFIX = "backtest"
INTAKE_FATES = ("received", "ignored", "quarantined")


class Kept(NamedTuple):
    """A record as the sink takes it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Log:
    """Collects records by topic and hands them to the writer in batches."""

    def __init__(self, writer: DuckDBWriter) -> None:
        self.now = 0
        """Append time of what is added next, milliseconds."""
        self._writer = writer
        self._batch = Batch()
        self._offsets: dict[str, int] = {}

    def add(self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Append one record."""
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        self._batch.records.setdefault(topic, []).append(Kept(0, offset, self.now, key, value, headers))
        self._batch.positions[topic, 0] = offset + 1
        self._batch.count += 1
        if self._batch.count >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._batch.count:
            self._writer.write(self._batch)
            self._batch = Batch()


class LoggedPartition(Partition):
    """A partition that writes down every event it takes."""

    def __init__(self, log: Log) -> None:
        super().__init__(lambda _: None, lambda _: iter(()))
        self._log = log

    def take(self, event: Envelope, offset: int) -> None:
        """See Partition."""
        self._log.add("customer-events", event.customer.encode(), encode_envelope(event))
        super().take(event, offset)


class PublishedBacktest(Backtest):
    """A backtest that writes down what the topics would hold."""

    def __init__(
        self, log: Log, campaigns: CampaignSet, settings: Settings, until: int | None, latest_end: int | None
    ) -> None:
        self._log = log
        self._guest_events = Counts()
        super().__init__(campaigns, settings.replay_lateness, until, latest_end, LoggedPartition(log))

    def feed(self, source: str, arrived: int, value: bytes) -> None:
        """See Backtest."""
        self._log.now = arrived
        if source == "channel-feedback":
            self._log.add(source, b"", value)
        super().feed(source, arrived, value)
        self._write_decisions()

    def finish(self) -> BacktestResult:
        """See Backtest. The clock is told last, so that the snapshot says how far it reaches."""
        result = super().finish()
        self._write_decisions()
        intake, decide = Counts(), Counts()
        for source, fates in result.counts.by_source.items():
            guests = self._guest_events.by_source.get(source, {})
            for fate, number in fates.items():
                (intake if fate in INTAKE_FATES else decide).add(source, fate, number - guests.get(fate, 0))
        for stage, counts in (("intake", intake), ("decide", decide)):
            told = progress_record(stage, 0, self._advanced, counts)
            self._log.add("progress", told.key or b"", told.value or b"")
        self._log.flush()
        return result

    def _write_decisions(self) -> None:
        """The log keeps them; in memory they are needed no more."""
        for decision in self.result.decisions:
            self._log.add("decisions", decision["customer_id"].encode(), msgspec.json.encode(decision))
        self.result.decisions.clear()

    def _reject(self, source: str, value: bytes, arrived: int, rejection: Rejection) -> None:
        super()._reject(source, value, arrived, rejection)
        number = self.result.counts.by_source[source]["quarantined"]
        told = quarantine_record("intake", 0, Record(source, 0, number, arrived, None, value, ()), rejection)
        self._log.add("quarantine", told.key or b"", told.value or b"", told.headers)

    def _count(self, event: Envelope, fate: str) -> None:
        """The sink tells copies of guests' events apart by itself, so they are left out of what decide says."""
        before = {name: self._fates(event.source, name) for name in ("accepted", "duplicate")}
        super()._count(event, fate)
        if fate == "guest":
            for name, number in before.items():
                self._guest_events.add(event.source, name, self._fates(event.source, name) - number)

    def _fates(self, source: str, fate: str) -> int:
        return self.result.counts.by_source.get(source, {}).get(fate, 0)


def publish_backtest(
    lines: Iterable[Line],
    campaigns: CampaignSet,
    settings: Settings,
    until: int | None,
    now: datetime,
    latest_end: int,
    forecasts: Iterable[Forecast] = (),
) -> tuple[Path, BacktestResult]:
    """Run over lines in arrival order and publish a snapshot in ``settings.snapshot_dir``; returns it and the result,
    whose decisions are in the snapshot only. Raises SinkError: the directory is not writable, the disk is full."""
    settings.snapshot_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".backtest-", dir=settings.snapshot_dir) as scratch:
        writer = DuckDBWriter(Path(scratch) / "cuepoint.duckdb", TOPIC_PREFIX, settings.hash_key)
        try:
            log = Log(writer)
            run = PublishedBacktest(log, campaigns, settings, until, latest_end)
            with cycle_collection_paused():
                for source, arrived, value in lines:
                    run.feed(source, arrived, value)
                for forecast in forecasts:
                    log.add("forecasts", forecast.key.encode(), forecast.model_dump_json().encode())
                result = run.finish()
            return writer.publish(settings.snapshot_dir, settings.snapshots_kept, now), result
        finally:
            writer.close()
