"""A small shop's snapshot, made as the walkthrough makes it: simulated, decided with a holdout, published; no Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 600


def cuepoint(directory: Path, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run ``cuepoint`` in a directory of its own."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
