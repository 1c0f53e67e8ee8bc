"""Section "Who": which customer each event belongs to, and when one customer's history becomes another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.envelope import KIND_RANK
from tests.oracle.history import PROFILE_TYPES, Event

STRENGTH = (("email_hash", "email"), ("loyalty_card_id", "card"), ("device_id", "device"), ("anonymous_id", "anon"))
"""Identifiers, strongest first, with the prefix of the unknown customer that each names."""
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
        """(at, event id) of the latest link of each identifier."""
        self.given_to: dict[str, set[str]] = {}
        """Customer -> every identifier that was ever given to him, by the id under which it was."""
        self.same: dict[str, frozenset[str]] = {}
        """CRM customer -> all who are the same."""
        self.erased: set[str] = set()
        self.erased_at: dict[str, int] = {}
        """Identifier -> when it was erased: what happened until then is left out while it belongs to nobody else."""

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
        owner = self.owner.get(names[0])
        if owner is None and event.at <= self.erased_at.get(names[0], -1):
            return None
        return names[0] if owner is None else self.survivor(owner)

    def link(self, event: Event) -> list[Becomes]:
        """Give the event's identifiers to its customer, unless a later link spoke; the first brings a history along.

        Several identifiers of one event go in the order of their names.
        """
        if event.record["customer_id"] in self.erased:
            return []
        customer = self.survivor(event.record["customer_id"])
        steps: list[Becomes] = []
        for name in sorted(links_of(event)):
            if name not in self.owner:
                steps.append(Becomes(event.eff, name, customer))
            if (event.at, event.id) > self.given_by.get(name, (-1, "")):
                self.owner[name], self.given_by[name] = customer, (event.at, event.id)
                self.given_to.setdefault(event.record["customer_id"], set()).add(name)
        return steps

    def family(self, customer: str) -> frozenset[str]:
        """Everybody whom orders of the CRM made the same as this customer."""
        return self.same.get(customer, frozenset({customer}))

    def erase(self, event: Event) -> None:
        """All who are the same are erased for good; what was ever given to them belongs to nobody, unless it has gone
        to somebody else."""
        gone = self.family(event.record["customer_id"])
        self.erased |= gone
        for name in {name for customer in gone for name in self.given_to.get(customer, ())}:
            self.erased_at[name] = max(event.at, self.erased_at.get(name, event.at))
            if self.owner.get(name) in gone:
                del self.owner[name], self.given_by[name]

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
        yield Belongs(event, registry.customer_of(event))
        if event.type == "customer.erased":
            registry.erase(event)
