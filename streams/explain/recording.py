"""What an explanation rests on, read from any source: events, decisions as recorded, and the fold over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.base import rfc3339
from schemas.envelope import Envelope
from streams.decide.rules import RuleSet
from streams.decide.state import STATE_VERSION, CustomerState
from streams.explain.watched import Ended, Watched, family, survivor
from streams.reorder import key_of

Decision = dict[str, Any]
READS_MAX = 20
"""Most times that a source is read for one customer; merges are found one link of a chain at a time."""


@dataclass
class Recording:
    """One customer as a source tells him, up to a moment."""

    asked: str
    customer: str
    """Whom the one asked for is now."""
    origin: str
    """Where it was read, in words."""
    until: int
    """Everything before it is known (exclusive)."""
    fold: Watched
    decisions: list[Decision]
    """What the fold decided, in order."""
    recorded: list[Decision] | None
    """What was recorded; None: the source keeps no decisions."""
    begins: int | None = None
    """Records before this time are gone; None: it is whole."""

    @property
    def now(self) -> int:
        """The last moment that is known."""
        return self.until - 1

    @property
    def state(self) -> CustomerState:
        """The customer's state now."""
        return self.fold.state_of(self.customer) or CustomerState(STATE_VERSION, self.customer)

    @property
    def rules(self) -> RuleSet:
        """The rules in force now."""
        return self.fold.rules.at(self.now)

    @property
    def events(self) -> list[Envelope]:
        """The events of the customer and of those who became him, in order; of a merge, when it took whom away."""
        carriers = ("merge.in", "merge.expected")
        told = (event for event in self.fold.told.values() if event.eff < self.until and event.type not in carriers)
        return sorted(told, key=key_of)

    @property
    def ended(self) -> list[Ended]:
        """Episodes that ended without a record."""
        return self.fold.fold.ended

    @property
    def merged(self) -> Mapping[str, str]:
        """Who became whom, of those who are this customer now."""
        return {old: new for old, new in self.fold.became.items() if old in self.fold.wanted}

    @property
    def unlinked(self) -> list[tuple[str, int, str]]:
        """(identifier, since when it is not the customer's, whose it is since) for each that the CRM took from him."""
        found = [event for event in self.events if event.type == "identity.unlinked"]
        return [(event.data["identifier"], event.at, event.data["unknown"]) for event in found]

    @property
    def shown(self) -> list[Decision]:
        """The decisions to explain: as recorded, else as folded."""
        return self.decisions if self.recorded is None else self.recorded


def settled(customer: str, read: Callable[[frozenset[str]], Watched]) -> tuple[str, Watched]:
    """Read a source until everybody who became the customer is known; his name now, and the fold."""
    wanted = frozenset({customer})
    for _ in range(READS_MAX):
        fold = read(wanted)
        found = family(customer, fold.became)
        if found <= wanted:
            break
        wanted |= found
    return survivor(customer, fold.became), fold


def until_of(rows: Iterable[Decision], wanted: frozenset[str], until: int) -> list[Decision]:
    """Recorded decisions of these customers before a moment, each record once, in the order of their times."""
    end = rfc3339(until)
    found = {
        (row["decision_id"], row["outcome"], row["decided_at"]): row
        for row in rows
        if row["customer_id"] in wanted and row["decided_at"] < end
    }
    return sorted(found.values(), key=lambda row: str(row["decided_at"]))


def made_by(fold: Watched) -> list[Decision]:
    """What the fold has decided since it was last asked."""
    decisions = [made.decision for made in fold.fold.made]
    fold.fold.made.clear()
    return decisions


def fold_in_order(events: Iterable[Envelope], wanted: frozenset[str], until: int, live_from: int | None) -> Watched:
    """The fold over events of any partitions in one; the merges' states are made on the way, not read."""
    fold = Watched(wanted)
    for event in events:
        if event.type != "merge.in":
            fold.take(event, 0)
    fold.fold.live_from = live_from
    fold.advance(until, 1 << 62)
    return fold
