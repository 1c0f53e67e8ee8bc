"""Section "Who": which customer each event belongs to, and when one customer's history becomes another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.envelope import KIND_RANK
from tests.oracle.history import PROFILE_TYPES, Event

STRENGTH = (("email_hash", "email"), ("loyalty_card_id", "card"), ("device_id", "device"), ("anonymous_id", "anon"))
"""Identifiers, strongest first, with the prefix of the unknown customer that each names."""
FIELDS = dict(STRENGTH)
PAST_MAX = 20
LINKING_TYPES = ("customer.identified", "order.placed", "pos.receipt")


@dataclass(frozen=True)
class Belongs:
    """An event applies to a customer; None: to nobody."""

    event: Event
    customer: str | None


@dataclass(frozen=True)
class Becomes:
    """From ``now`` on the whole history of ``source`` is the one of ``target``."""

    now: int
    source: str
    target: str


Step = Belongs | Becomes


def identifiers(record: Mapping[str, Any]) -> list[str]:
    """The unknown customers that an event's identifiers name, strongest first."""
    return [f"{prefix}:{record[name]}" for name, prefix in STRENGTH if record.get(name)]


def links_of(event: Event) -> list[str]:
    """The identifiers that an event gives to its ``customer_id``."""
    record = event.record
    if event.type in LINKING_TYPES and record.get("customer_id"):
        return identifiers(record)
    if event.type in PROFILE_TYPES:
        points = record.get("contact_points", ())
        hashes = [point["hash"] for point in points if point["channel"] == "email" and point.get("hash")]
        return [f"card:{card}" for card in record.get("loyalty_cards", ())] + [f"email:{value}" for value in hashes]
    return []


