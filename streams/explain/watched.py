"""The fold of one customer, watched: what was told of him, which episodes ended without a record, and why.

It is the partition's own fold with all other customers left out: nobody's decisions depend on another's. Customers who
become this one through a merge belong to him; they are found on the way, so that a source may have to be read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from schemas.envelope import Envelope
from streams.decide.customer import CustomerFold
from streams.decide.forwarding import Forwarding
from streams.decide.occasions import OCCASIONS
from streams.decide.partition import Partition
from streams.decide.rules import BROADCAST, Rules
from streams.decide.state import CustomerState
from streams.decide.view import View

WITHDRAWN = "The campaign was withdrawn, or no longer has this step or brand."
LOOK = "/look"
"""End of the names of timers that only look whether something has changed."""
SILENT = "What it counted from has changed, or is not what the campaign's options mean."


class Ended(NamedTuple):
    """An episode that was armed and ended without a decision record."""

    at: int
    customer: str
    brand: str
    campaign: str
    episode: str
    step: int
    why: str


class WatchedFold(CustomerFold):
    """Notes which episodes end silently."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.ended: list[Ended] = []

    def pop(self, state: CustomerState, name: str, now: int) -> None:
        """See CustomerFold."""
        before = len(self.made)
        super().pop(state, name, now)
        brand, campaign, episode, step = name.split("|")
        waits = any(
            (c.brand, c.campaign, c.episode, c.step) == (brand, campaign, episode, int(step))
            for slot in state.slots.values()
            for c in slot.candidates
        )
        if len(self.made) == before and name not in state.timers and not waits and not episode.endswith(LOOK):
            why = self._why(self.view(state, now), brand, campaign, int(step))
            self.ended.append(Ended(now, state.customer, brand, campaign, episode, int(step), why))

    def _why(self, view: View, brand: str, campaign: str, step: int) -> str:
        compiled = view.rules.campaigns.get(campaign)
        if compiled is None or brand not in compiled.campaign.brands or step > len(compiled.afters):
            return WITHDRAWN
        return OCCASIONS[compiled.occasion].missing(view, compiled, brand) or SILENT


class Watched(Partition):
    """A partition that takes no notice of anybody but ``wanted``, and of rules and catalogue."""

    def __init__(
        self, wanted: frozenset[str], folded: frozenset[str] | None = None, forwarding: Forwarding | None = None
    ) -> None:
        """``folded``: those of ``wanted`` who are folded; all. ``forwarding``: who is elsewhere; nobody."""
        super().__init__(lambda _: None, lambda _: iter(()), forwarding=forwarding)
        self.fold: WatchedFold = WatchedFold(self.rules)
        self.fold.watchers = self.watchers
        self.wanted, self._folded = wanted, wanted if folded is None else folded
        self.told: dict[tuple[str, str], Envelope] = {}
        """(type, event id) -> the wanted customers' events, as they came first."""
        self.became: dict[str, str] = {}
        """Customers who were merged -> into whom, of all customers that were read of."""

    def take(self, event: Envelope, offset: int) -> None:
        """See Partition."""
        if event.type in BROADCAST:
            super().take(event, offset)
            return
        self.note(event)
        if event.customer in self._folded:
            super().take(event, offset)

    def note(self, event: Envelope) -> None:
        """Remember an event for the timeline, and who became whom."""
        if event.type == "merge.out":
            self.became[event.customer] = event.data["to"]
        elif event.type == "merge.expected":
            self.became[event.data["from"]] = event.customer
        if event.customer in self.wanted:
            self.told.setdefault((event.type, event.id), msgspec.structs.replace(event))

    def state_of(self, customer: str) -> CustomerState | None:
        """The state as it is now; None: nobody of that name was seen."""
        return self.states.live.get(customer)


def survivor(customer: str, became: Mapping[str, str]) -> str:
    """Whom the customer is part of in the end."""
    seen = {customer}
    while customer in became and became[customer] not in seen:
        customer = became[customer]
        seen.add(customer)
    return customer


def family(customer: str, became: Mapping[str, str]) -> frozenset[str]:
    """Everybody who is part of the same customer in the end, he included."""
    last = survivor(customer, became)
    return frozenset({customer, last, *(each for each in became if survivor(each, became) == last)})
