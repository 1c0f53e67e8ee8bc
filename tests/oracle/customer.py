"""What is remembered of one customer: events and decisions. Facts are recomputed from the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from schemas.campaigns import OPTIONS, Campaign
from schemas.capacity import CapacityList
from tests.oracle.carts import Cart, cart_of
from tests.oracle.history import Absorbed, Event, without_duplicates
from tests.oracle.profiles import Profile
from tests.oracle.purchases import Purchase, purchases_of

CRM_SEPARATOR = ":"
"""Customers not yet known have it in their names, CRM ids have not."""


class Key(NamedTuple):
    """What is decided once. ``brand`` is the brand the message speaks for."""

    campaign: str
    episode: str
    step: int
    brand: str


@dataclass(frozen=True)
class Items:
    """What a message is about: quantities by product, and of a cart since when it is filled and what it held in all."""

    quantities: dict[str, int] = field(default_factory=dict)
    cart_start: int = 0
    cart_quantities: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A step that came due and passed the gates."""

    key: Key
    campaign: Campaign
    due: int
    channel: str
    items: Items
    ghost: str | None = None
    """Why it would be a ghost."""

    @property
    def valid_until(self) -> int:
        return self.due + self.campaign.valid_for


@dataclass
class Slot:
    """Candidates of one brand and channel that compete; ``moved``: why the release is delayed, None: it is not."""

    release: int
    moved: str | None
    candidates: list[Candidate] = field(default_factory=list)


@dataclass
class Send:
    """A message that was decided, and whether it was corrected."""

    candidate: Candidate
    decided: int
    customer: str
    delivered: bool = False
    corrected: bool = False
    committed: bool = False
    released: bool = False
    """What feedback said about its place in the caps."""


@dataclass
class Listed:
    """A message that waits for a place on a list; ``chosen``: the answer, None: none yet. ``at``: when it is to go."""

    candidate: Candidate
    wanted: CapacityList
    cutoff: int
    at: int
    passed: list[str]
    chosen: bool | None = None


class Facts:
    """Everything that follows from a customer's history alone. ``events`` are all his events in order, his own and
    those of customers that became him; ``history`` tells them apart."""

    def __init__(self, events: Sequence[Event], history: Sequence[Event | Absorbed]) -> None:
        self.events, self.history = events, history
        self._carts: dict[tuple[str, str], Cart] = {}

    @cached_property
    def purchases(self) -> dict[str, Purchase]:
        return purchases_of(self.events)

    @cached_property
    def profile(self) -> Profile:
        return Profile(self.history)

    def cart(self, brand: str, cart_id: str) -> Cart:
        if (brand, cart_id) not in self._carts:
            self._carts[brand, cart_id] = cart_of(self.history, brand, cart_id)
        return self._carts[brand, cart_id]

    def kept_purchases(self, brand: str) -> list[Purchase]:
        """Kept purchases of a brand by (at, id)."""
        kept = (purchase for purchase in self.purchases.values() if purchase.brand == brand and purchase.is_kept)
        return sorted(kept, key=lambda purchase: (purchase.at, purchase.id))


class Customer:
    """One customer, known or not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[Event] = []
        self.history: list[Event | Absorbed] = []
        self.seen: set[tuple[str, ...]] = set()
        self.facts = Facts((), ())
        self.timers: dict[Key, int] = {}
        self.rounds: dict[tuple[str, str, str], int] = {}
        self.slots: dict[tuple[str, str], Slot] = {}
        self.decided: dict[Key, int] = {}
        self.sends: list[Send] = []
        self.listed: dict[Key, Listed] = {}
        self.segments: dict[tuple[str, str], tuple[int, bool]] = {}
        """(brand, segment) -> when he entered or left it, whether he is in it; as it was seen last."""

    @property
    def is_known(self) -> bool:
        return CRM_SEPARATOR not in self.name

    def apply(self, event: Event) -> bool:
        """Take an event in; False: it is a duplicate."""
        if event.natural_id in self.seen:
            return False
        self.seen.add(event.natural_id)
        self.events.append(event)
        self.history.append(event)
        self.facts = Facts(tuple(self.events), tuple(self.history))
        return True

    def waiting(self) -> set[Key]:
        """Keys of the candidates in slots."""
        return {candidate.key for slot in self.slots.values() for candidate in slot.candidates}

    def is_settled(self, key: Key) -> bool:
        """Whether a step is decided, or about to be in a slot."""
        return key in self.decided or key in self.waiting() or key in self.listed

    def become_part_of(self, other: Customer, now: int) -> None:
        """Hand everything over to another customer. Episodes with this customer's own name end; what was decided in
        them counts as decided in the other's."""
        other.events = without_duplicates([*self.events, *other.events])
        other.seen |= self.seen
        other.history.append(Absorbed(now, tuple(self.history)))
        other.facts = Facts(tuple(other.events), tuple(other.history))
        other.sends = sorted([*self.sends, *other.sends], key=lambda send: send.decided)
        for key, decided in self.decided.items():
            for same in {key, self._renamed(key, other)}:
                other.decided[same] = max(decided, other.decided.get(same, decided))
        for cart, number in self.rounds.items():
            other.rounds[cart] = max(number, other.rounds.get(cart, 1))
        for place, (since, inside) in self.segments.items():
            known = other.segments.get(place)
            if known is None or (inside, -since) > (known[1], -known[0]):
                other.segments[place] = (since, inside)
        both = {**self.listed, **other.listed}
        other.listed = {
            key: listed for key, listed in both.items() if key not in other.decided and not self._is_own(key)
        }
        self._hand_over_slots(other)
        for key, due in self.timers.items():
            other.timers[key] = min(due, other.timers.get(key, due))
        other.timers = {
            key: due for key, due in other.timers.items() if not self._is_own(key) and not other.is_settled(key)
        } | {key: listed.at for key, listed in other.listed.items()}

    def _hand_over_slots(self, other: Customer) -> None:
        for place, slot in self.slots.items():
            mine = other.slots.get(place, slot)
            first = slot if slot.release < mine.release else mine
            both = {candidate.key: candidate for candidate in (*slot.candidates, *mine.candidates)}
            other.slots[place] = replace(first, candidates=list(both.values()))
        for slot in other.slots.values():
            slot.candidates = [
                candidate
                for candidate in slot.candidates
                if candidate.key not in other.decided
                and candidate.key not in other.listed
                and not self._is_own(candidate.key)
            ]

    def _is_own(self, key: Key) -> bool:
        """Whether an episode bears this customer's name: welcome, birthday, reactivation, segment."""
        return key.episode.startswith(f"{self.name}/")

    def _renamed(self, key: Key, other: Customer) -> Key:
        day = key.episode.removeprefix(f"{self.name}/")
        return key._replace(episode=f"{other.name}/{day}") if self._is_own(key) else key


@dataclass(frozen=True)
class World:
    """What all customers share: campaigns, brand rules by brand, and the catalogue as it is now."""

    campaigns: dict[str, Campaign]
    brands: dict[str, Any]
    catalogue: dict[tuple[str, str], dict[str, Any]]
    versions: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    """Every version of each product with the time from which it counts, oldest first."""
    options: dict[str, Any] = field(default_factory=dict)
    """Campaign id -> its options, parsed once."""

    def options_of(self, campaign: Campaign) -> Any:
        if campaign.id not in self.options:
            self.options[campaign.id] = OPTIONS[campaign.occasion].model_validate(campaign.options)
        return self.options[campaign.id]
