"""Channels and pools with a capacity: lists that close at a cut-off with so many places."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Annotated

from pydantic import Field, model_validator

from schemas.base import Closed, Zone
from schemas.caps import CampaignId
from schemas.customers import Channel
from schemas.durations import Duration
from schemas.sending_times import WEEKDAYS, Weekday

LISTS_MAX = 20
"""Most lists of a brand."""
PLACES_MAX = 10_000_000


class CapacityList(Closed):
    """Messages of one channel, or with codes of one voucher pool, of which only so many can go: calls a day, a print
    run. They wait until the next cut-off; then the first in the order of arbitration get the places."""

    id: CampaignId = Field(description="Names it, within the brand.")
    channel: Channel | None = Field(None, description="The channel whose messages it takes.")
    pool: str | None = Field(None, max_length=64, description="Or the voucher pool of the offers that it takes.")
    max: int = Field(ge=0, le=PLACES_MAX, description="Places at each cut-off.")
    total: int | None = Field(
        None, ge=0, le=PLACES_MAX, description="Places in all, over all cut-offs: the codes of a pool. None: no limit."
    )
    times: Annotated[list[time], Field(min_length=1, max_length=24)] = Field(
        default_factory=lambda: [time(6, 0)], description="Wall times of the cut-offs in `zone`."
    )
    weekdays: Annotated[list[Weekday], Field(min_length=1)] = Field(
        default_factory=lambda: list(WEEKDAYS), description="Days on which it closes."
    )
    zone: Zone = Field("UTC", description="Time zone of the cut-offs.")
    answer_after: Duration = Field(
        15 * 60_000, le=86_400_000, description="The answer counts from so long after the cut-off."
    )

    @model_validator(mode="after")
    def _takes_something(self) -> CapacityList:
        if (self.channel is None) == (self.pool is None):
            raise ValueError(f"list {self.id!r} takes the messages of one thing: give either channel or pool")
        return self


def distinct(lists: Sequence[CapacityList]) -> Sequence[CapacityList]:
    """The lists, or ValueError: two have one id, or take the same."""
    for field in ("id", "channel", "pool"):
        names = [value for one in lists if (value := getattr(one, field)) is not None]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two lists have {field} {twice!r}; make them one, or give the second another {field}")
    return lists
