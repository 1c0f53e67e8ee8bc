"""Named points at which a test kills the process, to prove that what follows a death there is exactly once.

``CUEPOINT_FAILPOINTS="before_commit:3,after_fence"`` dies at the third pass of ``before_commit``, or at the first of
``after_fence``. The name is first written (and synced) to the file ``CUEPOINT_FAILPOINT_LOG``, so that a test sees
that the point was reached. Without the variable a call is one look into an empty dict.
"""

from __future__ import annotations

import os
from typing import Literal, get_args

from streams.errors import SettingsError

RuntimeFailpoint = Literal[
    "after_fence",  # a partition's producer has fenced older ones; nothing is restored
    "in_restore",  # the changelog is being read
    "before_outputs",  # the transaction has begun; nothing is written
    "after_outputs",  # the outputs are on the broker; the changelog is not
    "between_changelog_and_offsets",  # all records are on the broker; the input offsets are not
    "before_commit",  # all is there and nothing is committed
    "after_commit",  # committed, and nobody here has noted it
    "before_store",  # the local store does not have what was committed
    "after_store",  # the local store has it
]
SinkFailpoint = Literal[
    "sink_before_commit",  # rows and positions are in DuckDB's transaction, which is open
    "sink_after_commit",  # committed, and the positions in memory are old
    "in_snapshot",  # the copy is complete and has no name yet
    "before_snapshot_link",  # the snapshot has its name; readers still find the one before
]
ParquetFailpoint = Literal[
    "parquet_before_commit",  # the Parquet files of a batch are there; no manifest names them
    "parquet_after_commit",  # the manifest is there, and the positions in memory are old
]
IngestFailpoint = Literal[
    "ingest_before_answer",  # Kafka has the records of a webhook; it is not answered, and nothing is remembered
]
Failpoint = RuntimeFailpoint | SinkFailpoint | ParquetFailpoint | IngestFailpoint
RUNTIME_FAILPOINTS: tuple[str, ...] = get_args(RuntimeFailpoint)
SINK_FAILPOINTS: tuple[str, ...] = get_args(SinkFailpoint)
PIPELINE_FAILPOINTS = RUNTIME_FAILPOINTS + SINK_FAILPOINTS
"""Those of the stages and the DuckDB sink, which every pipeline has."""
FAILPOINTS: tuple[str, ...] = (*PIPELINE_FAILPOINTS, *get_args(ParquetFailpoint), *get_args(IngestFailpoint))
EXIT_CODE = 86


def parse_failpoints(text: str) -> dict[str, int]:
    """``name[:nth],...`` as name → passes until death. Raises SettingsError for an unknown name or count."""
    armed: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, nth = part.partition(":")
        if name not in FAILPOINTS or not (nth or "1").isdigit():
            raise SettingsError(f"CUEPOINT_FAILPOINTS: {part!r} is not name[:nth]; names are {', '.join(FAILPOINTS)}.")
        armed[name] = int(nth or "1")
    return armed


_armed = parse_failpoints(os.environ.get("CUEPOINT_FAILPOINTS", ""))


def armed(name: Failpoint) -> bool:
    """Whether the next pass of this point is death: for a point that first has to wait for what it comes after."""
    return _armed.get(name) == 1


def failpoint(name: Failpoint) -> None:
    """Die here, without any clean-up, when this is the pass that ``CUEPOINT_FAILPOINTS`` names."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] > 0:
        return
    path = os.environ.get("CUEPOINT_FAILPOINT_LOG")
    if path:
        with open(path, "a") as log:
            log.write(f"{name}\n")
            log.flush()
            os.fsync(log.fileno())
    os._exit(EXIT_CODE)
