"""One partition's decisions: events and timers of many customers, applied in one order as the clock passes them.

The order is (time, events before episode timers before slot releases, …), so the outcome does not depend on how the log
was cut into batches. Pure; the Kafka side is ``streams.decide.task``, the file side ``streams.backtest``.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from schemas.envelope import Envelope
from streams.decide import merge
from streams.decide.customer import EPISODE_RANK, SLOT_RANK, CustomerFold
from streams.decide.rules import Rules
from streams.decide.state import PARKED_MAX, STATE_VERSION, CustomerState
from streams.errors import StateError
from streams.progress import BEGINNING
from streams.reorder import ReorderBuffer, key_of

Key = tuple[Any, ...]
"""Place in the order: (time, 0, rank of kind, event id, offset) or (due, 1 or 2, customer, timer name)."""
BROADCAST = frozenset({"campaign.published", "campaign.withdrawn", "brand.published", "catalog.item"})


class States:
    """The customers' states; the task's table behind it."""

    def __init__(self, fetch: Callable[[str], CustomerState | None]) -> None:
        self._fetch = fetch
        self.live: dict[str, CustomerState] = {}
        self.dirty: dict[str, None] = {}
        """Customers changed since it was last emptied, in order."""

    def get(self, customer: str) -> CustomerState:
        """The customer's state; a new one for a new customer."""
        state = self.live.get(customer)
        if state is None:
            state = self._fetch(customer) or CustomerState(STATE_VERSION, customer)
            self.live[customer] = state
        return state

    def change(self, customer: str) -> CustomerState:
        """The state, which the caller is going to change."""
        self.dirty[customer] = None
        return self.get(customer)

    def replace(self, state: CustomerState) -> None:
        """Put a new state in the place of the customer's old one."""
        self.dirty[state.customer] = None
        self.live[state.customer] = state


