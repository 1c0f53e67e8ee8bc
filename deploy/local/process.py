"""Processes known by a pid file: look one up, make sure that it is ours, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this one started and has to reap."""


def spawn(command: list[str], output: Path, environment: dict[str, str]) -> int:
    """Start a process in a session of its own (Ctrl-C in the terminal does not reach it). Returns its id."""
    with output.open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    _children[child.pid] = child
    return child.pid


def command_line(pid: int) -> str | None:
    """The command line of a living process, arguments separated by spaces; None when it is gone."""
    child = _children.get(pid)
    if child is not None:
        # Not from /proc: for a moment after the start it shows nothing.
        if child.poll() is None:
            return " ".join(map(str, child.args)) if isinstance(child.args, list) else str(child.args)
        del _children[pid]
        return None
    if Path("/proc/self/cmdline").exists():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        # A process that ended and was not reaped by its parent has no arguments any more: it is gone too.
        return b" ".join(arguments).decode(errors="replace").strip() or None
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def end(pid: int, marker: str, kind: signal.Signals, timeout_s: float) -> bool:
    """Signal the process if its command line still contains ``marker``, and wait. Returns whether it is gone."""
    deadline = time.monotonic() + timeout_s
    if not runs(pid, marker):
        return True
    try:
        os.kill(pid, kind)
    except ProcessLookupError:
        return True
    while runs(pid, marker):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int, marker: str) -> bool:
    """Whether this process lives and is the one that ``marker`` names (ids are used again after a restart)."""
    return marker in (command_line(pid) or "")
