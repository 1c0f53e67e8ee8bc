"""A customer's rhythm, the stages of his life with a brand, scores and segments: what a brand's rules say of them."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.base import Amount, Closed, Market
from schemas.durations import Duration

Stage = Literal["prospect", "new", "active", "loyal", "at_risk", "lapsed", "back"]
DAY_MS = 86_400_000
SEGMENTS_MAX = 50
"""Most segments of a brand; a customer's state notes each that he is in or has left."""
SegmentId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]


def _rising(values: list[int]) -> list[int]:
    if any(b <= a for a, b in pairwise(values)):
        raise ValueError(f"{values} does not rise; write the smallest first, no two alike")
    return values


def _rising_amounts(values: list[str]) -> list[str]:
    if any(b <= a for a, b in pairwise(map(Decimal, values))):
        raise ValueError(f"{values} does not rise; write the smallest first, no two alike")
    return values


def no_two_alike(segments: list[Segment]) -> list[Segment]:
    """The segments. Raises ValueError when two have one id."""
    names = [segment.id for segment in segments]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"segment {twice!r} is defined twice; give one of them another id")
    return segments


Four = Field(min_length=4, max_length=4)
FourDurations = Annotated[list[Duration], Four, AfterValidator(_rising)]


class RhythmOptions(Closed):
    """How a customer's own rhythm is estimated, and when he is late by it; the rule is in docs/semantics.md."""

    factor_percent: int = Field(200, ge=100, le=1000)
    prior_interval: Duration = 60 * 86_400_000
    prior_weight: int = Field(2, ge=0, le=100)
    min_purchases: int = Field(2, ge=1, le=50)
    at_least: Duration = 14 * 86_400_000
    at_most: Duration = 365 * 86_400_000


class LifecycleRhythm(RhythmOptions):
    """The rhythm that the stages go by: it asks for one purchase, so that everybody has a stage."""

    min_purchases: int = Field(1, ge=1, le=50)


class LifecycleRules(Closed):
    """Where the stages of a customer's life with the brand begin and end; the rule is in docs/lifecycle.md."""

    rhythm: LifecycleRhythm = Field(default_factory=LifecycleRhythm)
    new_for: Duration = 30 * DAY_MS
    loyal_purchases: int = Field(4, ge=2, le=100)
    loyal_within: Duration = 365 * DAY_MS
    lapsed_percent: int = Field(200, ge=100, le=1000)
    back_for: Duration = 60 * DAY_MS


PurchaseDays = Annotated[int, Field(ge=1, le=366)]


class RfmRules(Closed):
    """Cut points of the scores 1 to 5 for recency, frequency and money; four each, rising."""

    recency: FourDurations = Field([30 * DAY_MS, 60 * DAY_MS, 120 * DAY_MS, 240 * DAY_MS])
    frequency: Annotated[list[PurchaseDays], Four, AfterValidator(_rising)] = Field([2, 4, 7, 12])
    monetary: Annotated[list[Amount], Four, AfterValidator(_rising_amounts)] = Field(["50", "150", "400", "1000"])


Score = Annotated[int, Field(ge=1, le=5)]


class Segment(Closed):
    """A group of the brand's customers: all conditions that are given have to hold."""

    id: SegmentId
    name: str = Field(max_length=200)
    stages: list[Stage] = Field(default_factory=list, max_length=7)
    value_min: Amount | None = None
    value_max: Amount | None = None
    lifetime_value_min: Amount | None = None
    purchases_min: int | None = Field(None, ge=0, le=366)
    purchases_max: int | None = Field(None, ge=0, le=366)
    recency_min: Score | None = None
    frequency_min: Score | None = None
    monetary_min: Score | None = None
    email_domains: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default_factory=list, max_length=1_000
    )
    countries: list[Market] = Field(default_factory=list, max_length=300)
    company: bool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Segment:
        if not any(value not in (None, []) for name, value in self if name not in ("id", "name")):
            raise ValueError(f"segment {self.id!r} has no condition; add one, such as stages")
        return self
