"""A partition's table in RocksDB, for state that outgrows memory. See ``docs/decisions/0033-state-store.md``.

One database a partition number. Keys begin with what they are: ``k`` a value's key, ``w`` an entry of the wakes (its
value is empty), ``m`` the one record that says what the store is a copy of. One write batch holds a transaction's
values, their wakes and the position in the changelog, so a store is always as of one offset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from rocksdict import Rdict, RdictIter, WriteBatch, WriteOptions

from streams.errors import StateError
from streams.table import Change, WakeOf
from streams.task import Effects

FORMAT = 1
"""Raise it when stores of earlier releases have to be built again."""
SWEEP_AFTER = 10_000
"""Wakes written before those that are of no more use are swept."""
SWEPT_AT_ONCE = 2 * SWEEP_AFTER
DAMAGED = "damaged"
"""A file of this name in a store's directory says that it cannot be read."""

_VALUE, _WAKE, _META = b"k", b"w", b"m"

T = TypeVar("T")


class Meta(msgspec.Struct):
    """What a store is a copy of, and how far."""

    format: int
    topic_id: str
    """Of the changelog; another one means that the topic was deleted and made again."""
    position: int
    """Offset in the changelog up to which the store is complete."""
    wakes_from: bytes
    swept_to: bytes
    """Wakes before ``wakes_from`` are of no more use; those before ``swept_to`` are gone."""
    written_ms: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Meta)


class RocksStore:
    """See ``streams.runtime.store.Store``. ``clear`` makes an empty database in the place of a bad one.

    Every method raises StateError when RocksDB does; what is damaged is built again at the next start.
    """

    def __init__(self, database: Rdict, topic_id: str, wake_of: WakeOf | None, clear: Callable[[str], Rdict]) -> None:
        self._database = database
        self._directory = Path(database.path())
        self._wake_of = wake_of
        self._clear = clear
        self._topic_id = topic_id
        self._meta = Meta(FORMAT, topic_id, -1, b"", b"", 0)
        self._wakes_written = 0
        self._without_log = WriteOptions()
        self._without_log.disable_wal = True  # type: ignore[method-assign, assignment]  # the stub is wrong
        stored = self._guard(lambda: database.get(_META))
        if stored is not None:
            self._meta = _decoder.decode(stored)

    @property
    def position(self) -> int | None:
        """See ``Store``."""
        return None if self._meta.position < 0 else self._meta.position

    @property
    def meta(self) -> Meta:
        """What it is a copy of."""
        return self._meta

    @property
    def entries(self) -> int:
        """See ``Store``. RocksDB's estimate, which counts wakes too."""
        return self._database.property_int_value("rocksdb.estimate-num-keys") or 0

    @property
    def size_bytes(self) -> int:
        """See ``Store``: the files on disk."""
        return self._database.property_int_value("rocksdb.total-sst-files-size") or 0

    def get(self, key: bytes) -> bytes | None:
        """See ``Table``."""
        try:
            value: bytes | None = self._database.get(_VALUE + key)
        except Exception as error:
            raise self._failed(error) from error
        return value

    def scan(self, prefix: bytes, behind: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """See ``Table``."""
        for found in self._from(_VALUE, max(prefix, behind)):
            key = found.key()[1:]
            if not key.startswith(prefix):
                return
            if key > behind:
                yield key, found.value()

    def wakes(self, behind: bytes, most: int) -> list[bytes]:
        """See ``Table``."""
        entries: list[bytes] = []
        for found in self._from(_WAKE, max(behind, self._meta.wakes_from)):
            entry = found.key()[1:]
            if len(entries) == most:
                break
            if entry > behind:
                entries.append(entry)
        return entries

    def load(self, batches: Sequence[Sequence[Change]], position: int) -> None:
        """See ``Store``. Without RocksDB's log: what a death takes is read from the changelog again."""
        batch = WriteBatch(raw_mode=True)
        for changes in batches:
            self._put(batch, changes)
        self._write(batch, position, self._without_log)

    def loaded(self) -> None:
        """See ``Store``."""
        self._guard(self._database.flush)

    def write(self, effects: Effects, position: int | None) -> None:
        """See ``Store``. RocksDB's log is not synced: after a power failure the store is of an earlier offset."""
        batch = WriteBatch(raw_mode=True)
        self._put(batch, effects.state)
        self._meta.wakes_from = effects.wakes_from
        self._meta.swept_to = min(self._meta.swept_to, effects.wakes_from)
        if self._wakes_written >= SWEEP_AFTER:
            self._wakes_written = 0
            self._sweep(batch)
        self._write(batch, self._meta.position if position is None else position, None)

    def reset(self, why: str) -> None:
        """See ``Store``."""
        self._database.close()
        self._database = self._clear(why)
        self._meta = Meta(FORMAT, self._topic_id, -1, b"", b"", 0)

    def close(self) -> None:
        """See ``Store``."""
        self._database.close()

    def _put(self, batch: WriteBatch, changes: Sequence[Change]) -> None:
        wake_of = self._wake_of
        for key, value in changes:
            if value is None:
                batch.delete(_VALUE + key)
                continue
            batch.put(_VALUE + key, value)
            wake = None if wake_of is None else wake_of(key, value)
            if wake is not None:
                batch.put(_WAKE + wake + key, b"")
                self._wakes_written += 1

    def _write(self, batch: WriteBatch, position: int, options: WriteOptions | None) -> None:
        self._meta.position = position
        self._meta.written_ms = time.time_ns() // 1_000_000
        batch.put(_META, _encoder.encode(self._meta))
        self._guard(lambda: self._database.write(batch, options))

    def _sweep(self, batch: WriteBatch) -> None:
        """Delete some wakes that are of no more use."""
        meta = self._meta
        for swept, found in enumerate(self._from(_WAKE, meta.swept_to)):
            entry = found.key()
            if swept == SWEPT_AT_ONCE or entry[1:] >= meta.wakes_from:
                meta.swept_to = entry[1:]
                return
            batch.delete(entry)
        meta.swept_to = meta.wakes_from

    def _from(self, kind: bytes, start: bytes) -> Iterator[RdictIter]:
        """An iterator at each key of a kind, from ``start`` on.

        Not ``Rdict.items``: that one ends at a damaged block as if nothing came behind it.
        """
        found = self._guard(self._database.iter)
        found.seek(kind + start)
        while found.valid() and found.key().startswith(kind):
            yield found
            found.next()
        self._guard(found.status)

    def _guard(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StateError:
        if "corruption" in str(error).lower():
            (self._directory / DAMAGED).touch()
            way_out = "It is built again from the changelog at the next start: start the worker again."
        else:
            way_out = "Free its disk or make it writable, then start the worker again."
        return StateError(f"The local store {self._directory} failed ({error}). {way_out}")
