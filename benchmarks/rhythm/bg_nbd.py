"""BG/NBD (Fader, Hardie and Lee, Marketing Science 24, 2005): fitted by maximum likelihood, without other libraries.

While a customer is alive his purchases are a Poisson process with a rate from a gamma distribution (r, alpha); after
each repeat purchase he dies with a probability from a beta distribution (a, b). Time is in days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p
from typing import NamedTuple

STEPS_MAX = 600
LOG_PARAMETER_MAX = 12.0
"""Parameters are kept within exp(-12) and exp(12): without deaths in the data, b runs to infinity."""


class Seen(NamedTuple):
    """A customer: ``repeats`` after the first purchase, the last of them ``last`` days after it, seen ``days`` long."""

    repeats: int
    last: int
    days: int


@dataclass(frozen=True)
class BgNbd:
    """A fitted model."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, customers: dict[Seen, int]) -> float:
        """Of customers with their number; equation (6) of the paper."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        total = 0.0
        for (repeats, last, days), number in customers.items():
            rates = lgamma(r + repeats) - lgamma(r) + r * log(alpha)
            lives = lgamma(a + b) + lgamma(b + repeats) - lgamma(b) - lgamma(a + b + repeats)
            alive = -(r + repeats) * log(alpha + days)
            if repeats:
                dead = log(a) - log(b + repeats - 1) - (r + repeats) * log(alpha + last)
                alive = max(alive, dead) + log1p(exp(-abs(alive - dead)))
            total += number * (rates + lives + alive)
        return total

    def alive(self, seen: Seen) -> float:
        """The probability that a customer is alive; 1 before the first repeat purchase, by the model's making."""
        if not seen.repeats:
            return 1.0
        silence = (self.r + seen.repeats) * log((self.alpha + seen.days) / (self.alpha + seen.last))
        odds = log(self.a) - log(self.b + seen.repeats - 1) + silence
        return 1 / (1 + exp(odds)) if odds < 700 else 0.0


def fit(customers: Iterable[Seen]) -> BgNbd:
    """The parameters under which the customers are most likely."""
    counted = dict(Counter(customers))

    def loss(logs: Sequence[float]) -> float:
        if max(map(abs, logs)) > LOG_PARAMETER_MAX:
            return inf
        return -_model(logs).log_likelihood(counted)

    return _model(nelder_mead(loss, [0.0, 3.0, 0.0, 1.0]))


def _model(logs: Sequence[float]) -> BgNbd:
    r, alpha, a, b = map(exp, logs)
    return BgNbd(r, alpha, a, b)


def nelder_mead(loss: Callable[[Sequence[float]], float], start: Sequence[float], size: float = 0.5) -> list[float]:
    """The lowest point of a function from ``start`` (Nelder and Mead, Computer Journal 7, 1965)."""
    count = len(start)
    points = [list(start)] + [[x + size * (i == j) for j, x in enumerate(start)] for i in range(count)]
    simplex = sorted((loss(point), point) for point in points)
    for _ in range(STEPS_MAX):
        if simplex[-1][0] - simplex[0][0] < 1e-7:
            break
        centre = [sum(point[j] for _, point in simplex[:-1]) / count for j in range(count)]
        worst = simplex[-1][1]

        def tried(factor: float, centre: list[float] = centre, worst: list[float] = worst) -> tuple[float, list[float]]:
            point = [c + factor * (c - w) for c, w in zip(centre, worst, strict=True)]
            return loss(point), point

        better = tried(1.0)
        if better[0] < simplex[0][0]:
            better = min(better, tried(2.0))
        elif better[0] >= simplex[-2][0]:
            better = min(tried(0.5), tried(-0.5))
        if better[0] < simplex[-1][0]:
            simplex[-1] = better
        else:
            best = simplex[0][1]
            shrunk = [[(b + x) / 2 for b, x in zip(best, point, strict=True)] for _, point in simplex[1:]]
            simplex = [simplex[0], *((loss(point), point) for point in shrunk)]
        simplex.sort()
    return simplex[0][1]
