"""Which decoded states stay in memory: those that were changed last, up to about so many bytes."""

from __future__ import annotations

from collections.abc import Iterable

from streams.decide.state import CustomerState

DECODED_TIMES = 12
"""A decoded state takes 8 times its encoding at the simulator's mix, and what is derived from it comes on top."""


class StateCache:
    """Knows the encoded size of each state in memory, and takes states out when they are too many.

    ``bytes_max``: of memory, by estimate. States of the last step may exceed it until the step is collected.
    """

    def __init__(self, bytes_max: int) -> None:
        self._encoded_max = bytes_max // DECODED_TIMES
        self._sizes: dict[str, int] = {}
        self._encoded = 0

    def note(self, customer: str, size: int) -> None:
        """A customer's state was decoded from, or encoded to, ``size`` bytes."""
        self._encoded += size - self._sizes.get(customer, 0)
        self._sizes[customer] = size

    def forget(self, customer: str) -> None:
        """A customer's state is in memory no more."""
        self._encoded -= self._sizes.pop(customer, 0)

    def trim(self, live: dict[str, CustomerState], used: Iterable[str]) -> None:
        """Take states out of ``live``, those of ``used`` last. All must be in the table as they are."""
        if self._encoded <= self._encoded_max:
            return
        for customer in used:
            live[customer] = live.pop(customer)
        out = []
        for customer in live:
            if self._encoded <= self._encoded_max:
                break
            self._encoded -= self._sizes.pop(customer, 0)
            out.append(customer)
        for customer in out:
            del live[customer]
