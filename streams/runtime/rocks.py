"""A partition's table in RocksDB, for state that outgrows memory. See ``docs/decisions/0033-state-store.md``.

One database a partition number. Keys begin with what they are: ``k`` a value's key, ``w`` an entry of the wakes (its
value is empty), ``m`` the one record that says what the store is a copy of, ``f`` nothing. One write batch holds a
transaction's values, their wakes and the position in the changelog, so a store is always as of one offset.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from rocksdict import Rdict, RdictIter, WriteBatch, WriteOptions

from streams.errors import StateError
from streams.table import Change, WakeOf
from streams.task import Effects

log = logging.getLogger(__name__)

FORMAT = 1
"""Raise it when stores of earlier releases have to be built again."""
SWEEP_AFTER = 10_000
"""Wakes written before those that are of no more use are swept."""
SWEPT_AT_ONCE = 2 * SWEEP_AFTER
SCRUBBED_AT_ONCE = 500
"""Wakes that one write looks at, after something was deleted, to delete those of no value."""
COMPACT_AFTER_MS = 12 * 3_600_000
"""After how long what was deleted leaves the files: they are compacted then, in a thread of their own."""
DAMAGED = "damaged"
"""A file of this name in a store's directory says that it cannot be read."""

_VALUE, _WAKE, _META, _FRESH = b"k", b"w", b"m", b"f"

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
    deleted_ms: int = 0
    """Since when something has been deleted that the files may still hold; 0: nothing."""


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
        self._wake_size = 0
        """Bytes of a wake, once one was seen."""
        self._scrubbed: bytes | None = b""
        """Wakes before this one have a value; None: all have."""
        self._scrub_again = False
        self._compaction: threading.Thread | None = None
        self._compact_after_ms = COMPACT_AFTER_MS
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
        self._scrub(batch)
        self._put(batch, effects.state)
        self._meta.wakes_from = effects.wakes_from
        self._meta.swept_to = min(self._meta.swept_to, effects.wakes_from)
        if self._wakes_written >= SWEEP_AFTER:
            self._wakes_written = 0
            self._sweep(batch)
        self._write(batch, self._meta.position if position is None else position, None)
        self._compact_when_due()

    def reset(self, why: str) -> None:
        """See ``Store``."""
        self._database.close()
        self._database = self._clear(why)
        self._meta = Meta(FORMAT, self._topic_id, -1, b"", b"", 0)

    def close(self) -> None:
        """See ``Store``. A compaction that is under way ends first."""
        if self._compaction is not None:
            self._compaction.join()
        self._database.close()

    def _put(self, batch: WriteBatch, changes: Sequence[Change]) -> None:
        wake_of = self._wake_of
        for key, value in changes:
            if value is None:
                self._delete(batch, key)
                continue
            batch.put(_VALUE + key, value)
            wake = None if wake_of is None else wake_of(key, value)
            if wake is not None:
                batch.put(_WAKE + wake + key, b"")
                self._wakes_written += 1
                self._wake_size = len(wake)

    def _delete(self, batch: WriteBatch, key: bytes) -> None:
        """Delete a value with its wake. Wakes of its earlier values may lie anywhere: all are looked through."""
        batch.delete(_VALUE + key)
        wake = self._present_wake(key)
        if wake is not None:
            batch.delete(_WAKE + wake + key)
        if self._scrubbed is None:
            self._scrubbed = b""
        else:
            self._scrub_again = True
        self._meta.deleted_ms = self._meta.deleted_ms or time.time_ns() // 1_000_000

    def _present_wake(self, key: bytes) -> bytes | None:
        if self._wake_of is None:
            return None
        value = self.get(key)
        return None if value is None else self._wake_of(key, value)

    def _scrub(self, batch: WriteBatch) -> None:
        """Delete some wakes that no value has any more."""
        if self._scrubbed is None or not self._wake_size:
            return
        for looked_at, found in enumerate(self._from(_WAKE, self._scrubbed)):
            entry = found.key()[1:]
            if looked_at == SCRUBBED_AT_ONCE:
                self._scrubbed = entry
                return
            wake, key = entry[: self._wake_size], entry[self._wake_size :]
            if self._present_wake(key) != wake:
                batch.delete(_WAKE + entry)
        self._scrubbed = b"" if self._scrub_again else None
        self._scrub_again = False

    def _compact_when_due(self) -> None:
        """Let RocksDB write its files anew without what was deleted. Readers and writers go on meanwhile."""
        since, now = self._meta.deleted_ms, time.time_ns() // 1_000_000
        running = self._compaction is not None and self._compaction.is_alive()
        if not since or now - since < self._compact_after_ms or running or self._scrubbed is not None:
            return
        self._meta.deleted_ms = 0
        self._compaction = threading.Thread(target=self._compact, name="compaction", daemon=True)
        self._compaction.start()

    def _compact(self) -> None:
        try:
            self._database.flush()
            self._database.compact_range(None, None)
            self._database.put(_FRESH, b"")  # the list of files names keys; one more change begins it anew
            self._database.flush()
        except Exception:
            self._meta.deleted_ms = time.time_ns() // 1_000_000
            log.exception("a local store could not be compacted", extra={"directory": str(self._directory)})

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
