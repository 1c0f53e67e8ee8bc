"""Decisions on arrival: a campaign with ``timing: on_arrival`` decides as its event is read, not as the clock comes.

They look at a copy of the customer's state to which his waiting events were applied. What they decided is kept in the
state itself, so that it counts in caps, can be corrected, and is not decided again when the clock gets there. Rules:
docs/semantics.md, "On arrival".
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide import slots
from streams.decide.customer import CustomerFold
from streams.decide.ledger import reserve
from streams.decide.occasions import ARMED_BY
from streams.decide.records import Made
from streams.decide.rules import BROADCAST, Rules, RuleSet
from streams.decide.state import CustomerState, decode_state, encode_state
from streams.reorder import ReorderBuffer, key_of


class Arrivals:
    """The customers' waiting events, and what is decided from them. The index is built when it is first needed."""

    def __init__(self, rules: Rules, buffer: ReorderBuffer) -> None:
        self._rules = rules
        self._buffer = buffer
        self._of: dict[str, list[Envelope]] | None = None

    def wait(self, event: Envelope) -> None:
        """An event goes into the buffer."""
        if self._of is not None and event.type not in BROADCAST:
            self._of.setdefault(event.customer, []).append(event)

    def leave(self, event: Envelope) -> None:
        """An event comes out of it."""
        if self._of is None:
            return
        events = self._of.get(event.customer)
        if events is not None:
            events.remove(event)
            if not events:
                del self._of[event.customer]

    def concerned(self, event: Envelope, now: int) -> bool:
        """Whether a campaign in force at ``now`` would answer the event at once, and memory holds what waits.

        More events than ``ReorderBuffer`` keeps in memory wait after a long stop: then there is no hurry left.
        """
        rules = self._rules.at(now)
        if not rules.on_arrival or not any(
            (event.brand, occasion.name) in rules.on_arrival for occasion in ARMED_BY.get(event.type, ())
        ):
            return False
        if self._buffer.spilled:
            self._of = None
            return False
        return True

    def decide(self, state: CustomerState, event: Envelope, now: int, live_from: int) -> list[Made]:
        """Decide what the event makes due at ``now`` on arrival; remembers it in ``state``, which is not changed
        otherwise. Nothing where the customer waits for a merge or quiet hours: the clock decides that."""
        if state.moved_to is not None or state.waits_for or state.parked:
            return []
        fold, copy = CustomerFold(self._rules), decode_state(encode_state(state))
        fold.live_from = live_from
        for known in sorted([*self._waiting_of(state.customer), event], key=key_of):
            if known.type == "customer.erased" and known.eff <= now:
                return []
            if known.eff <= now and known.at > state.forgotten and not known.type.startswith(("merge.", "identity.")):
                fold.apply(copy, known)
        decided, sent = frozenset(copy.decided), len(copy.sent)
        made = _decide(fold, copy, frozenset(state.timers), now)
        state.decided |= {name: at for name, at in copy.decided.items() if name not in decided}
        state.sent += copy.sent[sent:]
        state.exposures = copy.exposures
        ids = {entry.decision["decision_id"] for entry in made}
        for brand, sends in copy.ledger.items():
            for send in sends:
                if send.id in ids:
                    reserve(state, brand, send)
        return made

    def _waiting_of(self, customer: str) -> list[Envelope]:
        if self._of is None:
            self._of = {}
            for event in self._buffer.in_memory():
                self.wait(event)
        return self._of.get(customer, [])


def _decide(fold: CustomerFold, copy: CustomerState, known: frozenset[str], now: int) -> list[Made]:
    """Let the timers that ``known`` does not have come due, if they are of campaigns that decide on arrival."""
    rules = fold.rules.at(now)
    due = sorted(name for name, at in copy.timers.items() if at <= now and name not in known and _at_once(rules, name))
    fold.made.clear()
    copy.slots = {}
    for name in due:
        fold.pop(copy, name, now)
    view = fold.view(copy, now)
    for name in sorted(copy.slots):
        if not copy.slots[name].moved:
            slots.release(fold, view, name, at_once=True)
    return [made for made in fold.made if made.decision["outcome"] != "held"]


def _at_once(rules: RuleSet, name: str) -> bool:
    campaign = rules.campaigns.get(name.split("|")[1])
    return campaign is not None and campaign.campaign.timing == "on_arrival"
