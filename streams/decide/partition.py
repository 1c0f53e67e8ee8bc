"""One partition's decisions: events and timers of many customers, applied in one order as the clock passes them.

The order is (time, events before episode timers before slot releases, …), so the outcome does not depend on how the log
was cut into batches. Pure; the Kafka side is ``streams.decide.task``, the file side ``streams.backtest``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from schemas.envelope import Envelope
from streams.decide import interests, lists, product_news
from streams.decide.alarms import EPISODE_RANK, NEVER, Alarms, Place, earliest_wake, first_place, wake_at
from streams.decide.customer import CustomerFold
from streams.decide.forwarding import Forwarding, Levels
from streams.decide.merging import Merging, is_before
from streams.decide.on_arrival import Arrivals
from streams.decide.profiles import Profiles
from streams.decide.rules import BROADCAST, RULES, Rules
from streams.decide.state import ERASED, STATE_VERSION, CustomerState
from streams.decide.states import States
from streams.decide.telling import Telling
from streams.decide.waiting import Waiting
from streams.decide.watchers import Watchers
from streams.erasure import is_known
from streams.progress import BEGINNING
from streams.reorder import KEPT, ReorderBuffer, key_of

Key = tuple[Any, ...]
"""Place in the order: (time, 0, rank of kind, event id, offset) or (due, 1 or 2, customer, timer name)."""
MERGES = frozenset({"merge.out", "merge.expected", "merge.in"})
UNLINKED = "identity.unlinked"
"""An identifier is not the customer's any more. It changes nothing here: its events come under another name."""
APART = MERGES | {"customer.erased", UNLINKED}
"""Events that change who is who."""
PLANNED_MS = 60_000
"""Rules that come into force later than in so long are kept with the state until then, and not read again."""
_ALL = 1 << 62


