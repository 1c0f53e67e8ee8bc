"""The sink as a program with a bound on the size of its files, and a small disk: ``python -m tests.faults.disk_sink``.

Arguments: settings as JSON, most records of a batch, most bytes of a file (0: any).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.app import run_sink
from sinks.consumer import Bounds
from streams.settings import Settings
from streams.up import last_words

ROOT = Path(__file__).parents[2]
BATCH_RECORDS = 200
TIMEOUT_S = 120


def drain(settings: Settings, file_bytes_max: int = 0, **environ: str) -> tuple[int, str]:
    """Let the sink write everything that is committed; returns its exit code and its last words."""
    log = settings.duckdb_path.with_name("sink.log")
    arguments = [settings.model_dump_json(), str(BATCH_RECORDS), str(file_bytes_max)]
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.disk_sink", *arguments],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=output,
            stderr=output,
            timeout=TIMEOUT_S,
            check=False,
        )
    return done.returncode, last_words(log)


class SmallDisk:
    """A mounted file system of a few bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, size_bytes: int) -> None:
        """Make it larger."""
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", self.path], check=True)


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount it. Where that is not allowed, the test is NOT RUN, which is counted as skipped."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT RUN: there is no mount")
    if done.returncode:
        pytest.skip(f"NOT RUN: a file system cannot be mounted here ({done.stderr.strip()})")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", path], check=True)


if __name__ == "__main__":
    most = int(sys.argv[3])
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    bounds = Bounds(records_max=int(sys.argv[2]), wait_s_max=0.2)
    sys.exit(run_sink(Settings.model_validate_json(sys.argv[1]), drain=True, bounds=bounds))
