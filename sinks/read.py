"""Reading what the sink has published."""

from __future__ import annotations

import duckdb

from sinks.failures import sink_error
from sinks.snapshots import LATEST
from streams.errors import SinkError
from streams.settings import Settings


def open_latest(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the newest snapshot read-only; later ones do not change what this connection sees. Close it.

    Raises SinkError: no snapshot has been published yet, or it cannot be read.
    """
    path = (settings.snapshot_dir / LATEST).resolve()
    if not path.exists():
        raise SinkError(
            f"There is no snapshot in {settings.snapshot_dir} yet: start the sink (cuepoint sink), which publishes one "
            f"every {settings.snapshot_interval_s:g} s, or set CUEPOINT_SNAPSHOT_DIR to where they are."
        )
    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET asof_loop_join_threshold = 0")  # its guess of few rows may be wrong by millions
    except duckdb.Error as error:
        raise sink_error(error, path) from error
    return connection
