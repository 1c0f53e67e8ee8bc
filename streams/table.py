"""A task's table in memory: encoded values by key, and nothing else."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

from streams.task import Task, Timed

WakeOf = Callable[[bytes, bytes], bytes | None]
"""``Timed.wake_of``."""
Change = tuple[bytes, bytes | None]
"""Key and new value; None: deleted."""


class MemoryTable:
    """See ``streams.task.Table``. ``values`` is taken over, not copied.

    A scan looks at every key and sorts those of its prefix; the next one of the same prefix does not, until a key comes
    or goes. ``wakes`` looks at every value.
    """

    def __init__(self, values: dict[bytes, bytes] | None = None, wake_of: WakeOf | None = None) -> None:
        self._values: dict[bytes, bytes] = {} if values is None else values
        self._wake_of = wake_of
        self._sorted: tuple[bytes, list[bytes]] | None = None
        """The keys of the last scan's prefix."""
        self.size_bytes = size_of(self._values)
        """Of keys and values, without what Python adds."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: bytes) -> bytes | None:
        """See ``Table``."""
        return self._values.get(key)

    def scan(self, prefix: bytes, behind: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """See ``Table``."""
        if self._sorted is None or self._sorted[0] != prefix:
            self._sorted = prefix, sorted(key for key in self._values if key.startswith(prefix))
        keys = self._sorted[1]
        for index in range(bisect_right(keys, behind), len(keys)):
            yield keys[index], self._values[keys[index]]

    def wakes(self, behind: bytes, most: int) -> list[bytes]:
        """See ``Table``."""
        return heapq.nsmallest(most, self._entries(behind))

    def put(self, changes: Iterable[Change]) -> None:
        """Apply what a step has changed."""
        values = self._values
        for key, value in changes:
            old = values.pop(key, None) if value is None else values.get(key)
            if value is not None:
                values[key] = value
                self.size_bytes += len(value)
            if old is not None:
                self.size_bytes -= len(old)
            if (old is None) != (value is None):
                self.size_bytes += len(key) if old is None else -len(key)
                self._sorted = None

    def _entries(self, behind: bytes) -> Iterator[bytes]:
        wake_of = self._wake_of
        assert wake_of is not None, "the task is not Timed"
        for key, value in self._values.items():
            wake = wake_of(key, value)
            if wake is not None and (entry := wake + key) > behind:
                yield entry


def size_of(values: Mapping[bytes, bytes]) -> int:
    """Bytes of keys and values."""
    return sum(map(len, values)) + sum(map(len, values.values()))


def wake_of(task: Task) -> WakeOf | None:
    """How this task's values say when they have to be looked at; None: they do not."""
    return task.wake_of if isinstance(task, Timed) else None
