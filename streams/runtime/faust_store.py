"""The store behind a stage's Faust table: a read-only, empty view.

A task owns its state, and a round writes it; the table is there so that Faust knows the changelog topic, assigns its
partitions together with the inputs, and shows it among the app's tables. Faust's recovery, which reads event by event
and hangs behind control records, finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from faust.stores.base import Store

STORE_URL = "cuepoint://"
RECOVERED_OFFSET = 0


class TaskStore(Store):  # type: ignore[misc]
    """State is written as ``Effects.state`` and restored by ``streams.runtime.restore``."""

    def persisted_offset(self, tp: Any) -> int:
        """Everything counts as recovered, so that Faust starts no recovery of its own."""
        return RECOVERED_OFFSET

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Not called: nothing is recovered through Faust."""
        raise RuntimeError("The table is restored by streams.runtime.restore, not by Faust's recovery.")

    def reset_state(self) -> None:
        """Nothing on disk."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Nothing on disk."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing on disk."""

    def _clear(self) -> None:
        """Nothing kept."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise RuntimeError("State is written through Effects.state, in the transaction of a round.")

    def __delitem__(self, key: Any) -> None:
        raise RuntimeError("State is deleted through Effects.state, in the transaction of a round.")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0
