"""What all parts of the simulation share: the history, the span of time, stores, products, and seeded randomness."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from schemas.base import to_major
from streams.replay.history import History, Line
from streams.simulate import rates
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS

HOME_MARKET = "GB"
"""Where the retailer has its stores."""
OPENS_MS, CLOSES_MS = 9 * HOUR_MS, 19 * HOUR_MS
"""Opening hours of the stores, UTC."""


@dataclass
class World:
    """The retailer that is simulated. It lasts from its first order to its last, a day at least."""

    history: History
    seed: int
    currency: str = ""
    start: int = 0
    end: int = 0
    popular: list[str] = field(default_factory=list)
    """Products, and in ``_weights`` how often they were ordered up to each of them."""
    _weights: list[int] = field(default_factory=list)
    _amounts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        orders = self.history.orders
        self.currency = self.history.currency
        self.start = orders[0].at
        self.end = max(orders[-1].at, self.start + DAY_MS)
        counts: dict[str, int] = {}
        for order in orders:
            for line in order.lines:
                counts[line.product_id] = counts.get(line.product_id, 0) + 1
        self.popular = sorted(counts)
        self._weights = list(accumulate(counts[code] for code in self.popular))

    def random(self, *parts: object) -> Random:
        """A stream of random numbers of its own for each purpose: one more draw in one place changes no other."""
        return Random("/".join(str(part) for part in (self.seed, *parts)))

    def amount(self, minor: int) -> str:
        """An amount as the wire carries it."""
        text = self._amounts.get(minor)
        if text is None:
            text = self._amounts[minor] = to_major(minor, self.currency)
        return text

    def product(self, random: Random) -> str:
        """A product, the likelier the more it was ordered."""
        return self.popular[bisect(self._weights, random.randrange(self._weights[-1]))]

    def basket(self, random: Random, size: int, without: set[str] | frozenset[str] = frozenset()) -> tuple[Line, ...]:
        """Up to ``size`` different products with small quantities; none of ``without``."""
        chosen: dict[str, Line] = {}
        for _ in range(4 * size):
            code = self.product(random)
            if len(chosen) < size and code not in without and code not in chosen:
                chosen[code] = Line(code, random.choice((1, 1, 1, 2, 3, 6)), self.history.products[code].price or 100)
        return tuple(chosen.values())

    def store(self, random: Random) -> str:
        """One of the stores."""
        return f"store-{random.randint(1, rates.STORES):02d}"


def opening_hours(at: int, random: Random) -> int:
    """The time itself when stores are open then, else one shortly after they open next."""
    day, time_of_day = divmod(at, DAY_MS)
    if OPENS_MS <= time_of_day < CLOSES_MS:
        return at
    if time_of_day >= CLOSES_MS:
        day += 1
    return day * DAY_MS + OPENS_MS + random.randrange(90 * MINUTE_MS)


def weighted(random: Random, shares: dict[str, float]) -> str:
    """A key by its share."""
    return random.choices(list(shares), weights=list(shares.values()))[0]