class Partition:
    """The fold of one partition of ``customer-events``."""

    def __init__(
        self,
        fetch: Callable[[str], CustomerState | None],
        scan: Callable[[str], Iterator[tuple[str, bytes]]],
        buffer: ReorderBuffer | None = None,
        alarms: Alarms | None = None,
        watchers: Watchers | None = None,
        forwarding: Forwarding | None = None,
        erased: Callable[[str], int | None] = lambda customer: None,
        profiles: Profiles | None = None,
    ) -> None:
        """``fetch`` and ``scan``: customers' states in the table; ``erased``: when a customer of whom nothing else is
        known was erased; None: he was not."""
        self.rules = Rules()
        self.watchers = Watchers() if watchers is None else watchers
        self.fold = CustomerFold(self.rules)
        self.fold.watchers = self.watchers
        self.profiles = Profiles() if profiles is None else profiles
        self.fold.profiles = self.profiles
        self.states = States(fetch, erased)
        self.through: Key = (BEGINNING,)
        """Everything at or before this place has been applied."""
        self.outgoing: list[Envelope] = []
        """Events for other partitions (merged states, forwarded events) since it was last emptied."""
        self.kept_rules: list[Envelope] = []
        """Rules and catalogue events applied since it was last emptied: they belong to the state."""
        self.planned: dict[str, None] = {}
        """Ids of kept rules that are not in force yet."""
        self.on_accepted: Callable[[Envelope, str], None] = lambda event, fate: None
        """Told each event with its fate: accepted, duplicate, guest, or ignored (of who was erased)."""
        self.alarms = Alarms() if alarms is None else alarms
        self.forwarding = Forwarding() if forwarding is None else forwarding
        self.waiting = Waiting(self.forwarding, self.states.get)
        self.telling = Telling(self, scan)
        self._merging = Merging(self)
        self._buffer = ReorderBuffer() if buffer is None else buffer
        self._arrivals = Arrivals(self.rules, self._buffer)

    def __len__(self) -> int:
        return len(self._buffer)

    def first_waiting(self) -> int | None:
        """The lowest offset in the reorder buffer; None when it is empty."""
        return self._buffer.first_offset()

    @property
    def decided_until(self) -> int:
        """Everything of every customer before this moment is decided."""
        until: int = self.through[0]
        return min(until, self.forwarding.least(), min(self.waiting.since.values(), default=until))

    def take(self, event: Envelope, offset: int) -> None:
        """Accept an event: it waits for the clock, or applies where it is read when the clock has passed it.
        Live, campaigns with ``timing: on_arrival`` have their turn first."""
        if self.fold.live_from is not None:
            self._decide_on_arrival(event, self.fold.live_from)
        if event.type == "merge.in" and "fed_by" in event.data:
            self.forwarding.announced(event)
        if event.type in RULES and event.eff > self.through[0] + PLANNED_MS:
            self._plan(event)
        elif event.eff > self.through[0] or (*key_of(event), offset) > self.through:
            self._wait(event, offset)
        else:
            if self.telling.news is not None:
                self.telling.tell(_ALL)
            if self.telling.rearming is not None:
                self.telling.rearm(_ALL)
            if event.type not in ("merge.in", lists.ANSWER):
                event.eff = max(event.eff, self._clock_of(event))
            self.apply(event)
            self.sound()

    def take_again(self, event: Envelope, offset: int) -> None:
        """Accept an event that was read before a restart: what was applied then is passed over."""
        if event.id not in self.planned and (*key_of(event), offset) > self.through:
            self._wait(event, offset)

    def _plan(self, event: Envelope) -> None:
        if event.id in self.planned:
            self.on_accepted(event, "duplicate")
        else:
            self.kept_rules.append(event)
            self.plan_again(event)

    def plan_again(self, event: Envelope) -> None:
        """Rules that were kept, and are not in force yet."""
        self.planned[event.id] = None
        self._wait(event, KEPT)

    def hear(self, number: int, levels: Levels) -> None:
        """A mark of another partition that forwards events to customers here."""
        self.forwarding.heard[number] = levels
        self.waiting.look_again()

    def _clock_of(self, event: Envelope) -> int:
        """The time before which nothing of the event's customer is to come; what does all the same, counts from it."""
        clock: int = self.through[0]
        customer = event.customer
        if not (self.forwarding.heard or self.waiting) or event.type in BROADCAST or customer.startswith("none:"):
            return clock
        state = self.states.get(customer)
        clock = min(clock, self.forwarding.limit(state) - 1)
        if state.returned is not None and is_before(event, state.returned):
            return clock
        return min(clock, self.waiting.since.get(customer, clock))

    def _wait(self, event: Envelope, offset: int) -> None:
        self._buffer.push(event, offset)
        self._arrivals.wait(event)

    def _decide_on_arrival(self, event: Envelope, live_from: int) -> None:
        now = max(event.eff, self.through[0])
        if now >= live_from and self._arrivals.concerned(event, now):
            state = self.states.change(event.customer)
            self.fold.made += self._arrivals.decide(state, event, now, live_from)

    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before ``clock``, at most ``steps`` events and timers; the steps taken (fewer: all done)."""
        taken, buffer, alarms, fold = 0, self._buffer, self.alarms, self.fold
        telling, waiting = self.telling, self.waiting
        last = clock - 1
        while taken < steps:
            if telling.news is not None:
                taken += telling.tell(steps - taken)
                continue
            if waiting.ready:
                self._catch_up_next()
                taken += 1
                continue
            if telling.rearming is not None and not self._more_rules(telling.rearming[0], clock):
                taken += telling.rearm(steps - taken)
                continue
            alarm_at = alarms.first
            entry = buffer.pop_through(alarm_at if alarm_at < last else last)
            if entry is not None:
                eff, zero, rank, name, _, offset, event = entry
                self.through = (eff, zero, rank, name, offset)
                self._arrivals.leave(event)
                self.apply(event)
            elif alarm_at < clock:
                self._wake()
            else:
                self.through = max(self.through, (clock,))
                return taken
            if fold.alarms:
                self.sound()
            taken += 1
        return taken

    def _more_rules(self, now: int, clock: int) -> bool:
        """Whether the next event changes rules at the same time again: then customers are armed after it, once."""
        return self._buffer.next_eff() == now < clock and self._buffer.next_type() in RULES

    def apply(self, event: Envelope) -> None:
        """Apply an event at its effective time: to everybody, to its customer, or where he has gone."""
        kind = event.type
        if kind in BROADCAST:
            self.telling.apply(event)
        elif event.customer.startswith("none:"):
            self.on_accepted(event, "guest")
        elif kind in APART:
            if kind == "customer.erased":
                self._erase(event)
            elif kind != UNLINKED:
                self._merging.apply(event)
        else:
            self._apply_to_customer(event)

    def _apply_to_customer(self, event: Envelope) -> None:
        state = self.states.change(event.customer)
        if state.moved_to is not None:
            if state.moved_to == ERASED:
                self._after_erasure(state, event)
            else:
                self.forward(event, state.moved_to)
        elif state.returned is not None and is_before(event, state.returned):
            self.forward(event, state.returned[2])
        elif event.type == lists.ANSWER:
            self._hear_answer(state, event)
        elif event.at <= state.forgotten:
            self.on_accepted(event, "ignored")
        elif (self.waiting.since or state.fed_by or state.listed) and self.waiting.must(state, event.eff):
            self.waiting.park(state, event)
        else:
            self.on_accepted(event, "accepted" if self.fold.apply(state, event) else "duplicate")

    def _hear_answer(self, state: CustomerState, event: Envelope) -> None:
        """A list has answered: the customer need not wait for it any more. One whose message comes with a merge keeps
        the answer until then."""
        if lists.hear(state, event):
            if state.customer in self.waiting.since:
                self.waiting.may_go_on(state.customer)
        elif state.waits_for or state.arrived:
            self.waiting.park(state, event)

    def _erase(self, event: Envelope) -> None:
        """Forget a customer, or a pointer: of who was merged, each name is erased by an order of its own. All that
        goes through him until then goes first."""
        state, fate = self.states.change(event.customer), "accepted"
        if state.passing or self.waiting.must(state, event.eff):
            self.waiting.park(state, event)
            return
        if state.moved_to == ERASED:
            fate = "duplicate"
            if event.at > state.forgotten:
                state.forgotten = self.states.erasures[event.customer] = event.at
        else:
            if state.moved_to is None:
                self.fold.end(state, event)
            self.states.erase(event.customer, max(event.at, state.forgotten))
        if event.source != "identity":
            self.on_accepted(event, fate)

    def _after_erasure(self, state: CustomerState, event: Envelope) -> None:
        """An erased id stays erased; an identifier may be used again, for what happens from then on."""
        if event.type == lists.ANSWER:
            return
        if is_known(state.customer) or event.at <= state.forgotten:
            self.on_accepted(event, "ignored")
        else:
            self.states.begin(CustomerState(STATE_VERSION, state.customer, forgotten=state.forgotten))
            self._apply_to_customer(event)

    def forward(self, event: Envelope, customer: str) -> None:
        """An event goes to another customer, here or elsewhere, at its own time."""
        event.customer = customer
        if self.forwarding.is_here(customer):
            self.apply(event)
        else:
            self.outgoing.append(event)

    def _catch_up_next(self) -> None:
        customer = self.waiting.next_ready()
        if customer is not None:
            self._catch_up(self.states.change(customer))
            self.sound()

    def _catch_up(self, state: CustomerState) -> None:
        """Apply what was parked, events and timers in their order, until it is done or the customer waits again."""
        del self.waiting.since[state.customer]
        parked, state.parked = deque(sorted(state.parked, key=key_of)), []
        while (alarm := self._next_alarm(state)) is not None or parked:
            is_event = bool(parked) and (alarm is None or parked[0].eff <= alarm[0])
            at = parked[0].eff if alarm is None or is_event else alarm[0]
            if self.waiting.must(state, at):
                state.parked += parked
                self.waiting.hold(state, at)
                break
            if alarm is not None and not is_event:
                self._ring(state, alarm)
                continue
            wanted = interests.snapshot(state)
            self.apply(parked.popleft())
            if self.states.get(state.customer) is not state:
                for event in parked:
                    self.apply(event)
                return
            new = [place for place, interest in interests.snapshot(state).items() if wanted.get(place) != interest]
            if new:
                notes = product_news.missed(self.rules, state, at, self.through[0], new)
                parked = deque(sorted([*parked, *notes], key=key_of))
        self.schedule(state)

    def _next_alarm(self, state: CustomerState) -> Place | None:
        first = first_place(state)
        return first if first is not None and first <= self.through else None

    def _wake(self) -> None:
        """Take the next wake: its customer's first timer rings, if it is due by then; what is left sets the next."""
        found = self.alarms.pop()
        if found is None:
            return
        wake, customer = found
        state = self.states.get(customer)
        if wake < state.wake:
            return  # an entry that no longer counts
        place = None if customer in self.waiting.since else first_place(state)
        if place is not None and wake_at(place[0], place[1]) <= wake:
            if (state.fed_by or state.listed) and self.waiting.must(state, place[0]):
                self.waiting.hold(state, place[0])
            else:
                self.through = place
                self._ring(state, place)
        self.states.dirty[customer] = None
        self.schedule(state)

    def _ring(self, state: CustomerState, place: Place) -> None:
        due, rank, _, name = place
        if rank == EPISODE_RANK:
            self.fold.pop(state, name, due)
        else:
            self.fold.release(state, name, due)

    def schedule(self, state: CustomerState) -> None:
        """Set the customer's wake from his timers. One who waits is looked at when what he waits for comes."""
        state.wake = NEVER if state.customer in self.waiting.since else earliest_wake(state)
        if state.wake != NEVER:
            self.alarms.push(state.wake, state.customer)

    def sound(self) -> None:
        """Timers were set: their customers may have to be looked at earlier."""
        for wake, customer in self.fold.alarms:
            state = self.states.live[customer]
            if wake < state.wake and customer not in self.waiting.since:
                state.wake = wake
                self.alarms.push(wake, customer)
        self.fold.alarms.clear()
