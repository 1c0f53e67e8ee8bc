"""Where a worker's processor time goes, by kind of work: a thread looks at all stacks a few hundred times a second.

Each look books, for every thread, the processor time that the thread has used since the last look to the innermost
frame that a rule knows. Waiting costs nothing and is not booked.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import FrameType

INTERVAL_S = 0.004
OTHER = "other"
RULES: tuple[tuple[str, str, str], ...] = (
    ("streams/runtime/transactions.py", "_send", "produce"),
    ("streams/runtime/transactions.py", "_fill", "produce"),
    ("streams/runtime/transactions.py", "", "commit"),
    ("aiokafka/producer/message_accumulator.py", "", "produce"),
    ("aiokafka/record/", "append", "produce"),
    ("aiokafka/producer/", "", "commit"),
    ("aiokafka/consumer/", "", "fetch"),
    ("streams/runtime/transport.py", "", "fetch"),
    ("streams/runtime/fetched.py", "", "fetch"),
    ("aiokafka/", "", "connections"),
    ("streams/wire.py", "decode_", "decode"),
    ("streams/wire.py", "encode_", "encode"),
    ("streams/decide/state.py", "decode_", "state"),
    ("streams/decide/state.py", "encode_", "encode"),
    ("streams/decide/task.py", "_collect_decisions", "encode"),
    ("streams/decide/facts.py", "", "state"),
    ("streams/decide/merge.py", "", "state"),
    ("streams/decide/", "", "rules"),
    ("streams/intake/", "", "validate"),
    ("schemas/", "", "validate"),
    ("pydantic", "", "validate"),
    ("streams/identity/", "", "state"),
    ("streams/reorder.py", "", "order"),
    ("streams/ordered.py", "", "order"),
    ("streams/progress.py", "", "encode"),
    ("streams/metrics.py", "", "metrics"),
    ("prometheus_client/", "", "metrics"),
    ("streams/runtime/", "", "runtime"),
    ("faust/", "", "runtime"),
    ("mode/", "", "runtime"),
    ("asyncio/", "", "runtime"),
)
"""(part of the file's path, beginning of the function's name, kind): the first that fits a frame counts."""
KINDS = (*dict.fromkeys(kind for _, _, kind in RULES), OTHER)


def kind_of(path: str, function: str) -> str | None:
    """The kind of work of a frame; None when no rule knows it (its caller decides)."""
    for part, beginning, kind in RULES:
        if part in path and function.startswith(beginning):
            return kind
    return None


class Sampler:
    """Samples this process from ``start`` to ``stop``; its own thread is left out."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()
        self._frames: Counter[str] = Counter()
        self._used: dict[int, float] = {}
        self._known: dict[tuple[str, str], str | None] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._look(book=False)
        self._thread.start()

    def stop(self) -> dict[str, dict[str, float]]:
        """End it; returns processor seconds by ``kinds`` and by ``functions`` (the innermost frame, most first)."""
        self._done.set()
        self._thread.join()
        return {"kinds": dict(self._seconds.most_common()), "functions": dict(self._frames.most_common(60))}

    @property
    def booked_s(self) -> float:
        """Processor seconds seen so far."""
        return sum(self._seconds.values())

    def _run(self) -> None:
        while not self._done.wait(INTERVAL_S):
            self._look(book=True)

    def _look(self, *, book: bool) -> None:
        me = self._thread.ident
        for ident, frame in sys._current_frames().items():
            if ident == me:
                continue
            try:
                used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:  # the thread has ended since
                continue
            spent = used - self._used.get(ident, used)
            self._used[ident] = used
            if book and spent > 0:
                self._seconds[self._kind(frame)] += spent
                self._frames[_name(frame)] += spent

    def _kind(self, innermost: FrameType) -> str:
        frame: FrameType | None = innermost
        while frame is not None:
            place = (frame.f_code.co_filename, frame.f_code.co_name)
            if place not in self._known:
                self._known[place] = kind_of(*place)
            kind = self._known[place]
            if kind is not None:
                return kind
            frame = frame.f_back
        return OTHER


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(code.co_filename.split('/')[-2:])}:{code.co_name}"
