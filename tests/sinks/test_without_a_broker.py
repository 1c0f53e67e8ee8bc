"""The sink while its broker is away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.local.broker import LocalBroker
from streams.settings import ENV_PREFIX, Settings
from streams.topics_admin import ensure_topics

WAIT_S = 120


def test_a_sink_that_is_ended_while_its_broker_is_away_ends_in_order(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path / "broker", short_lived=True)
    broker.start()
    settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="away")
    ensure_topics(settings)
    own = {
        "bootstrap_servers": broker.bootstrap_servers,
        "topic_prefix": "away",
        "state_dir": str(tmp_path / "state"),
        "duckdb_path": str(tmp_path / "cuepoint.duckdb"),
        "snapshot_dir": str(tmp_path / "snapshots"),
    }
    environ = {**os.environ, **{ENV_PREFIX + name.upper(): value for name, value in own.items()}}
    log = tmp_path / "sink.log"
    with log.open("wb") as output:
        sink = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "sink"], env=environ, stdout=output, stderr=output
        )
    try:
        wait_for(log, "sink started")
        broker.kill()
        wait_for(log, "Unable connect to node")
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(WAIT_S) == 0, log.read_text()
    finally:
        sink.kill()
        sink.wait()
        broker.stop()
    assert "Traceback" not in log.read_text()
    assert list((tmp_path / "snapshots").glob("*.duckdb")), "what was there is published all the same"


def wait_for(log: Path, words: str) -> None:
    """Until the log says so."""
    deadline = time.monotonic() + WAIT_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, f"never said: {words}\n{log.read_text()}"
        time.sleep(0.1)
