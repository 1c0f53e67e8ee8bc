"""One process of a pipeline, which a test may arm, kill, stop and start again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from streams.settings import Settings
from streams.up import environment

ROOT = Path(__file__).parents[2]


class Process:
    """One process of the pipeline. Its log and its failpoint log are files that outlive each start."""

    def __init__(self, settings: Settings, name: str, command: list[str], **environ: str) -> None:
        self.name = name
        self.log = settings.state_dir / "log" / f"{name}.log"
        self.failpoint_log = self.log.with_suffix(".failpoints")
        self.held_down = False
        """It is to stay down: ``Pipeline.watch`` does not start it."""
        self.process: subprocess.Popen[bytes] | None = None
        self._command = command
        self._environ = {**environment(settings), "CUEPOINT_FAILPOINT_LOG": str(self.failpoint_log), **environ}
        self._armed: dict[str, str] = {}
        self._log_begins = 0

    @property
    def stage(self) -> str:
        """``intake``, ``identity``, ``decide`` or ``sink``."""
        return self.name.partition("-")[0]

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs (a stopped one does)."""
        return self.process is not None and self.process.poll() is None

    @property
    def code(self) -> int | None:
        """Exit code of the last start; None while it runs."""
        return None if self.process is None else self.process.poll()

    def arm(self, failpoint: str) -> None:
        """Let its next start, and no later one, die at ``name[:nth]``."""
        self._armed = {"CUEPOINT_FAILPOINTS": failpoint}

    def start(self, **environ: str) -> None:
        """Start it, with more environment variables for this time only."""
        assert not self.alive, f"{self.name} runs already"
        self.held_down = False
        environ, self._armed = {**self._armed, **environ}, {}
        self._log_begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**self._environ, **environ},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def kill(self, *, hold_down: bool = False) -> None:
        """Kill -9. ``hold_down``: until ``start`` is called."""
        self.held_down = hold_down
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout_s: float = 40.0) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.held_down = True
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def suspend(self) -> None:
        """SIGSTOP: it keeps its sockets and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def lines(self, *, all_starts: bool = False) -> list[dict[str, Any]]:
        """Its JSON log lines of the last start, or of all."""
        with self.log.open("rb") as log:
            log.seek(0 if all_starts else self._log_begins)
            lines = log.read().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]

    def partitions(self) -> set[int]:
        """The partitions that it was assigned last."""
        found = [line["partitions"] for line in self.lines() if line["message"] == "partitions assigned"]
        return set(found[-1]) if found else set()

    def ready_partitions(self) -> set[int]:
        """The partitions that it has restored since its last start."""
        return {line["partition"] for line in self.lines() if line["message"] == "partition ready"}
