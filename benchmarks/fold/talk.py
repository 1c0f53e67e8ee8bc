"""A child process that speaks JSON lines: an engine, or the probe."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
STOP_S_MAX = 20.0
LAST_WORDS_CHARACTERS = 600


class EngineError(Exception):
    """A process of the benchmark did not do what was asked: it stopped, hung, or its result is wrong."""


class Talk:
    """A process and what it says; a context manager that ends it. Its standard error goes to ``log``."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def listen(self, timeout_s: float) -> dict[str, Any]:
        """The next thing it says. Raises EngineError when it ended or is silent for ``timeout_s``."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise EngineError(f"nothing was said for {timeout_s:.0f} s; {self._last_words()}") from None
        if line is None:
            raise EngineError(f"ended with exit code {self._process.wait()}; {self._last_words()}")
        said: dict[str, Any] = json.loads(line)
        return said

    def ask(self, timeout_s: float, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises EngineError, also when the answer is an error."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self.listen(timeout_s)
        if "error" in answer:
            raise EngineError(f"{request['do']}: {answer['error']}")
        return answer

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask it to end, and end it by force when it does not within 20 s."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # Faust's console writes control sequences before the first line.
            _, brace, rest = line.partition("{")
            if brace:
                self._lines.put(brace + rest)
        self._lines.put(None)

    def _last_words(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return f"its last words: {text[-LAST_WORDS_CHARACTERS:]}" if text else "it said nothing else"
