"""Area under the ROC curve, with its interval.

AUC: the chance that one who is gone has a higher score than one who came back; ties count half (Mann and Whitney).
Intervals: DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) for one cut-off; over several cut-offs, where one
customer counts more than once, a bootstrap that draws customers (Efron and Tibshirani, 1993, percentiles).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from math import sqrt
from typing import NamedTuple

Z_95 = 1.959964
SEED = 20_110_901


class Interval(NamedTuple):
    """A value with the bounds of its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Ranked:
    """Scores of one cut-off in their order, so that the AUC of any drawing of customers is one walk through them."""

    def __init__(self, names: Sequence[str], scores: Sequence[float], gone: Sequence[bool]) -> None:
        rows = sorted(zip(scores, names, gone, strict=True))
        self._ties = [[(name, is_gone) for _, name, is_gone in tie] for _, tie in groupby(rows, lambda row: row[0])]

    def auc(self, weight: Callable[[str], int]) -> float:
        """The AUC when each customer counts so many times; 0.5 when one side is empty."""
        below = pairs = gone_in_all = 0.0
        for tie in self._ties:
            gone = back = 0
            for name, is_gone in tie:
                times = weight(name)
                if is_gone:
                    gone += times
                else:
                    back += times
            pairs += gone * (below + back / 2)
            below += back
            gone_in_all += gone
        return pairs / (gone_in_all * below) if gone_in_all and below else 0.5


def auc(scores: Sequence[float], gone: Sequence[bool]) -> float:
    """The AUC of scores of which higher means gone."""
    return Ranked([""] * len(scores), scores, gone).auc(lambda name: 1)


def delong(scores: Sequence[float], gone: Sequence[bool]) -> Interval:
    """The AUC with DeLong's interval. Needs two of each side."""
    high = [score for score, is_gone in zip(scores, gone, strict=True) if is_gone]
    low = [score for score, is_gone in zip(scores, gone, strict=True) if not is_gone]
    of_high = [_share_below(low, score) for score in _midranks(high, low)]
    of_low = [1 - _share_below(high, score) for score in _midranks(low, high)]
    value = sum(of_high) / len(of_high)
    error = sqrt(_variance(of_high) / len(of_high) + _variance(of_low) / len(of_low))
    return Interval(value, max(0.0, value - Z_95 * error), min(1.0, value + Z_95 * error))


def _midranks(of: Sequence[float], among: Sequence[float]) -> list[float]:
    """Of each score: how many of ``among`` lie below, and half of those at it."""
    counts = Counter(among)
    below, places, ordered = 0.0, {}, sorted({*of, *among})
    for score in ordered:
        places[score] = below + counts[score] / 2
        below += counts[score]
    return [places[score] for score in of]


def _share_below(among: Sequence[float], midrank: float) -> float:
    return midrank / len(among)


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def bootstrap(
    statistics: Callable[[Callable[[str], int]], Sequence[float]], names: Sequence[str], draws: int
) -> list[Interval]:
    """Intervals of statistics that are computed from drawn customers: ``statistics(weight)`` gives all of them at once,
    so that differences between them are of the same drawing. Seeded."""
    dice = random.Random(SEED)
    ordered = sorted(set(names))
    drawn = [statistics(Counter(dice.choices(ordered, k=len(ordered))).__getitem__) for _ in range(draws)]
    values = statistics(lambda name: 1)
    return [Interval(value, *_middle([each[i] for each in drawn])) for i, value in enumerate(values)]


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile."""
    ordered = sorted(values)
    return ordered[int(0.025 * (len(ordered) - 1))], ordered[round(0.975 * (len(ordered) - 1))]
