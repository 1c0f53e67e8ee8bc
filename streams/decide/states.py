"""The customers' states of one partition: those at hand, those that changed, those that are new or erased."""

from __future__ import annotations

from collections.abc import Callable

from streams.decide.state import ERASED, STATE_VERSION, CustomerState


class States:
    """The customers' states; the task's table behind it."""

    def __init__(
        self, fetch: Callable[[str], CustomerState | None], erased: Callable[[str], int | None] = lambda customer: None
    ) -> None:
        self._fetch = fetch
        self._erased = erased
        self.live: dict[str, CustomerState] = {}
        self.dirty: dict[str, None] = {}
        """Customers changed since it was last emptied, in order."""
        self.new: dict[str, None] = {}
        """Customers that the table did not know, since it was last emptied."""
        self.erasures: dict[str, int] = {}
        """Customers erased since it was last emptied -> when."""
        self.gone = 0
        """Of these, those that the table knew."""
        self.fetched = 0
        """States that were not in ``live`` when they were asked for."""

    def get(self, customer: str) -> CustomerState:
        """The customer's state; a new one for a new customer."""
        state = self.live.get(customer)
        if state is None:
            self.fetched += 1
            state = self._fetch(customer)
            if state is None:
                at = self._erased(customer)
                if at is None:
                    return self.begin(CustomerState(STATE_VERSION, customer))
                state = CustomerState(STATE_VERSION, customer, moved_to=ERASED, forgotten=at)
            self.live[customer] = state
        return state

    def begin(self, state: CustomerState) -> CustomerState:
        """Somebody whom the table does not know."""
        self.new[state.customer] = None
        self.live[state.customer] = state
        return state

    def erase(self, customer: str, at: int) -> None:
        """Forget a customer who is in ``live``; what names him goes to nobody."""
        if customer in self.new:
            del self.new[customer]
        else:
            self.gone += 1
        self.erasures[customer] = at
        self.live[customer] = CustomerState(STATE_VERSION, customer, moved_to=ERASED, forgotten=at)

    def change(self, customer: str) -> CustomerState:
        """The state, which the caller is going to change."""
        self.dirty[customer] = None
        state = self.live.get(customer)
        return self.get(customer) if state is None else state

    def replace(self, state: CustomerState) -> None:
        """Put a new state in the place of the customer's old one."""
        self.dirty[state.customer] = None
        self.live[state.customer] = state
