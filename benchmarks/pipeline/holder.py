"""``python -m benchmarks.pipeline.holder TABLE COPIES``: memory that a decide task needs for its customers.

TABLE is a pickled table of a dry run. The task loads it with COPIES of each customer, as after a restart, and this
process prints by how many bytes its resident memory has grown for it.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pipeline.copies import copied_table
from streams.settings import Settings
from streams.stages import task_factory
from streams.table import MemoryTable, wake_of


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held_bytes(table: Mapping[bytes, bytes], copies: int, directory: Path) -> int:
    """Growth of resident memory by a loaded task with its table."""
    task = task_factory("decide", Settings(state_dir=directory))(0)
    gc.collect()
    before = resident_bytes()
    task.load(MemoryTable(dict(copied_table(table, copies)), wake_of(task)))
    gc.collect()
    return resident_bytes() - before


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print(json.dumps({"bytes": held_bytes(pickle.loads(path.read_bytes()), int(sys.argv[2]), path.parent)}), flush=True)