class Registry:
    """Who owns which identifier, and which CRM customer was merged into which."""

    def __init__(self) -> None:
        self.owner: dict[str, str] = {}
        self.merged_into: dict[str, str] = {}
        self.was_merged: set[str] = set()
        self.given_by: dict[str, tuple[int, str]] = {}
        """(at, event id) of the latest link or unlinking of each identifier."""
        self.given_to: dict[str, set[str]] = {}
        """Customer -> every identifier that was ever given to him, by the id under which it was."""
        self.same: dict[str, frozenset[str]] = {}
        """CRM customer -> all who are the same."""
        self.erased: set[str] = set()
        self.erased_at: dict[str, int] = {}
        """Identifier -> when it was erased: what happened until then is left out while it belongs to nobody else."""
        self.unlinked: dict[str, int] = {}
        """How often each identifier was unlinked."""
        self.past: dict[str, list[tuple[int, str]]] = {}
        """Identifier -> (until when, whose it was) of its unlinkings, oldest first."""
        self.visited: set[str] = set()
        """Unknown customers who had an event."""

    def unknown(self, name: str) -> str:
        """The unknown customer whose an identifier is that belongs to nobody: another one after each unlinking."""
        return _unknown(name, self.unlinked.get(name, 0))

    def survivor(self, customer: str) -> str:
        """The CRM customer that goes on for this one."""
        while customer in self.merged_into:
            customer = self.merged_into[customer]
        return customer

    def customer_of(self, event: Event) -> str | None:
        """The customer an event belongs to now."""
        if event.record.get("customer_id"):
            known = event.record["customer_id"]
            return None if known in self.erased else self.survivor(known)
        names = identifiers(event.record)
        if not names:
            return None
        before = [owner for until, owner in self.past.get(names[0], ()) if event.at <= until]
        owner = before[0] if before else self.owner.get(names[0], self.unknown(names[0]))
        if ":" not in owner:
            return self.survivor(owner)
        if event.at <= self.erased_at.get(owner, -1):
            return None
        self.visited.add(owner)
        return owner

    def link(self, event: Event) -> list[Becomes]:
        """Give the event's identifiers to its customer, unless a later link spoke; the first brings a history along.

        Several identifiers of one event go in the order of their names.
        """
        if event.record["customer_id"] in self.erased:
            return []
        customer = self.survivor(event.record["customer_id"])
        steps: list[Becomes] = []
        for name in sorted(links_of(event)):
            if (event.at, event.id) <= self.given_by.get(name, (-1, "")):
                continue
            if name not in self.owner:
                steps.append(Becomes(event.eff, self.unknown(name), customer))
            self.owner[name], self.given_by[name] = customer, (event.at, event.id)
            self.given_to.setdefault(event.record["customer_id"], set()).add(self.unknown(name))
        return steps

    def unlink(self, event: Event) -> None:
        """An identifier is not the customer's any more; what happened until then stays his."""
        name = f"{FIELDS[event.record['identifier']]}:{event.record['value']}"
        if self.owner.get(name) not in self.family(event.record["customer_id"]):
            return
        if (event.at, event.id) <= self.given_by[name]:
            return
        self.past[name] = [*self.past.get(name, []), (event.at, self.owner.pop(name))][-PAST_MAX:]
        self.unlinked[name] = self.unlinked.get(name, 0) + 1
        self.visited.discard(self.unknown(name))
        self.given_by[name] = (event.at, event.id)

    def family(self, customer: str) -> frozenset[str]:
        """Everybody whom orders of the CRM made the same as this customer."""
        return self.same.get(customer, frozenset({customer}))

    def erase(self, event: Event) -> list[str]:
        """All who are the same are erased for good; what was ever given to them belongs to nobody, unless it has gone
        to somebody else. The unknown customers who go with them."""
        gone = self.family(event.record["customer_id"])
        self.erased |= gone
        given = {name for customer in gone for name in self.given_to.pop(customer, ())}
        freed = {plain for unknown in given for plain in self._free(unknown, gone)}
        for name in given | freed:
            self.erased_at[name] = max(event.at, self.erased_at.get(name, event.at))
        return sorted(given | freed)

    def _free(self, unknown: str, gone: frozenset[str]) -> list[str]:
        """Take an identifier from the erased. One that was unlinked, and is of nobody else in any time, begins anew
        under its own name."""
        kind, value = unknown.split(":", 1)
        name = f"{kind.split('~')[0]}:{value}"
        if self.owner.get(name) in gone:
            del self.owner[name], self.given_by[name]
            self.visited.discard(self.unknown(name))
        if name not in self.past:
            return []
        first = self.unlinked[name] - len(self.past[name])
        self.past[name] = [
            (until, _unknown(name, first + number) if owner in gone else owner)
            for number, (until, owner) in enumerate(self.past[name])
        ]
        left = [owner for _, owner in self.past[name] if ":" not in owner]
        if left or name in self.owner or self.unknown(name) in self.visited:
            return []
        del self.past[name], self.unlinked[name]
        self.given_by.pop(name, None)
        self.visited.discard(name)
        return [name]

    def merge(self, event: Event) -> list[Becomes]:
        """A CRM order makes one customer of two. Of several for one merged id the first counts; in a circle the one who
        had been merged into the merged id itself takes all."""
        target, source = event.record["customer_id"], event.record["merged_id"]
        if source in self.was_merged or source == target or {source, target} & self.erased:
            return []
        both = self.family(source) | self.family(target)
        self.same |= dict.fromkeys(both, both)
        self.was_merged.add(source)
        if self.survivor(target) == source:
            last = target
            while self.merged_into[last] != source:
                last = self.merged_into[last]
            del self.merged_into[last]
        self.merged_into[source] = target
        return [Becomes(event.eff, source, self.survivor(target))]


def _unknown(name: str, times: int) -> str:
    kind, value = name.split(":", 1)
    return f"{kind}~{times}:{value}" if times else name


def resolved(events: Sequence[Event]) -> Iterable[Step]:
    """Events with their customers, and the moments at which histories move.

    A link counts from its event's ``eff`` at the rank of ``identity.link``, so before what happens at the same time.
    """
    moments = [(event.order, 1, event) for event in events]
    moments += [((event.eff, KIND_RANK["identity.link"], event.id), 0, event) for event in events if links_of(event)]
    registry = Registry()
    for _, part, event in sorted(moments, key=lambda moment: moment[:2]):
        if part == 0:
            yield from registry.link(event)
            continue
        if event.type == "customer.merged":
            yield from registry.merge(event)
        if event.type == "customer.unlinked":
            registry.unlink(event)
        yield Belongs(event, registry.customer_of(event))
        if event.type == "customer.erased":
            for name in registry.erase(event):
                yield Belongs(event, name)
