"""The occasions that come of the catalogue, and which of them a new version of a product concerns."""

from __future__ import annotations

from typing import Protocol

from streams.decide.occasions.back_in_stock import BackInStock
from streams.decide.occasions.base import Occasion
from streams.decide.occasions.complementary_offer import ComplementaryOffer
from streams.decide.occasions.price_drop import PriceDrop
from streams.decide.occasions.replenishment import Replenishment
from streams.decide.rules import Item, RuleSet


class CatalogueOccasion(Occasion, Protocol):
    """An occasion that changes of a product bring about."""

    def changed(self, before: Item | None, after: Item) -> bool:
        """Whether a new version of a product may concern anybody."""


BY_CATALOGUE: tuple[CatalogueOccasion, ...] = (
    PriceDrop(),
    BackInStock(),
    ComplementaryOffer(),
    Replenishment(),
)


def concerned(rules: RuleSet, brand: str, before: Item | None, after: Item) -> list[str]:
    """The names of the occasions with campaigns in force that have to look at a product's new version."""
    if brand not in rules.watched:
        return []
    in_force = rules.by_brand[brand]
    return [one.name for one in BY_CATALOGUE if one.name in in_force and one.changed(before, after)]
