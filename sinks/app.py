"""The sink as a process: reader, DuckDB writer, snapshots and web server, until a signal or a failure."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sinks import metrics
from sinks.consumer import Bounds, SinkConsumer
from sinks.duckdb_writer import DuckDBWriter
from sinks.ingest import TOPICS
from sinks.parquet_sink import ParquetSink
from sinks.protocol import Batch
from sinks.web import SinkServer
from streams.errors import CuepointError
from streams.runtime.logs import configure_logging
from streams.settings import Settings
from streams.topics_admin import check_topics

log = logging.getLogger(__name__)

STALLED_AFTER_S = 60.0
"""A transaction or publication that takes longer makes ``/healthz`` answer 503."""
EXIT_FAILURE = 1
PARQUET_WAIT_S = 5.0
"""How long records are collected for a commit of Parquet files; a stop waits as long at most."""


def run_sink(
    settings: Settings, *, drain: bool = False, bounds: Bounds | None = None, parquet: Path | None = None
) -> int:
    """Run the sink until SIGTERM, SIGINT or a failure; returns the exit code of the process (0 after a signal).

    ``parquet``: write Parquet files there instead of DuckDB's, a commit each ``PARQUET_WAIT_S``. ``drain``: end,
    too, once everything that is committed has been written. A stop writes and publishes what was collected. A failure
    is logged as one line; everything up to the last batch is kept.
    """
    configure_logging(settings.log_level)
    try:
        check_topics(settings, TOPICS)
        writer: DuckDBWriter | ParquetSink
        if parquet is None:
            writer = DuckDBWriter(
                settings.duckdb_path, settings.topic_prefix, settings.hash_key, settings.erasure_rewrite_s
            )
        else:
            writer = ParquetSink(parquet, settings.topic_prefix, settings.hash_key)
            bounds = bounds or Bounds(wait_s_max=1.0 if drain else PARQUET_WAIT_S)
        try:
            asyncio.run(SinkApp(settings, writer, drain, bounds).run())
        finally:
            writer.close()
    except CuepointError as error:
        log.error("%s", error, extra={"error": type(error).__name__})
        return error.exit_code
    except Exception:
        log.exception("the sink failed")
        return EXIT_FAILURE
    log.info("sink stopped")
    return 0


class SinkApp:
    """One run of the sink. The writer is only touched by the one thread of ``_thread``, one call at a time."""

    def __init__(
        self, settings: Settings, writer: DuckDBWriter | ParquetSink, drain: bool, bounds: Bounds | None
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._drain = drain
        self._consumer_bounds = bounds
        self._stopping = False
        self._ready = False
        self._busy_since: float | None = None
        self._unpublished = True
        """Something was written since the last snapshot, or there is none of this run."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="duckdb")

    async def run(self) -> None:
        """Run until a signal, a failure (raised), or, when draining, the end."""
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(kind, self._stop)
        server = SinkServer(self._settings, lambda: self._ready, self._stalled)
        await server.start()
        consumer = SinkConsumer(self._settings, self._writer, self._consumer_bounds)
        try:
            await consumer.start()
            self._ready = True
            log.info("sink started", extra={"port": server.port, "duckdb": str(self._settings.duckdb_path)})
            await self._read(consumer)
        finally:
            self._ready = False
            await consumer.stop()
            await server.stop()
            self._thread.shutdown()

    def _stop(self) -> None:
        self._stopping = True

    def _stalled(self) -> str | None:
        seconds = time.monotonic() - self._busy_since if self._busy_since else 0.0
        return f"DuckDB has been busy for {seconds:.0f} s" if seconds > STALLED_AFTER_S else None

    async def _read(self, consumer: SinkConsumer) -> None:
        published = time.monotonic()
        writing: asyncio.Future[None] | None = None
        while not self._stopping:
            batch = await consumer.collect()
            if writing:
                await writing
            writing = self._in_thread(partial(self._write, batch)) if batch.positions else None
            if self._drain and consumer.caught_up():
                break
            if time.monotonic() - published >= self._settings.snapshot_interval_s:
                published = time.monotonic()
                if writing:
                    await writing
                    writing = None
                await self._in_thread(self._publish)
        if writing:
            await writing
        await self._in_thread(self._publish)

    def _in_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._thread, self._timed, work)

    def _timed(self, work: Callable[[], None]) -> None:
        self._busy_since = time.monotonic()
        try:
            work()
        finally:
            self._busy_since = None

    def _write(self, batch: Batch) -> None:
        self._writer.write(batch)
        metrics.BATCH_RECORDS.observe(batch.count)
        self._unpublished = True

    def _publish(self) -> None:
        if not self._unpublished or isinstance(self._writer, ParquetSink):
            return  # a commit of Parquet files is published by itself
        settings = self._settings
        path = self._writer.publish(settings.snapshot_dir, settings.snapshots_kept, datetime.now(UTC))
        self._unpublished = False
        log.info("snapshot published", extra={"snapshot": str(path)})
