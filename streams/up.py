"""All stages and the sink as processes of one machine: start, watch, restart what died, stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams.errors import EXIT_TRY_AGAIN, CuepointError
from streams.settings import ENV_PREFIX, INSTANCE_ENV, Settings

RESTARTS_MAX = 5
"""Restarts of one process within ``RESTART_WINDOW_S``; beyond it everything stops."""
RESTART_WINDOW_S = 120.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.2
TRY_AGAIN_AFTER_S = 1.0
"""Pause before a process is started again that waits for something outside, a broker for instance."""
USER_ERROR = CuepointError.exit_code


@dataclass
class Child:
    """One process: its name, command, and how it did."""

    name: str
    arguments: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: list[float] = field(default_factory=list)
    start_at: float = 0.0
    """When it is to be started again; 0: it runs."""
    waits_for: str = ""
    """Why it is tried again, as it was said last."""
    peak_rss_mb: float = 0.0
    cpu_seconds: float = 0.0


class Fleet:
    """Starts and watches the processes. Use as a context manager: leaving it stops them all.

    Workers are static members of their groups, named after this machine (or CUEPOINT_INSTANCE_ID) and their place: one
    that is killed gets its partitions back when it is started again, where a new member waits for the old one's session
    to end. Two fleets of one topic prefix on one machine would take each other's places.
    """

    def __init__(
        self, settings: Settings, arguments: Mapping[str, list[str]], say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._say = say
        directory = settings.state_dir / "log"
        directory.mkdir(parents=True, exist_ok=True)
        self.children = [Child(name, command, directory / f"{name}.log") for name, command in arguments.items()]

    def __enter__(self) -> Fleet:
        for child in self.children:
            self._start(child)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def watch(self) -> None:
        """Look once: measure, and restart what died. Raises CuepointError when a process cannot go on.

        A process that says "try again" (no broker answers, another worker has taken over) is tried for ever.
        """
        now = time.monotonic()
        for child in self.children:
            process = child.process
            assert process is not None
            if child.start_at:
                if now >= child.start_at:
                    self._start(child)
                continue
            child.peak_rss_mb = max(child.peak_rss_mb, peak_rss_mb(process.pid))
            child.cpu_seconds = max(child.cpu_seconds, cpu_seconds(process.pid))
            code = process.poll()
            if code is None:
                continue
            if code == EXIT_TRY_AGAIN:
                self._try_again(child, now)
                continue
            child.started = [moment for moment in child.started if now - moment < RESTART_WINDOW_S]
            if code in (0, USER_ERROR) or len(child.started) > RESTARTS_MAX:
                raise CuepointError(f"{child.name} ended with exit code {code}: {last_words(child.log)} ({child.log})")
            self._say(f"{child.name} died with exit code {code} and is started again; its log is {child.log}")
            self._start(child)

    def stop(self) -> None:
        """Ask all to stop, wait, and kill what does not."""
        running = [c.process for c in self.children if c.process is not None and c.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _instance_id(self, child: Child) -> str:
        return f"{os.environ.get(INSTANCE_ENV) or socket.gethostname()}-{child.name}"

    def _try_again(self, child: Child, now: float) -> None:
        words = last_words(child.log)
        if words != child.waits_for:
            self._say(f"{child.name} is started again until it can go on: {words}")
        child.waits_for = words
        child.started.clear()
        child.start_at = now + TRY_AGAIN_AFTER_S

    def _start(self, child: Child) -> None:
        child.started.append(time.monotonic())
        child.start_at = 0.0
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *child.arguments],
                env={**environment(self._settings), INSTANCE_ENV: self._instance_id(child)},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )


def stage_arguments(workers: Mapping[str, int] | None = None, sink: bool = True) -> dict[str, list[str]]:
    """Process name -> arguments of ``cuepoint`` for all stages (as many workers each) and the sink."""
    wanted = {"intake": 1, "identity": 1, "decide": 1, "capacity": 1, **(workers or {})}
    arguments: dict[str, list[str]] = {}
    for stage, count in wanted.items():
        for number in range(count):
            arguments[stage if count == 1 else f"{stage}-{number}"] = ["worker", stage]
    if sink:
        arguments["sink"] = ["sink"]
    return arguments


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a child sees the same settings."""
    fields = {name: getattr(settings, name) for name in type(settings).model_fields}
    values = {f"{ENV_PREFIX}{name.upper()}": _text(value) for name, value in fields.items() if value is not None}
    values[f"{ENV_PREFIX}WEB_PORT"] = "0"
    if settings.hash_key_file:
        del values[f"{ENV_PREFIX}HASH_KEY"]
    return {**os.environ, **values, "PYTHONUNBUFFERED": "1"}


def peak_rss_mb(pid: int) -> float:
    """Peak resident memory of a process so far, in MiB (Linux; 0 elsewhere or when it is gone)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far (Linux; 0 elsewhere or when it is gone)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def last_words(log: Path) -> str:
    """The message of the last error in a log, else its last line.

    What ends a process is logged with its ``error``; what libraries log on the way is not.
    """
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    errors = [line for line in lines if '"level": "ERROR"' in line]
    errors = [line for line in errors if '"error": ' in line] or errors
    if errors:
        return str(json.loads(errors[-1])["message"])
    return lines[-1][:500] if lines else "it said nothing"


def _text(value: object) -> str:
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
