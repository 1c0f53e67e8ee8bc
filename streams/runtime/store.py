"""Where the table of one partition number lies: in memory, or in RocksDB on the worker's disk.

The changelog is the truth and a store is a copy of it: what a step changes goes to the changelog with the transaction,
and to the store only after the commit. No step begins between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from schemas.topics import Stage
from streams.runtime.checks import topic_id
from streams.settings import Settings
from streams.table import Change, MemoryTable, size_of, wake_of
from streams.task import Effects, Table, Task


class Store(Table, Protocol):
    """A table that the runtime fills. After an error it is closed, and opened again by the next owner."""

    @property
    def position(self) -> int | None:
        """Offset in the changelog up to which the store is complete; None: it has nothing."""

    @property
    def entries(self) -> int:
        """Keys, at least about."""

    @property
    def size_bytes(self) -> int:
        """Size, without what Python or RocksDB adds in memory."""

    def load(self, batches: Sequence[Sequence[Change]], position: int) -> None:
        """Take over committed records of the changelog, up to an offset."""

    def loaded(self) -> None:
        """The end of the changelog is reached."""

    def reset(self, why: str) -> None:
        """Forget everything: it does not belong to this changelog."""

    def write(self, effects: Effects, position: int | None) -> None:
        """Take over what was just committed. ``position``: the changelog's offset behind it, if it has any."""

    def close(self) -> None:
        """Give memory and files free."""


async def open_store(settings: Settings, stage: Stage, partition: int, task: Task) -> Store:
    """The store that the settings name, with what it has. Raises StateError when it cannot be opened."""
    if settings.state_store == "memory":
        return MemoryStore(wake_of=wake_of(task))
    from streams.runtime.rocks_files import open_rocks  # 11 MB of library that nobody else needs

    known_as = await asyncio.to_thread(topic_id, settings, stage.changelog)
    return await asyncio.to_thread(open_rocks, settings, stage, partition, known_as, wake_of(task))


class MemoryStore(MemoryTable):
    """Everything in memory, read from the beginning of the changelog at each start."""

    position: int | None = None

    @property
    def entries(self) -> int:
        """See ``Store``."""
        return len(self)

    def load(self, batches: Sequence[Sequence[Change]], position: int) -> None:
        """See ``Store``. Nothing is counted before ``loaded``."""
        values: dict[bytes, bytes | None] = self._values  # type: ignore[assignment]  # until the deleted are out
        for changes in batches:
            values.update(changes)
            for key in [key for key, value in changes if value is None]:
                if values.get(key, b"") is None:
                    del values[key]
        self._sorted = None

    def loaded(self) -> None:
        """See ``Store``."""
        self.size_bytes = size_of(self._values)

    def reset(self, why: str) -> None:
        """See ``Store``."""
        self._values.clear()
        self._sorted = None
        self.size_bytes = 0

    def write(self, effects: Effects, position: int | None) -> None:
        """See ``Store``."""
        self.put(effects.state)

    def close(self) -> None:
        """See ``Store``."""
        self._values.clear()
