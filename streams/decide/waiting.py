"""Customers who wait: for the state of another, for events that others forward to them, or for the answer of a list.

What is theirs from then on is not decided yet: events are parked in their states, timers stay where they are.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from schemas.envelope import Envelope
from streams.decide.alarms import NEVER
from streams.decide.forwarding import Forwarding
from streams.decide.state import PARKED_MAX, CustomerState
from streams.errors import StateError


class Waiting:
    """Who waits in one partition, and who may wait no more."""

    def __init__(self, forwarding: Forwarding, state_of: Callable[[str], CustomerState]) -> None:
        self.since: dict[str, int] = {}
        """Customer -> the time of the earliest thing that he waits with."""
        self.ready: list[str] = []
        """A heap of those who may wait no more."""
        self._forwarding = forwarding
        self._state_of = state_of

    def __bool__(self) -> bool:
        return bool(self.since)

    def __contains__(self, customer: str) -> bool:
        return customer in self.since

    def must(self, state: CustomerState, at: int) -> bool:
        """Whether something is missing that has its turn before what this customer does at ``at``."""
        return state.customer in self.since or at >= self.limit(state)

    def limit(self, state: CustomerState) -> int:
        """The time from which on something may be missing that the customer has to be told first."""
        limit = self._forwarding.limit(state)
        return min(limit, state.unanswered) if state.listed else limit

    def park(self, state: CustomerState, event: Envelope) -> None:
        """Keep an event until its customer may go on. Raises StateError beyond ``PARKED_MAX`` events."""
        if len(state.parked) >= PARKED_MAX:
            what = f"the merge {state.waits_for[0]}" if state.waits_for else "what merged customers' events name him"
            raise StateError(
                f"Customer {state.customer} waits for {what} with {PARKED_MAX} events parked; "
                "the other partition's worker does not run. Start it, or more memory will not help."
            )
        state.parked.append(event)
        self.hold(state, event.eff)

    def hold(self, state: CustomerState, since: int) -> None:
        """The customer waits; since the earliest thing that he waits with."""
        self.since[state.customer] = min(since, self.since.get(state.customer, since))
        state.wake = NEVER

    def may_go_on(self, customer: str) -> None:
        """What he waited for has come: he is looked at again."""
        heapq.heappush(self.ready, customer)

    def look_again(self) -> None:
        """Find those who need not wait any more."""
        most = self._forwarding.most()
        for customer, since in self.since.items():
            if since < most or not self._state_of(customer).fed_by:
                self.may_go_on(customer)

    def next_ready(self) -> str | None:
        """The next customer who may wait no more, by name: a restart finds them in the same order. None: he has to wait
        all the same, or does not any more."""
        customer = heapq.heappop(self.ready)
        since, state = self.since.get(customer), self._state_of(customer)
        if since is not None and not state.waits_for and since < self.limit(state):
            return customer
        return None
