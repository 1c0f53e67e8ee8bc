"""A customer's own rhythm: the interval that is usual for him, and how long after a purchase he is late.

The model: of the last intervals between days with a kept purchase the lower median, shrunk to the segment's interval
with the weight of so many intervals; late after a multiple of it, within bounds. The median is a location estimate
that one odd interval cannot move (Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics
35, 1964). Shrinking with a pseudo-count is what the mean of a gamma mixture of exponential intervals does, the purchase
process behind NBD and BG/NBD (Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24,
2005); BG/NBD itself adds a chance to die after each purchase. How well it tells who does not come back, beside a fixed
number of days and beside BG/NBD: docs/rhythm.md.

All in whole milliseconds, so that every machine gets the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from schemas.lifecycle import RhythmOptions
from streams.decide.state import DAY_MS, Purchase

INTERVALS_MAX = 10
"""Most intervals that the rhythm looks at, the last ones."""


def purchase_days(kept: Sequence[Purchase]) -> list[int]:
    """The first purchase of each UTC day with one. ``kept``: kept purchases, oldest first."""
    moments: list[int] = []
    for purchase in kept:
        if not moments or purchase.at // DAY_MS != moments[-1] // DAY_MS:
            moments.append(purchase.at)
    return moments


def usual_interval(days: Sequence[int], rhythm: RhythmOptions) -> int | None:
    """Milliseconds that usually lie between two purchase days; None: no interval and no weight of the segment's."""
    intervals = [b - a for a, b in pairwise(days[-INTERVALS_MAX - 1 :])]
    count, weight = len(intervals), rhythm.prior_weight
    if count + weight == 0:
        return None
    own = sorted(intervals)[(count - 1) // 2] if count else 0
    return (count * own + weight * rhythm.prior_interval) // (count + weight)


def late_after(days: Sequence[int], rhythm: RhythmOptions) -> int | None:
    """Milliseconds after a purchase at which the customer is late; None: too few purchase days to tell."""
    usual = usual_interval(days, rhythm) if len(days) >= rhythm.min_purchases else None
    if usual is None:
        return None
    return min(max(usual * rhythm.factor_percent // 100, rhythm.at_least), rhythm.at_most)
