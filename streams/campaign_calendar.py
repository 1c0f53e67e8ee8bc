"""What runs when: each campaign by brand, with markets, segment, owner and state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from schemas.campaigns import Campaign
from streams.campaigns import CampaignSet
from streams.text_table import text_table

State = Literal["planned", "running", "ended"]
EVERYONE = "everyone"
COLUMNS = ("from", "until", "state", "campaign", "occasion", "brand", "markets", "segment", "channels", "owner")


@dataclass(frozen=True)
class Entry:
    """A campaign of one brand in the calendar. ``starts`` and ``ends``: None is open."""

    campaign: str
    name: str
    owner: str
    occasion: str
    brand: str
    markets: tuple[str, ...]
    segment: str
    channels: tuple[str, ...]
    priority: int
    starts: datetime | None
    ends: datetime | None
    state: State


def calendar(
    found: CampaignSet,
    at: datetime,
    days: int,
    present: datetime,
    brand: str | None = None,
    market: str | None = None,
) -> list[Entry]:
    """What runs at some time from ``at`` on for ``days``, by start, brand and campaign; ``state``: at the present."""
    end = at + timedelta(days=days)
    entries = [
        entry
        for campaign in found.campaigns
        if (campaign.ends is None or campaign.ends > at) and (campaign.starts is None or campaign.starts < end)
        for entry in _entries(campaign, present)
        if brand in (None, entry.brand) and (market is None or not entry.markets or market in entry.markets)
    ]
    return sorted(
        entries, key=lambda entry: (entry.starts is not None, entry.starts or at, entry.brand, entry.campaign)
    )


def table(entries: list[Entry]) -> str:
    """As a table for a terminal; times in UTC."""
    rows = [
        (
            _day(entry.starts),
            _day(entry.ends),
            entry.state,
            entry.campaign,
            entry.occasion,
            entry.brand,
            ", ".join(entry.markets) or "all",
            entry.segment,
            ", ".join(entry.channels),
            entry.owner,
        )
        for entry in entries
    ]
    return text_table(COLUMNS, rows)


def as_rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """For ``--json``."""
    return [{**asdict(entry), "starts": _iso(entry.starts), "ends": _iso(entry.ends)} for entry in entries]


def _entries(campaign: Campaign, present: datetime) -> Iterator[Entry]:
    for brand in campaign.brands:
        yield Entry(
            campaign.id,
            campaign.name,
            campaign.owner,
            campaign.occasion,
            brand,
            tuple(campaign.markets),
            " ".join(campaign.when.split()) if campaign.when else EVERYONE,
            tuple(campaign.channels),
            campaign.priority,
            campaign.starts,
            campaign.ends,
            _state(campaign, present),
        )


def _state(campaign: Campaign, present: datetime) -> State:
    if campaign.starts is not None and campaign.starts > present:
        return "planned"
    return "ended" if campaign.ends is not None and campaign.ends <= present else "running"


def _day(moment: datetime | None) -> str:
    return "always" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