class Partition:
    """The fold of one partition of ``customer-events``."""

    def __init__(
        self,
        fetch: Callable[[str], CustomerState | None],
        customers: Callable[[], Iterable[str]],
        waiting: ReorderBuffer | None = None,
    ) -> None:
        self.rules = Rules()
        self.fold = CustomerFold(self.rules)
        self.states = States(fetch)
        self.through: Key = (BEGINNING,)
        """Everything at or before this place has been applied."""
        self.outgoing: list[Envelope] = []
        """Events for ``customer-events`` (merged states, forwarded events) since it was last emptied."""
        self.emit: Callable[[Envelope], None] = self.outgoing.append
        """Where they go; a single partition takes them itself."""
        self.kept_rules: list[Envelope] = []
        """Rules and catalogue events applied since it was last emptied: they belong to the state."""
        self.on_accepted: Callable[[Envelope, str], None] = lambda event, fate: None
        """Told each event with its fate: accepted, duplicate or guest."""
        self._customers = customers
        self._waiting = ReorderBuffer() if waiting is None else waiting
        self._alarms: list[tuple[int, int, str, str]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def timers(self) -> int:
        """Timers in the heap (stale ones included)."""
        return len(self._alarms)

    def first_waiting(self) -> int | None:
        """The lowest offset in the reorder buffer; None when it is empty."""
        return self._waiting.first_offset()

    def restore(self, state: CustomerState) -> None:
        """Put a customer's timers into the heap: after a restart, or when timers came with another state."""
        for name, due in state.timers.items():
            heapq.heappush(self._alarms, (due, EPISODE_RANK, state.customer, name))
        for name, slot in state.slots.items():
            heapq.heappush(self._alarms, (slot.release, SLOT_RANK, state.customer, name))

    def take(self, event: Envelope, offset: int) -> None:
        """Accept an event: it waits for the clock, or applies where it is read when the clock has passed it."""
        if (*key_of(event), offset) <= self.through:
            event.eff = max(event.eff, self.through[0]) if event.type != "merge.in" else event.eff
            self._apply(event)
            self._sound()
        else:
            self._waiting.push(event, offset)

    def take_again(self, event: Envelope, offset: int) -> None:
        """Accept an event that was read before a restart: what was applied then is passed over."""
        if (*key_of(event), offset) > self.through:
            self._waiting.push(event, offset)

    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before ``clock``, at most ``steps`` events and timers; the steps taken (fewer: all done)."""
        taken, waiting, alarms = 0, self._waiting, self._alarms
        while taken < steps:
            first = waiting.next_eff()
            event_at = clock if first is None else first
            alarm_at = alarms[0][0] if alarms else clock
            if event_at >= clock and alarm_at >= clock:
                self.through = max(self.through, (clock,))
                return taken
            if event_at <= alarm_at:
                entry = waiting.pop()
                self.through = (*entry.key, entry.offset)
                self._apply(entry.event)
            else:
                alarm = heapq.heappop(alarms)
                self.through = alarm
                self._ring(alarm)
            self._sound()
            taken += 1
        return taken

    def _apply(self, event: Envelope) -> None:
        if event.type in BROADCAST:
            self._apply_rules(event)
        elif event.customer.startswith("none:"):
            self.on_accepted(event, "guest")
        elif event.type.startswith("merge."):
            self._merge(event)
        else:
            self._apply_to_customer(event)

    def _apply_to_customer(self, event: Envelope) -> None:
        state = self.states.change(event.customer)
        if state.moved_to is not None:
            event.customer = state.moved_to
            self.emit(event)
        elif state.waits_for:
            self._park(state, event)
        else:
            self.on_accepted(event, "accepted" if self.fold.apply(state, event) else "duplicate")

    def _apply_rules(self, event: Envelope) -> None:
        if event.type == "catalog.item" and self.rules.knows(event):
            self.on_accepted(event, "duplicate")
            return
        changed = self.rules.apply(event)
        self.kept_rules.append(event)
        self.on_accepted(event, "accepted")
        if changed:
            for customer in sorted(self._customers()):
                state = self.states.get(customer)
                if state.moved_to is None and not state.waits_for:
                    before = len(self.fold.alarms)
                    self.fold.rearm(state, event.eff)
                    if len(self.fold.alarms) > before:
                        self.states.dirty[customer] = None

    def _ring(self, alarm: tuple[int, int, str, str]) -> None:
        due, rank, customer, name = alarm
        state = self.states.get(customer)
        if state.waits_for or not _still_set(state, rank, name, due):
            return
        self.states.dirty[customer] = None
        if rank == EPISODE_RANK:
            self.fold.pop(state, name, due)
        else:
            self.fold.release(state, name, due)

    def _sound(self) -> None:
        for alarm in self.fold.alarms:
            heapq.heappush(self._alarms, (alarm.due, alarm.rank, alarm.customer, alarm.name))
        self.fold.alarms.clear()

    def _merge(self, event: Envelope) -> None:
        state = self.states.change(event.customer)
        if event.type == "merge.out":
            if state.waits_for:
                self._park(state, event)
            elif state.moved_to is None:
                pointer, carried = merge.leave(state, event)
                self.states.replace(pointer)
                self.emit(carried)
        elif state.moved_to is not None and event.data["from"] != state.moved_to:
            event.customer = state.moved_to
            self.emit(event)
        elif event.type == "merge.expected":
            if state.waits_for:
                self._park(state, event)
            else:
                state.moved_to = None
                state.waits_for.append(event.data["merge"])
                self._if_arrived(state)
        else:
            state.arrived.append(event)
            if self._if_arrived(state):
                self._catch_up(state)

    def _if_arrived(self, state: CustomerState) -> bool:
        """Take over the state that the customer waits for, if it is there."""
        for event in state.arrived:
            if event.data["merge"] in state.waits_for:
                state.arrived.remove(event)
                state.waits_for.remove(event.data["merge"])
                merge.absorb(state, event)
                self.fold.rearm(state, event.eff)
                self.restore(state)
                return True
        return False

    def _catch_up(self, state: CustomerState) -> None:
        """Apply what was parked, events and timers in their order, until it is done or the customer waits again."""
        parked, state.parked = deque(sorted(state.parked, key=key_of)), []
        while parked or self._next_alarm(state):
            alarm = self._next_alarm(state)
            if parked and (alarm is None or parked[0].eff <= alarm[0]):
                self._apply(parked.popleft())
                if state.waits_for or self.states.get(state.customer) is not state:
                    for event in parked:
                        self._apply(event)
                    return
            elif alarm is not None:
                self._ring(alarm)
        self.restore(state)

    def _next_alarm(self, state: CustomerState) -> tuple[int, int, str, str] | None:
        alarms = [(due, EPISODE_RANK, state.customer, name) for name, due in state.timers.items()]
        alarms += [(slot.release, SLOT_RANK, state.customer, name) for name, slot in state.slots.items()]
        first = min(alarms, default=None)
        return first if first is not None and first <= self.through else None

    def _park(self, state: CustomerState, event: Envelope) -> None:
        if len(state.parked) >= PARKED_MAX:
            raise StateError(
                f"Customer {state.customer} waits for the merge {state.waits_for[0]} with {PARKED_MAX} events parked; "
                "the other partition's worker does not run. Start it, or more memory will not help."
            )
        state.parked.append(event)


def _still_set(state: CustomerState, rank: int, name: str, due: int) -> bool:
    if rank == EPISODE_RANK:
        return state.timers.get(name) == due
    slot = state.slots.get(name)
    return slot is not None and slot.release == due
