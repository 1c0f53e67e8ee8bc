"""The reorder buffer: events wait here until the clock passes them, and leave in the order of their effective time.

It needs no storage of its own: after a restart its range of the log is read again. What exceeds its memory bound goes
to an unnamed local file, sorted, and comes back when its turn comes; nothing is dropped and reading never stops.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from schemas.envelope import KIND_RANK, Envelope
from streams.errors import PlatformError
from streams.wire import decode_envelope, encode_envelope

EVENTS_IN_MEMORY_MAX = 200_000
"""Events of one partition kept in memory; beyond it the later half goes to a file."""


KEPT = 1 << 62
"""Offset of an event that is kept elsewhere too: it need not be read again, so it holds no read position back."""

Waiting = tuple[int, int, int, str, int, int, Envelope]
"""An event in the buffer: its place in the order (``key_of``), a number that tells copies apart, offset, event."""


def key_of(event: Envelope) -> tuple[int, int, int, str]:
    """The place in the order of an event."""
    return (event.eff, 0, KIND_RANK[event.type], event.id)


class _Run:
    """A sorted part of the buffer in a file. Raises OSError."""

    def __init__(self, entries: list[Waiting], file: IO[bytes]) -> None:
        self.first_offset = min(entry[5] for entry in entries)
        self.left = len(entries)
        self._file = file
        for *_, number, offset, event in entries:
            value = encode_envelope(event)
            file.write(b"%d %d %d\n" % (number, offset, len(value)))
            file.write(value)
        file.seek(0)

    def __del__(self) -> None:
        with suppress(OSError):  # of a full disk: what was not written before is not written now either
            self._file.close()

    def __iter__(self) -> Iterator[Waiting]:
        while self.left:
            number, offset, size = map(int, self._file.readline().split())
            event = decode_envelope(self._file.read(size))
            self.left -= 1
            yield (*key_of(event), number, offset, event)


class ReorderBuffer:
    """A priority queue of events with a memory bound; ``directory``: where the files go (None: the system's).

    ``push`` raises PlatformError when a file cannot be written.
    """

    def __init__(self, in_memory_max: int = EVENTS_IN_MEMORY_MAX, directory: Path | None = None) -> None:
        self._in_memory_max = in_memory_max
        self._directory = directory
        self._heap: list[Waiting] = []
        self._number = 0
        self._runs: dict[int, tuple[_Run, Iterator[Waiting]]] = {}
        """By the number of the run's next entry, which is in the heap."""

    def __len__(self) -> int:
        return len(self._heap) + sum(run.left for run, _ in self._runs.values())

    @property
    def spilled(self) -> int:
        """Events that are in files."""
        return sum(run.left for run, _ in self._runs.values())

    def push(self, event: Envelope, offset: int) -> None:
        """Add an event."""
        self._number += 1
        entry = (event.eff, 0, KIND_RANK[event.type], event.id, self._number, offset, event)
        heapq.heappush(self._heap, entry)
        if len(self._heap) - len(self._runs) > self._in_memory_max:
            self._spill()

    def next_eff(self) -> int | None:
        """Effective time of the first event; None when empty."""
        return self._heap[0][0] if self._heap else None

    def next_type(self) -> str | None:
        """Type of the first event; None when empty."""
        return self._heap[0][6].type if self._heap else None

    def pop_through(self, moment: int) -> Waiting | None:
        """Take out the first event; None when it is later than this moment, or there is none."""
        return self.pop() if self._heap and self._heap[0][0] <= moment else None

    def pop(self) -> Waiting:
        """Take out the first event."""
        entry = heapq.heappop(self._heap)
        if self._runs and entry[4] in self._runs:
            self._refill(*self._runs.pop(entry[4]))
        return entry

    def in_memory(self) -> Iterator[Envelope]:
        """The events in memory, in no order; all of them while nothing is ``spilled``."""
        return (entry[6] for entry in self._heap)

    def first_offset(self) -> int | None:
        """The lowest offset that waits (of a file: that ever was in it), but for ``KEPT``; None: none does."""
        in_memory = min([entry[5] for entry in self._heap], default=KEPT)
        in_files = min((run.first_offset for run, _ in self._runs.values()), default=KEPT)
        first = min(in_memory, in_files)
        return None if first == KEPT else first

    def _spill(self) -> None:
        heads = [entry for entry in self._heap if entry[4] in self._runs]
        entries = sorted(entry for entry in self._heap if entry[4] not in self._runs)
        half = len(entries) // 2
        self._heap = [*entries[:half], *heads]
        heapq.heapify(self._heap)
        run = self._run(entries[half:])
        self._refill(run, iter(run))

    def _run(self, entries: list[Waiting]) -> _Run:
        try:
            if self._directory is not None:
                self._directory.mkdir(parents=True, exist_ok=True)
            return _Run(entries, tempfile.TemporaryFile(dir=self._directory))
        except OSError as error:
            raise PlatformError(
                f"{len(entries):,} waiting events cannot be written to a file in {self._directory or 'TMPDIR'} "
                f"({error.strerror}): free space there, or set CUEPOINT_STATE_DIR to another disk, and start the "
                "worker again; nothing is lost."
            ) from error

    def _refill(self, run: _Run, entries: Iterator[Waiting]) -> None:
        entry = next(entries, None)
        if entry is not None:
            self._runs[entry[4]] = (run, entries)
            heapq.heappush(self._heap, entry)
