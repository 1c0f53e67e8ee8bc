"""What stands around a sink in tests: producers of its topics, and the sink as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from kafka import KafkaProducer

from sinks.protocol import SinkRecord
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
_RUN = """
import sys
from sinks.app import run_sink
from sinks.consumer import Bounds
from streams.settings import Settings
settings, mode, records_max = Settings.model_validate_json(sys.argv[1]), sys.argv[2], int(sys.argv[3])
raise SystemExit(run_sink(settings, drain=mode == "drain", bounds=Bounds(records_max=records_max, wait_s_max=0.2)))
"""


def produce(settings: Settings, topic: str, records: Iterable[SinkRecord], *, commit: bool = True) -> None:
    """Write the records to their partitions in one transaction, as the stages do, or abort it."""
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{settings.topic_prefix}-test", linger_ms=5
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        for record in records:
            producer.send(
                settings.topic(topic), record.value, record.key, list(record.headers), partition=record.partition
            )
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    finally:
        producer.close()


def start_sink(
    settings: Settings, *, drain: bool = True, records_max: int = 50_000, failpoints: str = ""
) -> subprocess.Popen[str]:
    """The sink as a process of its own; its log is on ``stderr``."""
    failing = {"CUEPOINT_FAILPOINTS": failpoints, "CUEPOINT_FAILPOINT_LOG": str(failpoint_log(settings))}
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, settings.model_dump_json(), "drain" if drain else "run", str(records_max)],
        cwd=ROOT,
        env={**os.environ, **failing},
        stderr=subprocess.PIPE,
        text=True,
    )


def drain_sink(settings: Settings, *, records_max: int = 50_000, failpoints: str = "") -> tuple[int, str]:
    """Run the sink until it has everything; returns its exit code (negative: killed by that signal) and its log."""
    with start_sink(settings, records_max=records_max, failpoints=failpoints) as sink:
        _, log = sink.communicate(timeout=60)
    return sink.returncode, log


def stop_sink(sink: subprocess.Popen[str]) -> tuple[int, str]:
    """SIGTERM; returns exit code and log."""
    sink.send_signal(signal.SIGTERM)
    _, log = sink.communicate(timeout=30)
    return sink.returncode, log


def failpoint_log(settings: Settings) -> Path:
    """Where a failpoint writes its name before it kills."""
    return settings.duckdb_path.with_name("failpoints.log")
