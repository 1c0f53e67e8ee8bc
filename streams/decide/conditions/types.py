"""Types of expressions, names of the vocabulary, the moment that a condition looks at, and what is compiled of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from schemas.base import from_ms
from schemas.iso import COUNTRIES
from schemas.topics import CHANNELS

VALUES_SHOWN_CHARACTERS = 300

if TYPE_CHECKING:
    from streams.decide.rules import Compiled
    from streams.decide.view import View


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression. ``values``: of text, the closed list it comes from; ``fields``: of an object."""

    name: str
    item: Type | None = None
    fields: Mapping[str, Name] | None = None
    values: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"a list of {self.item.plural}" if self.item is not None else _WORDS[self.name][0]

    @property
    def plural(self) -> str:
        """Several of it, in words."""
        return f"lists of {self.item.plural}" if self.item is not None else _WORDS[self.name][1]


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the vocabulary. ``always``: its value is known of everybody. ``least``, ``most``: of numbers."""

    type: Type
    meaning: str
    read: Callable[[Any], Any]
    always: bool = True
    least: int | None = None
    most: int | None = None


@dataclass(slots=True)
class Moment:
    """What a condition looks at: the customer, what is due, and the catalogue, at the view's logical time."""

    view: View
    campaign: Compiled
    brand: str
    episode: str
    step: int
    items: list[tuple[str, int]]
    variables: list[Any] = field(default_factory=list)
    """Of the macros: ``exists(i, …)`` puts each ``i`` here."""

    @property
    def local(self) -> datetime | None:
        """Wall time where the customer lives; None: no zone is known."""
        zone = self.view.zone(self.brand)
        return None if zone is None else from_ms(self.view.now).astimezone(ZoneInfo(zone))


_WORDS = {
    "bool": ("true or false", "true or false"),
    "int": ("a whole number", "whole numbers"),
    "double": ("a number with decimals", "numbers with decimals"),
    "string": ("text", "texts"),
    "any": ("anything", "anything"),
    "item": ("an item", "items"),
}
ANY, BOOL, INT, DOUBLE, TEXT = (Type(name) for name in ("any", "bool", "int", "double", "string"))
COUNTRY = Type("string", values=frozenset(COUNTRIES))
CHANNEL = Type("string", values=frozenset(CHANNELS))


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. ``holds`` says yes or no, or raises Unknown."""

    text: str
    holds: Callable[[Moment], bool]
    names: Mapping[str, Name] = field(default_factory=dict)
    """Names of the vocabulary that it uses, in order."""
    fault: str = ""
    """Why it cannot be evaluated by this release; empty: it can."""

    def values(self, moment: Moment) -> str:
        """``customer.purchases = 2, customer.country not known``: what it looked at."""
        shown = []
        for name, known in self.names.items():
            value = known.read(moment)
            shown.append(f"{name} not known" if value is None else f"{name} = {value}")
        text = ", ".join(shown) or "no names"
        return text if len(text) <= VALUES_SHOWN_CHARACTERS else text[:VALUES_SHOWN_CHARACTERS] + "…"
