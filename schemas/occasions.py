"""Options of the occasions that come of visits, parcels, returns and dates."""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Amount, Closed
from schemas.durations import Duration
from schemas.lifecycle import SegmentId

DAY_MS = 86_400_000
DATED = frozenset({"birthday", "anniversary", "calendar"})
"""Occasions at a time of day on a date, where the customer lives: they have one step and need his time zone."""
VISITS_MAX = 20
"""Most visits that an option may count."""


class BrowsedOptions(Closed):
    """Options of ``product_browsed``."""

    min_views: int = Field(1, ge=1, le=100, description="Views of a product, over all visits, from which it counts.")
    left_out_for: Duration = Field(
        30 * DAY_MS,
        description="What was bought, or put into a cart, since so long before the last view is left out.",
    )


class CheckoutOptions(Closed):
    """Options of ``checkout_abandoned``."""

    rearm_after: Duration = Field(
        DAY_MS, description="A checkout that is entered this long after its last decision begins a new round."
    )
    min_value: Amount | None = Field(
        None, description="Least worth of the open lines, in the cart's currency. In quotes."
    )


class AfterReturnOptions(Closed):
    """Options of ``after_return``."""

    counts_from: Literal["received", "requested"] = Field(
        "received", description="What the steps count from: the goods are back, or the return became known."
    )
    reasons: list[str] = Field(
        default_factory=list, max_length=50, description="Only what came back for one of these reasons; none: for any."
    )


class DeliveryLateOptions(Closed):
    """Options of ``delivery_late``."""

    usual: Duration | None = Field(
        None,
        description="How long a delivery usually takes, for orders without a promise; none: these are never late.",
    )


class AnniversaryOptions(Closed):
    """Options of ``anniversary``."""

    of: Literal["first_purchase", "registration"] = Field(
        "first_purchase", description="Of what: the first purchase that was kept, or the registration with the brand."
    )
    local_time: time = Field(time(9, 0), description="Time of day in the customer's zone, in quotes.")
    lead_days: int = Field(0, ge=0, le=60, description="Days before the anniversary.")
    leap_day: Literal["02-28", "03-01"] = Field(
        "02-28", description="Day on which 29 February is kept in other years, in quotes."
    )


class ChannelShiftOptions(Closed):
    """Options of ``channel_shift``."""

    only: Literal["store", "online"] = Field("store", description="Where the customer buys, and nowhere else.")
    purchases: int = Field(3, ge=2, le=50, description="Purchase days in a row after which it is a habit.")


class ReturningSessionOptions(Closed):
    """Options of ``returning_session``."""

    visits_min: int = Field(2, ge=1, le=VISITS_MAX, description="Least number of the visit; 1 is the first.")
    visits_max: int | None = Field(None, ge=1, le=VISITS_MAX, description="Last visit that counts; none: every later.")
    away_for: Duration = Field(0, description="Least time since the visit before it began.")
    devices: list[Literal["desktop", "mobile", "tablet", "app", "other"]] = Field(
        default_factory=list, description="Devices, any of them; none: all."
    )
    origins: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="Hosts that the visitor may come from, or ones above them: `example.com`; `direct`: from none; "
        "no list: from anywhere.",
    )
    segment: SegmentId | None = Field(None, description="Segment of the brand that he is in; none: everybody.")

    @model_validator(mode="after")
    def _consistent(self) -> ReturningSessionOptions:
        if self.visits_max is not None and self.visits_max < self.visits_min:
            raise ValueError(f"visits_max {self.visits_max} is less than visits_min {self.visits_min}")
        return self


class CalendarOptions(Closed):
    """Options of ``calendar``."""

    date: date
    every: Literal["once", "week", "month", "year"] = Field(
        "once", description="When it comes again: on the same day of the week, of the month (or its last), of the year."
    )
    segment: SegmentId | None = Field(None, description="Segment of the brand, as of that day; none: every customer.")
    local_time: time = Field(time(9, 0), description="Time of day in the customer's zone, in quotes.")
