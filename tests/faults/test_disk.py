"""Disks that are full, lost or damaged: what was written is kept once, what is said is a sentence, and it goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.local.broker import LocalBroker
from schemas.envelope import Envelope
from sinks.ingest import TOPICS
from sinks.layout import HEADER_BYTES
from sinks.snapshots import LATEST
from streams.errors import PlatformError, SinkError
from streams.reorder import ReorderBuffer
from streams.runtime.failpoints import EXIT_CODE
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics
from tests.faults.disk_run import log_of, run_torn, run_truncated
from tests.faults.disk_sink import drain, small_disk
from tests.faults.kit import ROOT
from tests.faults.retailer import Retailer
from tests.sinks.builders import decision, records
from tests.sinks.pipeline import produce
from tests.sinks.rows import ask_file

MEGABYTE = 1_000_000
DECISIONS = 4_000
SEED = 3


@pytest.fixture
def written(settings: Settings) -> Iterator[Settings]:
    """Topics with some megabytes of decisions that compress badly."""
    random = Random(SEED)
    ensure_topics(settings, TOPICS)
    for number in range(settings.partitions):
        rows = [
            decision(f"{number}-{n}", inputs=[random.randbytes(400).hex()])
            for n in range(DECISIONS // settings.partitions)
        ]
        produce(settings, "decisions", records(*rows, partition=number))
    yield settings
    delete_topics(settings, prefix=settings.topic_prefix)


def test_a_sink_whose_files_may_not_grow_keeps_what_it_has_and_goes_on_later(written: Settings) -> None:
    code, said = drain(written, file_bytes_max=2 * MEGABYTE)
    assert code == SinkError.exit_code
    assert f"The disk of {written.duckdb_path} is full (File too large)" in said
    assert 0 < whole(written) < DECISIONS, "it stopped in the middle"
    assert drain(written)[0] == 0
    assert whole(written) == DECISIONS


def test_a_sink_on_a_full_disk_keeps_what_it_has_and_goes_on_later(written: Settings, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3 * MEGABYTE) as disk:
        moved = {"duckdb_path": disk.path / "cuepoint.duckdb", "snapshot_dir": disk.path / "snapshots"}
        settings = written.model_copy(update=moved)
        code, said = drain(settings)
        assert code == SinkError.exit_code
        assert "is full" in said
        assert "No space left on device" in said
        disk.resize(64 * MEGABYTE)
        assert 0 < whole(settings) < DECISIONS, "it stopped in the middle"
        assert drain(settings)[0] == 0
        assert whole(settings) == DECISIONS
        assert ask_file(settings.snapshot_dir / LATEST, "SELECT count(*) FROM raw.decisions") == [DECISIONS]


@pytest.mark.parametrize("how", ["shorter", "changed"])
def test_a_snapshot_takes_the_place_of_a_damaged_file(written: Settings, how: str) -> None:
    assert drain(written)[0] == 0
    produce(written, "decisions", records(*(decision(f"later-{n}") for n in range(100))))
    path = written.duckdb_path
    damage(path, how)
    refused(written)
    shutil.copy(written.snapshot_dir / LATEST, path)
    assert drain(written)[0] == 0
    assert whole(written) == DECISIONS + 100


def test_a_damaged_log_is_refused_and_everything_is_read_again(written: Settings) -> None:
    assert drain(written, CUEPOINT_FAILPOINTS="sink_after_commit:5")[0] == EXIT_CODE
    damage(log_of(written.duckdb_path), "changed")
    refused(written)
    assert drain(written)[0] == 0
    assert whole(written) == DECISIONS


def test_nothing_is_lost_with_torn_logs_and_lost_state_directories(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer
) -> None:
    run = run_torn(broker, prefix, tmp_path, retailer, deaths=3)
    print(f"\n{run}")
    assert run.figures.clean, run.figures.examples
    assert run.torn, "there was no log to tear"


def test_truncated_stores_are_made_again_and_nothing_is_lost(
    broker: LocalBroker, prefix: str, tmp_path: Path, retailer: Retailer
) -> None:
    run = run_truncated(broker, prefix, tmp_path, retailer, deaths=2)
    print(f"\n{run}")
    assert run.figures.clean, run.figures.examples
    assert run.discarded, "no store was so damaged that it had to be made again"


def test_events_that_cannot_be_spilled_end_the_worker_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SPILL, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == PlatformError.exit_code, done.stderr
    assert f"cannot be written to a file in {tmp_path} (File too large): free space there" in done.stdout
    assert not done.stderr


def test_a_lost_spill_directory_is_made_again(tmp_path: Path) -> None:
    buffer = ReorderBuffer(10, tmp_path / "spill")
    for number in range(100):
        shutil.rmtree(tmp_path / "spill", ignore_errors=True)
        buffer.push(Envelope("e", "cart.updated", "web-sessions", "c", number, number), number)
    assert buffer.spilled
    assert [buffer.pop()[5] for _ in range(100)] == list(range(100))


_SPILL = """
import resource, sys
from pathlib import Path
from schemas.envelope import Envelope
from streams.errors import PlatformError
from streams.reorder import ReorderBuffer
from streams.runtime.failpoints import EXIT_CODE
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
buffer = ReorderBuffer(1_000, Path(sys.argv[1]))
try:
    for number in range(5_000):
        buffer.push(Envelope(f"e{number}", "cart.updated", "web-sessions", "c", number, number), number)
except PlatformError as error:
    print(error)
    del buffer
    sys.exit(error.exit_code)
"""


def refused(settings: Settings) -> None:
    """The sink says that its file is damaged and what to do; then do the first part of it."""
    code, said = drain(settings)
    path = settings.duckdb_path
    assert code == SinkError.exit_code
    assert f"{path} is damaged" in said
    assert f"move it and {path.name}.wal away, then start the sink again" in said
    for file in (path, log_of(path)):
        if file.exists():
            file.rename(file.with_name(f"{file.name}.away"))


def whole(settings: Settings) -> int:
    """Decisions in the sink's file. Each is there once, and the positions are behind them."""
    path = settings.duckdb_path
    rows = ask_file(path, "SELECT kafka_partition, kafka_offset FROM raw.decisions")
    assert len(rows) == len(set(rows))
    positions = dict(
        ask_file(path, "SELECT partition_number, next_offset FROM meta.positions WHERE topic = 'decisions'")
    )
    assert all(offset < positions[number] for number, offset in rows)
    return len(rows)


def damage(path: Path, how: str) -> None:
    """Cut off its second half, or change a byte: of a database's header, of the middle of a log."""
    content = bytearray(path.read_bytes())
    if how == "shorter":
        path.write_bytes(content[: len(content) // 2])
        return
    content[len(content) // 2 if path.suffix == ".wal" else HEADER_BYTES // 3 + 9] ^= 0xFF
    path.write_bytes(content)
