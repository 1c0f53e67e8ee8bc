"""When which customer has to be looked at next: one *wake* a customer, however many timers he has.

A wake is a number that sorts like (due, rank of the timer). It is never later than the customer's earliest timer, and
it is the beginning of his encoded state, so that a restart reads eight bytes a customer instead of decoding him. When
a wake comes up, the customer's timers of that moment ring one by one; the next wake is set from what is left. Since all
timers of one (due, rank, customer) lie next to each other in the order (due, rank, customer, name), this order holds.

The wakes of all customers are in the table. Memory holds those up to a *horizon*, and reads on when it is reached.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.decide.state import CustomerState

CUSTOMER = b"c|"
"""Keys of customers in the table begin with it."""
EPISODE_RANK, SLOT_RANK = 1, 2
"""At equal times: events (rank 0), episode timers, slot releases."""
WAKES_MAX = 50_000
"""Wakes that one partition reads ahead. Twice as many are kept before it forgets the later half."""
NEVER = (1 << 63) - 1
"""The wake of a customer without timers."""
WAKE_BYTES = 8
_ZERO = 1 << 60
_AFTER_ALL = 1 << 62
_END = b"\xff"

Place = tuple[int, int, str, str]
"""A timer's place in the order: (due, rank, customer, name)."""
Entry = tuple[int, str]
"""A wake and its customer. Entries sort like their bytes in the table."""
ReadWakes = Callable[[bytes, int], list[bytes]]
"""``Table.wakes``."""


def wake_at(due: int, rank: int) -> int:
    """The wake for a timer of that rank."""
    return _ZERO + 2 * due + rank - EPISODE_RANK


def wake_bytes(wake: int) -> bytes:
    """A wake as bytes that sort like it."""
    return wake.to_bytes(WAKE_BYTES, "big")


def earliest_wake(state: CustomerState) -> int:
    """The wake for a customer's earliest timer or slot; NEVER without one."""
    wake = wake_at(min(state.timers.values()), EPISODE_RANK) if state.timers else NEVER
    if state.slots:
        wake = min(wake, min([wake_at(slot.release, SLOT_RANK) for slot in state.slots.values()]))
    return wake


def first_place(state: CustomerState) -> Place | None:
    """A customer's timer or slot that comes first in the order."""
    timers, place = state.timers, None
    if timers:
        due = min(timers.values())
        names = [name for name, at in timers.items() if at == due]
        place = due, EPISODE_RANK, state.customer, min(names) if len(names) > 1 else names[0]
    for name, slot in state.slots.items():
        other = slot.release, SLOT_RANK, state.customer, name
        if place is None or other < place:
            place = other
    return place


class Alarms:
    """The wakes of one partition in their order (wake, customer).

    It may hold several of one customer; only one that is not before his state's own ``wake`` counts. What is in force:
    for each customer there is an entry at exactly his state's ``wake``, here or in the table behind the horizon.
    """

    def __init__(self, most: int = WAKES_MAX) -> None:
        self.first = _AFTER_ALL
        """Time of the first entry, or of the horizon: nothing is due before it."""
        self._most = most
        self._heap: list[Entry] = []
        self._read: ReadWakes | None = None
        self._horizon: Entry | None = None
        """Entries up to here are in memory; None: all."""

    def __len__(self) -> int:
        return len(self._heap)

    def load(self, read: ReadWakes) -> None:
        """After a restart: read the first wakes from the table, and later ones as their time comes."""
        self._read = read
        self._read_on(b"")

    def push(self, wake: int, customer: str) -> None:
        """Note that the customer's state has this wake now."""
        heapq.heappush(self._heap, (wake, customer))
        time = _time(wake)
        if time < self.first:
            self.first = time

    def pop(self) -> Entry | None:
        """Take out the first wake and its customer; None: it read on instead, so look again."""
        if self._horizon is not None and (not self._heap or self._heap[0] > self._horizon):
            self._read_on(_to_bytes(self._horizon))
            return None
        entry = heapq.heappop(self._heap)
        if self._horizon is None and self._heap:
            self.first = (self._heap[0][0] - _ZERO) >> 1  # what ``_look`` finds then
        else:
            self._look()
        return entry

    def settle(self) -> bytes:
        """After all changed states were encoded: forget the later half of too many wakes, since the table has them.

        Returns where the table's entries begin that still count.
        """
        if self._read is not None and len(self._heap) > 2 * self._most:
            self._heap = heapq.nsmallest(self._most, self._heap)
            last = self._heap[-1]
            self._horizon = last if self._horizon is None else min(self._horizon, last)
        first = _to_bytes(self._heap[0]) if self._heap else _END
        return first if self._horizon is None else min(first, _to_bytes(self._horizon))

    def _read_on(self, behind: bytes) -> None:
        assert self._read is not None
        found = [_from_bytes(entry) for entry in self._read(behind, self._most)]
        self._horizon = found[-1] if len(found) >= self._most else None
        self._heap += found
        heapq.heapify(self._heap)
        self._look()

    def _look(self) -> None:
        """Find ``first`` again."""
        first = self._heap[0][0] if self._heap else NEVER
        if self._horizon is not None:
            first = min(first, self._horizon[0])
        self.first = _time(first)


def _to_bytes(entry: Entry) -> bytes:
    return wake_bytes(entry[0]) + CUSTOMER + entry[1].encode()


def _from_bytes(entry: bytes) -> Entry:
    return int.from_bytes(entry[:WAKE_BYTES], "big"), entry[WAKE_BYTES + len(CUSTOMER) :].decode()


def _time(wake: int) -> int:
    return _AFTER_ALL if wake == NEVER else (wake - _ZERO) >> 1
