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
    "after_fence", "in_restore", "before_outputs", "after_outputs", "before_offsets", "before_commit", "after_commit"
]
SinkFailpoint = Literal["sink_before_commit", "sink_after_commit", "in_snapshot"]
Failpoint = RuntimeFailpoint | SinkFailpoint
RUNTIME_FAILPOINTS: tuple[str, ...] = get_args(RuntimeFailpoint)
FAILPOINTS: tuple[str, ...] = (*RUNTIME_FAILPOINTS, *get_args(SinkFailpoint))
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
