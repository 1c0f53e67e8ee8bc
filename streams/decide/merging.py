"""How the states of two customers find each other: the protocol of a merge, in the partition of either.

``merge.out`` makes the source a pointer and sends his state as ``merge.in``; the target waits from ``merge.expected``
until it is there. Each of the three may come through a pointer, and before or after the others. What the states then
become is ``streams.decide.merge``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.envelope import KIND_RANK, Envelope
from streams.decide import interests, lists, merge, product_news
from streams.decide.state import ERASED, STATE_VERSION, CustomerState

if TYPE_CHECKING:
    from streams.decide.partition import Partition


class Merging:
    """The merges of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._waiting = partition.waiting
        self._forwarding = partition.forwarding

    def apply(self, event: Envelope) -> None:
        """Apply ``merge.out``, ``merge.expected`` or ``merge.in``."""
        state, waiting = self._partition.states.change(event.customer), self._waiting
        if state.moved_to == ERASED:
            if event.type == "merge.out":  # the other side waits
                _, carried = merge.leave(CustomerState(STATE_VERSION, state.customer), event)
                self._partition.forward(carried, carried.customer)
        elif event.type == "merge.out":
            self._leave(state, event)
        elif state.moved_to is not None and event.data["from"] != state.moved_to:
            self._pass_on(state, event, state.moved_to)
        elif state.returned is not None and is_before(event, state.returned):
            self._pass_on(state, event, state.returned[2])
        elif event.type == "merge.in":
            state.arrived.append(event)
            if self._if_arrived(state):
                self._go_on(state, event.eff)
        elif state.moved_to is None and waiting.must(state, event.eff):
            waiting.park(state, event)
        else:
            if state.moved_to is not None:
                state.returned, state.moved_to = (event.eff, event.id, state.moved_to), None
            state.waits_for.append(event.data["merge"])
            waiting.since[state.customer] = event.eff
            if self._if_arrived(state) and state.parked:
                self._go_on(state, event.eff)

    def _go_on(self, state: CustomerState, now: int) -> None:
        """He has the other's state: what was parked has its turn."""
        self._waiting.since[state.customer] = now
        self._waiting.may_go_on(state.customer)

    def _leave(self, state: CustomerState, event: Envelope) -> None:
        """The customer becomes a pointer; his state goes to the target, and behind it the states that came for him."""
        partition = self._partition
        if state.moved_to is not None:
            return
        if self._waiting.must(state, event.eff):
            self._waiting.park(state, event)
            return
        early, state.arrived = state.arrived, []
        interests.leave_all(state, partition.watchers)
        partition.fold.hide(state)
        pointer, carried = merge.leave(state, event)
        partition.states.replace(pointer)
        if pointer.known:
            self._forwarding.sends(carried, pointer)
        partition.forward(carried, carried.customer)
        for other in early:
            partition.apply(other)

    def _pass_on(self, pointer: CustomerState, event: Envelope, target: str) -> None:
        """A merge with a customer who is another's by now."""
        merge_id = event.data["merge"]
        if merge_id in pointer.passing:
            pointer.passing.remove(merge_id)
            if pointer.customer in self._waiting and not pointer.passing:
                self._waiting.may_go_on(pointer.customer)
        else:
            pointer.passing.append(merge_id)
        event.customer = target
        if event.type == "merge.in" and "fed_by" in event.data:
            self._forwarding.follows(pointer, event)
            self._forwarding.sends(event, pointer)
        self._partition.forward(event, target)

    def _if_arrived(self, state: CustomerState) -> bool:
        """Take over the state that the customer waits for, if it is there."""
        partition = self._partition
        for event in state.arrived:
            if event.data["merge"] in state.waits_for:
                state.arrived.remove(event)
                state.waits_for.remove(event.data["merge"])
                self._waiting.since.pop(state.customer, None)
                if "fed_by" in event.data:
                    self._forwarding.follows(state, event)
                merge.absorb(state, event)
                interests.enter_all(state, partition.watchers)
                state.parked = [one for one in state.parked if one.type != lists.ANSWER or not lists.hear(state, one)]
                through = partition.through[0]
                state.parked += product_news.missed(partition.rules, state, event.eff, through, state.interests)
                partition.fold.rearm(state, event.eff)
                partition.schedule(state)
                return True
        return False


def is_before(event: Envelope, returned: tuple[int, str, str]) -> bool:
    """Whether the event has its place before the merge that made a pointer a customer again."""
    name = f"merge.expected/{event.data['merge']}" if event.type == "merge.in" else event.id
    return (event.eff, KIND_RANK[event.type], name) < (returned[0], KIND_RANK["merge.expected"], returned[1])
