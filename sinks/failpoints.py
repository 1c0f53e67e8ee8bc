"""Named points at which a test kills the sink, with the variables of ``streams.runtime.failpoints``.

``CUEPOINT_FAILPOINTS="sink_before_commit:3"`` dies at the third pass; the name is first written to the file
``CUEPOINT_FAILPOINT_LOG``. Without the variable a call is one look into an empty dict.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Literal, get_args

from streams.errors import SettingsError

Failpoint = Literal["sink_before_commit", "sink_after_commit", "in_snapshot"]
FAILPOINTS: tuple[Failpoint, ...] = get_args(Failpoint)


def parse_failpoints(text: str) -> dict[str, int]:
    """``name[:nth],…`` as name → passes until death. Raises SettingsError for an unknown name or count."""
    armed: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, nth = part.partition(":")
        if name not in FAILPOINTS or not (nth or "1").isdigit():
            raise SettingsError(f"CUEPOINT_FAILPOINTS: {part!r} is not name[:nth]; names are {', '.join(FAILPOINTS)}.")
        armed[name] = int(nth or "1")
    return armed


_armed = parse_failpoints(os.environ.get("CUEPOINT_FAILPOINTS", ""))


def failpoint(name: Failpoint) -> None:
    """Die here by SIGKILL when this is the pass that ``CUEPOINT_FAILPOINTS`` names."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] > 0:
        return
    log = os.environ.get("CUEPOINT_FAILPOINT_LOG")
    if log:
        with Path(log).open("a") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
