"""Ways to say how likely it is that a customer has gone, each a number of which higher means gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.rhythm.bg_nbd import BgNbd, Seen, fit
from benchmarks.rhythm.customers import CutOff, Known
from schemas.lifecycle import RhythmOptions
from streams.decide.rhythm import INTERVALS_MAX, late_after, usual_interval
from streams.decide.state import DAY_MS

FIXED_DAYS = 90
"""The rule that own rhythm is held against."""
Score = Callable[[Known], float]

RHYTHM, UNSHRUNK, LATE, RECENCY, FIXED, BG_NBD, RATE, SUM = (
    "late by own rhythm (days since / threshold)",
    "the same without shrinkage",
    "late: yes or no",
    "days since the last purchase",
    f"{FIXED_DAYS} days: yes or no",
    "BG/NBD: 1 - P(alive)",
    "mean interval, silence included",
    "days since + usual interval",
)
NAMES = (RHYTHM, UNSHRUNK, LATE, RECENCY, FIXED, BG_NBD, RATE, SUM)


def seen(customer: Known, now: int) -> Seen:
    """A customer as BG/NBD sees him: in days between purchase days, so several purchases of one day are one."""
    first, last = customer.days[0] // DAY_MS, customer.days[-1] // DAY_MS
    return Seen(len(customer.days) - 1, last - first, now // DAY_MS - first)


def fitted(cut_off: CutOff) -> BgNbd:
    """BG/NBD of everybody known at the cut-off."""
    return fit(seen(customer, cut_off.now) for customer in cut_off.customers)


def scores(now: int, rhythm: RhythmOptions, model: BgNbd) -> Mapping[str, Score]:
    """By name. ``now``: the cut-off."""

    own_alone = rhythm.model_copy(update={"prior_weight": 0})

    def ratio(customer: Known, rhythm: RhythmOptions = rhythm) -> float:
        threshold = late_after(customer.days, rhythm)
        assert threshold is not None, "asked only of customers with enough purchase days"
        return customer.silent_ms(now) / threshold

    def usual(customer: Known) -> int:
        return usual_interval(customer.days, rhythm) or 0

    def mean_with_silence(customer: Known) -> float:
        looked_at = customer.days[-INTERVALS_MAX - 1 :]
        span = now - looked_at[0] + rhythm.prior_weight * rhythm.prior_interval
        return span / (len(looked_at) - 1 + rhythm.prior_weight)

    return {
        RHYTHM: ratio,
        UNSHRUNK: lambda customer: ratio(customer, own_alone),
        LATE: lambda customer: float(ratio(customer) >= 1),
        RECENCY: lambda customer: customer.silent_ms(now),
        FIXED: lambda customer: float(customer.silent_ms(now) >= FIXED_DAYS * DAY_MS),
        BG_NBD: lambda customer: 1 - model.alive(seen(customer, now)),
        RATE: mean_with_silence,
        SUM: lambda customer: customer.silent_ms(now) + usual(customer),
    }
