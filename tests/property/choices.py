"""What generated histories are made of: few values, chosen at the edges of rules, so that events meet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from tests.oracle.builders import DAY, HOUR, MINUTE, t

T = TypeVar("T")

BRANDS = ("acme", "zest")
CHANNELS = ("email", "push", "sms")
PRODUCTS = ("p1", "p2", "p3", "p4")
EXTRAS = ("x1", "x2")
"""Products that fit others and that nobody buys."""
MARKETS = ("GB", "DE", "US")
ZONES = ("Europe/London", "America/New_York", "Pacific/Auckland")
STARTS = (t("2011-03-01"), t("2011-10-10"), t("2012-02-01"), t("2011-01-10"))
"""Histories begin shortly before the clocks change in London and New York, or before a 29th of February."""
CLOCK = (12 * HOUR, 0, 1 * HOUR, 90 * MINUTE, 7 * HOUR + 59 * MINUTE, 8 * HOUR, 9 * HOUR, 18 * HOUR, 22 * HOUR)
SHORT = (0, 1, MINUTE, 30 * MINUTE, HOUR - 1, HOUR, 2 * HOUR, 4 * HOUR - 1, 4 * HOUR, 4 * HOUR + 1, 5 * HOUR, 12 * HOUR)
SHORT = (*SHORT, 4 * HOUR + 10 * MINUTE, 4 * HOUR + 30 * MINUTE, DAY)
"""Waits between what belongs together: about the steps, hold windows and in-flight times of the campaigns."""
LONG = (DAY, 2 * DAY, 2 * DAY + 4 * HOUR, 3 * DAY, 7 * DAY - 1, 7 * DAY, 7 * DAY + 1, 7 * DAY + HOUR, 8 * DAY, 10 * DAY)
LONG = (*LONG, 14 * DAY, 20 * DAY, 29 * DAY, 30 * DAY, 31 * DAY, 60 * DAY, 89 * DAY, 90 * DAY, 90 * DAY + 1)
DELAYS_BEYOND = (HOUR, 4 * HOUR, DAY, 2 * DAY, 3 * DAY, 8 * DAY, 31 * DAY)
"""By how much more than the lateness a late event is late."""
LATENESSES = (HOUR, 0, 10 * MINUTE, DAY)


class Chooser:
    """Choices from one seed. Hypothesis draws seeds and sizes, not each choice: that is ten times as fast, and what
    fails is made small by ``tests.property.reduction``, which knows what a history is made of."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.random.randrange(len(values))]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.random.randrange(100) < percent

    def up_to(self, highest: int, least: int = 0) -> int:
        return self.random.randint(least, highest)

    def some_of(self, values: Sequence[T], least: int = 0) -> list[T]:
        chosen = [value for value in values if self.chance(50)]
        return chosen if len(chosen) >= least else [self.one_of(values)]
