"""When a brand may speak: quiet hours and days on which nothing goes, by channel and market."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from schemas.base import Closed, Market
from schemas.customers import Channel

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of ``datetime.date.weekday``."""


Hours = TypeVar("Hours", "QuietHours", "BusinessHours")


class QuietHours(Closed):
    """No messages from ``start`` until ``end``, local wall time of the customer; may pass midnight."""

    channel: Channel | Literal["*"] = "*"
    start: time
    end: time
    market: Market | None = Field(None, description="Market it holds in; none: all that have no rule of their own.")


class BusinessHours(Closed):
    """When companies may be spoken to, in the customer's zone. For persons they say nothing."""

    channel: Channel | Literal["*"] = Field("*", description="Channel; `*`: all that have no rule of their own.")
    market: Market | None = Field(None, description="Market it holds in; none: all that have no rule of their own.")
    start: time = Field(time(9), description="Wall time at which the day begins.")
    end: time = Field(time(17), description="Wall time at which it is over.")
    weekdays: Annotated[list[Weekday], Field(min_length=1)] = Field(
        default_factory=lambda: list(WEEKDAYS[:5]), description="Working days."
    )
    public_holidays: bool = Field(False, description="Whether work goes on on public holidays.")

    @model_validator(mode="after")
    def _is_a_time(self) -> BusinessHours:
        if self.end <= self.start:
            raise ValueError(f"business hours end at {self.end}, not after their start at {self.start}; swap them")
        return self


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


def one_rule_a_place(rules: list[Hours]) -> list[Hours]:
    """The rules, or ValueError: two are for the same channel and market, and it is not said which counts."""
    places = [(rule.channel, rule.market) for rule in rules]
    if twice := next((place for place in places if places.count(place) > 1), None):
        channel, market = twice
        where = f"market {market}" if market else "all markets"
        raise ValueError(f"two rules for channel {channel!r} in {where}; keep one, or give one of them a market")
    return rules
