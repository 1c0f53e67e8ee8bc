"""Options of the occasions that come of the catalogue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Closed
from schemas.durations import Duration

DAY = 86_400_000
REMEMBERED_DAYS = 120
"""Longest interval between two purchases of a product that can be seen: lines are remembered a little longer."""


class InterestOptions(Closed):
    """What counts as interest in a product, and for how long."""

    of: Annotated[list[Literal["viewed", "carted", "wished"]], Field(min_length=1, max_length=3)] = Field(
        ["viewed", "carted", "wished"], description="What shows that the customer wants the product."
    )
    within: Duration = Field(
        30 * DAY, description="How long before the change it was viewed or carted; a wish stands until it is taken off."
    )


class PriceDropOptions(InterestOptions):
    """Options of ``price_drop``."""

    min_percent: int = Field(
        5, ge=1, le=99, description="By how much the price is lower than when the customer saw it last."
    )


class BackInStockOptions(InterestOptions):
    """Options of ``back_in_stock``."""


class ComplementaryOptions(Closed):
    """Options of ``complementary_offer``."""

    window: Duration = Field(30 * DAY, le=90 * DAY, description="How long after the purchase the offer makes sense.")


class ReplenishmentOptions(Closed):
    """Options of ``replenishment``."""

    by: Literal["product", "category"] = Field(
        "product", description="Whether purchases of the product count, or of anything of its category."
    )
    categories: list[str] = Field(
        default_factory=list, max_length=100, description="Only products of these categories; none: all."
    )
    lead: Duration = Field(0, le=30 * DAY, description="How long before the need the steps count from.")
    min_intervals: int = Field(
        2, ge=1, le=10, description="Intervals of the customer from which his own interval counts, not the catalogue's."
    )
    at_least: Duration = Field(3 * DAY, description="Shortest interval.")
    at_most: Duration = Field(REMEMBERED_DAYS * DAY, le=REMEMBERED_DAYS * DAY, description="Longest interval.")
