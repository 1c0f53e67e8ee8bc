"""News of a product on their way to the customers who are interested in it, bucket by bucket of the index.

A popular product's change is worked off in slices, like new rules: nothing else is applied before all have been told,
and how far it got is in the position record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.envelope import Envelope
from streams.decide.occasions.by_catalogue import concerned
from streams.decide.rules import Rules, item_of
from streams.decide.state import CustomerState

NEWS = "\x00news"
"""Event id of a note to one customer that a product has changed. It is in no log."""


class News(NamedTuple):
    """A change at logical time ``now``, and the last customer who was told of it."""

    now: int
    place: str
    """``brand|product``."""
    occasions: list[str]
    """Names of the occasions that it concerns."""
    bucket: int = 0
    behind: str = ""

    def reached(self, bucket: int, customer: str) -> News:
        """The same, with this customer told."""
        return self._replace(bucket=bucket, behind=customer)

    def note(self, customer: str) -> Envelope:
        """The note for one customer."""
        brand, _, product = self.place.partition("|")
        note = Envelope(NEWS, "catalog.item", "catalog", customer, self.now, self.now, brand=brand)
        note.data = {"product": product, "occasions": self.occasions}
        return note


def of(rules: Rules, event: Envelope) -> News | None:
    """The news in a catalogue event that is not applied yet; None: they concern nobody."""
    in_force = rules.at(event.eff)
    if event.brand not in in_force.watched:
        return None
    product = event.data["product"]
    before = rules.item(event.brand, product, event.eff)
    names = concerned(in_force, event.brand, before, item_of(event))
    return News(event.eff, f"{event.brand}|{product}", names) if names else None


def missed(rules: Rules, state: CustomerState, since: int, through: int, places: Iterable[str]) -> list[Envelope]:
    """Notes to a customer of what changed after ``since`` at ``places``: nobody knew yet that they interest him."""
    notes = []
    for place in sorted(places):
        brand, _, product = place.partition("|")
        before = None
        for at, after in rules.versions(brand, product, through):
            names = concerned(rules.at(at), brand, before, after) if at > since else []
            if names:
                notes.append(News(at, place, names).note(state.customer))
            before = after
    return notes
