"""When a brand may speak: quiet hours and days on which nothing goes, by channel and market."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Closed, Market
from schemas.customers import Channel

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of ``datetime.date.weekday``."""


class QuietHours(Closed):
    """No messages from ``start`` until ``end``, local wall time of the customer; may pass midnight."""

    channel: Channel | Literal["*"] = "*"
    start: time
    end: time
    market: Market | None = Field(None, description="Market it holds in; none: all that have no rule of their own.")


class ClosedDays(Closed):
    """Whole days, in the customer's zone, on which nothing goes. All rules that fit add up."""

    channel: Channel | Literal["*"] = "*"
    market: Market | None = Field(None, description="Market it holds in; none: all.")
    weekdays: list[Weekday] = Field(default_factory=list, max_length=6)
    public_holidays: bool = Field(False, description="Public holidays of the customer's market, and of his region.")

    @model_validator(mode="after")
    def _closes_something(self) -> ClosedDays:
        if not self.weekdays and not self.public_holidays:
            raise ValueError("closed_days names no day: give weekdays such as [sunday], or public_holidays: true")
        return self
