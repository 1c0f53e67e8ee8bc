"""One partition's decisions: events and timers of many customers, applied in one order as the clock passes them.

The order is (time, events before episode timers before slot releases, …), so the outcome does not depend on how the log
was cut into batches. Pure; the Kafka side is ``streams.decide.task``, the file side ``streams.backtest``.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from schemas.envelope import KIND_RANK, Envelope
from streams.decide import interests, lists, merge, product_news
from streams.decide.alarms import EPISODE_RANK, NEVER, Alarms, Place, earliest_wake, first_place, wake_at
from streams.decide.customer import CustomerFold
from streams.decide.forwarding import Forwarding, Levels
from streams.decide.on_arrival import Arrivals
from streams.decide.product_news import NEWS, News
from streams.decide.profiles import Profiles
from streams.decide.rules import BROADCAST, RULES, Rules
from streams.decide.state import ERASED, PARKED_MAX, STATE_VERSION, CustomerState, decode_state
from streams.decide.watchers import BUCKETS, Watchers
from streams.erasure import is_known
from streams.errors import StateError
from streams.progress import BEGINNING
from streams.reorder import ReorderBuffer, key_of

Key = tuple[Any, ...]
"""Place in the order: (time, 0, rank of kind, event id, offset) or (due, 1 or 2, customer, timer name)."""
MERGES = frozenset({"merge.out", "merge.expected", "merge.in"})
UNLINKED = "identity.unlinked"
"""An identifier is not the customer's any more. It changes nothing here: its events come under another name."""
APART = MERGES | {"customer.erased", UNLINKED}
"""Events that change who is who."""
REARM = "\x00rearm"
"""Event id of a note, parked with a customer, that rules have changed. It is in no log."""
_ALL = 1 << 62


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


class Partition:
    """The fold of one partition of ``customer-events``."""

    def __init__(
        self,
        fetch: Callable[[str], CustomerState | None],
        scan: Callable[[str], Iterator[tuple[str, bytes]]],
        waiting: ReorderBuffer | None = None,
        alarms: Alarms | None = None,
        watchers: Watchers | None = None,
        forwarding: Forwarding | None = None,
        erased: Callable[[str], int | None] = lambda customer: None,
        profiles: Profiles | None = None,
    ) -> None:
        """``erased``: when a customer of whom nothing else is known was erased; None: he was not."""
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
        self.on_accepted: Callable[[Envelope, str], None] = lambda event, fate: None
        """Told each event with its fate: accepted, duplicate, guest, or ignored (of who was erased)."""
        self.alarms = Alarms() if alarms is None else alarms
        self.waits: dict[str, int] = {}
        """Customers who wait for the state of another, or for events that others forward to them, and since when: what
        is theirs from then on is not decided yet."""
        self.ready: list[str] = []
        """A heap of those who may wait no more."""
        self.forwarding = Forwarding() if forwarding is None else forwarding
        self.rearming: tuple[int, str] | None = None
        """Rules have changed: every customer behind this one still has to be armed as of this time."""
        self.news: News | None = None
        """A product has changed: customers of the index behind this place still have to be told."""
        self._scan = scan
        self._waiting = ReorderBuffer() if waiting is None else waiting
        self._arrivals = Arrivals(self.rules, self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def first_waiting(self) -> int | None:
        """The lowest offset in the reorder buffer; None when it is empty."""
        return self._waiting.first_offset()

    @property
    def decided_until(self) -> int:
        """Everything of every customer before this moment is decided."""
        until: int = self.through[0]
        return min(until, self.forwarding.least(), min(self.waits.values(), default=until))

    def take(self, event: Envelope, offset: int) -> None:
        """Accept an event: it waits for the clock, or applies where it is read when the clock has passed it.
        Live, campaigns with ``timing: on_arrival`` have their turn first."""
        if self.fold.live_from is not None:
            self._decide_on_arrival(event, self.fold.live_from)
        if event.type == "merge.in" and "fed_by" in event.data:
            self.forwarding.announced(event)
        if event.eff > self.through[0] or (*key_of(event), offset) > self.through:
            self._wait(event, offset)
        else:
            if self.news is not None:
                self._tell(_ALL)
            if self.rearming is not None:
                self._rearm(_ALL)
            if event.type not in ("merge.in", lists.ANSWER):
                event.eff = max(event.eff, self._clock_of(event))
            self._apply(event)
            self._sound()

    def take_again(self, event: Envelope, offset: int) -> None:
        """Accept an event that was read before a restart: what was applied then is passed over."""
        if (*key_of(event), offset) > self.through:
            self._wait(event, offset)

    def hear(self, number: int, levels: Levels) -> None:
        """A mark of another partition that forwards events to customers here."""
        self.forwarding.heard[number] = levels
        self.look_again()

    def look_again(self) -> None:
        """Find the waiting customers who need not wait any more."""
        most = self.forwarding.most()
        for customer, since in self.waits.items():
            if since < most or not self.states.get(customer).fed_by:
                heapq.heappush(self.ready, customer)

    def _clock_of(self, event: Envelope) -> int:
        """The time before which nothing of the event's customer is to come; what does all the same, counts from it."""
        clock: int = self.through[0]
        customer = event.customer
        if not (self.forwarding.heard or self.waits) or event.type in BROADCAST or customer.startswith("none:"):
            return clock
        state = self.states.get(customer)
        clock = min(clock, self.forwarding.limit(state) - 1)
        if state.returned is not None and _is_before(event, state.returned):
            return clock
        return min(clock, self.waits.get(customer, clock))

    def _wait(self, event: Envelope, offset: int) -> None:
        self._waiting.push(event, offset)
        self._arrivals.wait(event)

    def _decide_on_arrival(self, event: Envelope, live_from: int) -> None:
        now = max(event.eff, self.through[0])
        if now >= live_from and self._arrivals.concerned(event, now):
            state = self.states.change(event.customer)
            self.fold.made += self._arrivals.decide(state, event, now, live_from)

    def advance(self, clock: int, steps: int) -> int:
        """Apply what lies before ``clock``, at most ``steps`` events and timers; the steps taken (fewer: all done)."""
        taken, waiting, alarms, fold = 0, self._waiting, self.alarms, self.fold
        last = clock - 1
        while taken < steps:
            if self.news is not None:
                taken += self._tell(steps - taken)
                continue
            if self.ready:
                self._catch_up_next()
                taken += 1
                continue
            if self.rearming is not None and not self._more_rules(clock):
                taken += self._rearm(steps - taken)
                continue
            alarm_at = alarms.first
            entry = waiting.pop_through(alarm_at if alarm_at < last else last)
            if entry is not None:
                eff, zero, rank, name, _, offset, event = entry
                self.through = (eff, zero, rank, name, offset)
                self._arrivals.leave(event)
                self._apply(event)
            elif alarm_at < clock:
                self._wake()
            else:
                self.through = max(self.through, (clock,))
                return taken
            if fold.alarms:
                self._sound()
            taken += 1
        return taken

    def _apply(self, event: Envelope) -> None:
        kind = event.type
        if kind in BROADCAST:
            if event.id == REARM:
                self._rearm_later(event)
            elif event.id == NEWS:
                self._tell_one(event)
            else:
                self._apply_rules(event)
        elif event.customer.startswith("none:"):
            self.on_accepted(event, "guest")
        elif kind in APART:
            if kind == "customer.erased":
                self._erase(event)
            elif kind != UNLINKED:
                self._merge(event)
        else:
            self._apply_to_customer(event)

    def _apply_to_customer(self, event: Envelope) -> None:
        state = self.states.change(event.customer)
        if state.moved_to is not None:
            if state.moved_to == ERASED:
                self._after_erasure(state, event)
            else:
                self._forward(event, state.moved_to)
        elif state.returned is not None and _is_before(event, state.returned):
            self._forward(event, state.returned[2])
        elif event.type == lists.ANSWER:
            self._hear_answer(state, event)
        elif event.at <= state.forgotten:
            self.on_accepted(event, "ignored")
        elif (self.waits or state.fed_by or state.listed) and self._must_wait(state, event.eff):
            self._park(state, event)
        else:
            self.on_accepted(event, "accepted" if self.fold.apply(state, event) else "duplicate")

    def _hear_answer(self, state: CustomerState, event: Envelope) -> None:
        """A list has answered: the customer need not wait for it any more. One whose message comes with a merge keeps
        the answer until then."""
        if lists.hear(state, event):
            if state.customer in self.waits:
                heapq.heappush(self.ready, state.customer)
        elif state.waits_for or state.arrived:
            self._park(state, event)

    def _erase(self, event: Envelope) -> None:
        """Forget a customer, or a pointer: of who was merged, each name is erased by an order of its own. All that
        goes through him until then goes first."""
        state, fate = self.states.change(event.customer), "accepted"
        if state.passing or self._must_wait(state, event.eff):
            self._park(state, event)
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

    def _forward(self, event: Envelope, customer: str) -> None:
        """An event goes to another customer, here or elsewhere, at its own time."""
        event.customer = customer
        if self.forwarding.is_here(customer):
            self._apply(event)
        else:
            self.outgoing.append(event)

    def _must_wait(self, state: CustomerState, at: int) -> bool:
        """Whether something is missing that has its turn before what this customer does at ``at``."""
        return state.customer in self.waits or at >= self._limit(state)

    def _limit(self, state: CustomerState) -> int:
        """The time from which on something may be missing that the customer has to be told first."""
        limit = self.forwarding.limit(state)
        return min(limit, state.unanswered) if state.listed else limit

    def _apply_rules(self, event: Envelope) -> None:
        if event.type == "catalog.item" and self.rules.knows(event):
            self.on_accepted(event, "duplicate")
            return
        if event.type == "catalog.item":
            self.news = product_news.of(self.rules, event)
        changed = self.rules.apply(event)
        self.kept_rules.append(event)
        self.on_accepted(event, "accepted")
        if changed:
            self.rearming = (event.eff, "")

    def _more_rules(self, clock: int) -> bool:
        """Whether the next event changes rules at the same time again: then customers are armed after it, once."""
        assert self.rearming is not None
        event_at = self._waiting.next_eff()
        return event_at == self.rearming[0] < clock and self._waiting.next_type() in RULES

    def _rearm(self, steps: int) -> int:
        """After new rules: arm the next customers, at most ``steps``; the steps taken (fewer: all done).

        The table may be larger than memory: customers that get no timer and change no segment are not kept.
        """
        assert self.rearming is not None
        now, behind = self.rearming
        new = ((customer, b"") for customer in sorted(self.states.new) if customer > behind)
        taken = 0
        for customer, value in heapq.merge(self._scan(behind), new):
            if taken == steps:
                return taken
            taken += 1
            self.rearming = (now, customer)
            state = self.states.live.get(customer) or decode_state(value)
            if state.moved_to is not None:
                continue
            if self._must_wait(state, now):
                self._park(state, Envelope(REARM, "campaign.published", "campaigns", customer, now, now))
                self.states.replace(state)
            else:
                known, wanted = dict(state.segments), interests.snapshot(state)
                self.fold.rearm(state, now)
                if self.fold.alarms or state.segments != known or interests.snapshot(state) != wanted:
                    self.states.replace(state)
                    self._sound()
        self.rearming = None
        return taken

    def _rearm_later(self, event: Envelope) -> None:
        """Rules changed while the customer waited, and it is his turn now (unless he is another's by now)."""
        state = self.states.change(event.customer)
        if state.moved_to is None:
            self.fold.rearm(state, event.eff)

    def _tell(self, steps: int) -> int:
        """After a product's change: tell the next customers, at most ``steps``; the steps taken (fewer: all done)."""
        assert self.news is not None
        taken, news = 0, self.news
        for number in range(news.bucket, BUCKETS):
            behind = news.behind if number == news.bucket else ""
            for customer in self.watchers.of(news.place, number):
                if customer <= behind:
                    continue
                if taken == steps:
                    return taken
                taken += 1
                self.news = news.reached(number, customer)
                self._tell_one(news.note(customer))
                self._sound()
        self.news = None
        return taken

    def _tell_one(self, note: Envelope) -> None:
        """Tell a customer of a product's change; when he waits, in his turn."""
        state = self.states.get(note.customer)
        if state.moved_to is None and self._must_wait(state, note.eff):
            self._park(self.states.change(note.customer), note)
        elif state.moved_to is None:
            self.fold.tell(state, note)
            if self.fold.alarms:
                self.states.change(note.customer)

    def _wake(self) -> None:
        """Take the next wake: its customer's first timer rings, if it is due by then; what is left sets the next."""
        found = self.alarms.pop()
        if found is None:
            return
        wake, customer = found
        state = self.states.get(customer)
        if wake < state.wake:
            return  # an entry that no longer counts
        place = None if customer in self.waits else first_place(state)
        if place is not None and wake_at(place[0], place[1]) <= wake:
            if (state.fed_by or state.listed) and self._must_wait(state, place[0]):
                self._hold(state, place[0])
            else:
                self.through = place
                self._ring(state, place)
        self.states.dirty[customer] = None
        self._schedule(state)

    def _ring(self, state: CustomerState, place: Place) -> None:
        due, rank, _, name = place
        if rank == EPISODE_RANK:
            self.fold.pop(state, name, due)
        else:
            self.fold.release(state, name, due)

    def _schedule(self, state: CustomerState) -> None:
        """Set the customer's wake from his timers. One who waits is looked at when what he waits for comes."""
        state.wake = NEVER if state.customer in self.waits else earliest_wake(state)
        if state.wake != NEVER:
            self.alarms.push(state.wake, state.customer)

    def _sound(self) -> None:
        """Timers were set: their customers may have to be looked at earlier."""
        for wake, customer in self.fold.alarms:
            state = self.states.live[customer]
            if wake < state.wake and customer not in self.waits:
                state.wake = wake
                self.alarms.push(wake, customer)
        self.fold.alarms.clear()

    def _merge(self, event: Envelope) -> None:
        state = self.states.change(event.customer)
        if state.moved_to == ERASED:
            if event.type == "merge.out":  # the other side waits
                _, carried = merge.leave(CustomerState(STATE_VERSION, state.customer), event)
                self._forward(carried, carried.customer)
        elif event.type == "merge.out":
            self._leave(state, event)
        elif state.moved_to is not None and event.data["from"] != state.moved_to:
            self._pass_on(state, event, state.moved_to)
        elif state.returned is not None and _is_before(event, state.returned):
            self._pass_on(state, event, state.returned[2])
        elif event.type == "merge.in":
            state.arrived.append(event)
            if self._if_arrived(state):
                self.waits[state.customer] = event.eff
                heapq.heappush(self.ready, state.customer)
        elif state.moved_to is None and self._must_wait(state, event.eff):
            self._park(state, event)
        else:
            if state.moved_to is not None:
                state.returned, state.moved_to = (event.eff, event.id, state.moved_to), None
            state.waits_for.append(event.data["merge"])
            self.waits[state.customer] = event.eff
            if self._if_arrived(state) and state.parked:
                self.waits[state.customer] = event.eff
                heapq.heappush(self.ready, state.customer)

    def _leave(self, state: CustomerState, event: Envelope) -> None:
        """The customer becomes a pointer; his state goes to the target, and behind it the states that came for him."""
        if state.moved_to is not None:
            return
        if self._must_wait(state, event.eff):
            self._park(state, event)
            return
        early, state.arrived = state.arrived, []
        interests.leave_all(state, self.watchers)
        self.fold.hide(state)
        pointer, carried = merge.leave(state, event)
        self.states.replace(pointer)
        if pointer.known:
            self.forwarding.sends(carried, pointer)
        self._forward(carried, carried.customer)
        for other in early:
            self._apply(other)

    def _pass_on(self, pointer: CustomerState, event: Envelope, target: str) -> None:
        """A merge with a customer who is another's by now."""
        merge_id = event.data["merge"]
        if merge_id in pointer.passing:
            pointer.passing.remove(merge_id)
            if pointer.customer in self.waits and not pointer.passing:
                heapq.heappush(self.ready, pointer.customer)
        else:
            pointer.passing.append(merge_id)
        event.customer = target
        if event.type == "merge.in" and "fed_by" in event.data:
            self.forwarding.follows(pointer, event)
            self.forwarding.sends(event, pointer)
        self._forward(event, target)

    def _if_arrived(self, state: CustomerState) -> bool:
        """Take over the state that the customer waits for, if it is there."""
        for event in state.arrived:
            if event.data["merge"] in state.waits_for:
                state.arrived.remove(event)
                state.waits_for.remove(event.data["merge"])
                self.waits.pop(state.customer, None)
                if "fed_by" in event.data:
                    self.forwarding.follows(state, event)
                merge.absorb(state, event)
                interests.enter_all(state, self.watchers)
                state.parked = [one for one in state.parked if one.type != lists.ANSWER or not lists.hear(state, one)]
                state.parked += product_news.missed(self.rules, state, event.eff, self.through[0], state.interests)
                self.fold.rearm(state, event.eff)
                self._schedule(state)
                return True
        return False

    def _catch_up_next(self) -> None:
        """Catch up with the next customer who may wait no more, by name: a restart finds them in the same order."""
        customer = heapq.heappop(self.ready)
        since, state = self.waits.get(customer), self.states.get(customer)
        if since is not None and not state.waits_for and since < self._limit(state):
            self._catch_up(self.states.change(customer))
            self._sound()

    def _catch_up(self, state: CustomerState) -> None:
        """Apply what was parked, events and timers in their order, until it is done or the customer waits again."""
        del self.waits[state.customer]
        parked, state.parked = deque(sorted(state.parked, key=key_of)), []
        while (alarm := self._next_alarm(state)) is not None or parked:
            is_event = bool(parked) and (alarm is None or parked[0].eff <= alarm[0])
            at = parked[0].eff if alarm is None or is_event else alarm[0]
            if self._must_wait(state, at):
                state.parked += parked
                self._hold(state, at)
                break
            if alarm is not None and not is_event:
                self._ring(state, alarm)
                continue
            wanted = interests.snapshot(state)
            self._apply(parked.popleft())
            if self.states.get(state.customer) is not state:
                for event in parked:
                    self._apply(event)
                return
            new = [place for place, interest in interests.snapshot(state).items() if wanted.get(place) != interest]
            if new:
                notes = product_news.missed(self.rules, state, at, self.through[0], new)
                parked = deque(sorted([*parked, *notes], key=key_of))
        self._schedule(state)

    def _next_alarm(self, state: CustomerState) -> Place | None:
        first = first_place(state)
        return first if first is not None and first <= self.through else None

    def _park(self, state: CustomerState, event: Envelope) -> None:
        if len(state.parked) >= PARKED_MAX:
            what = f"the merge {state.waits_for[0]}" if state.waits_for else "what merged customers' events name him"
            raise StateError(
                f"Customer {state.customer} waits for {what} with {PARKED_MAX} events parked; "
                "the other partition's worker does not run. Start it, or more memory will not help."
            )
        state.parked.append(event)
        self._hold(state, event.eff)

    def _hold(self, state: CustomerState, since: int) -> None:
        """The customer waits; since the earliest thing that he waits with."""
        self.waits[state.customer] = min(since, self.waits.get(state.customer, since))
        state.wake = NEVER


def _is_before(event: Envelope, returned: tuple[int, str, str]) -> bool:
    """Whether the event has its place before the merge that made a pointer a customer again."""
    name = f"merge.expected/{event.data['merge']}" if event.type == "merge.in" else event.id
    return (event.eff, KIND_RANK[event.type], name) < (returned[0], KIND_RANK["merge.expected"], returned[1])
