"""Short ways to explain a customer of a history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemas.base import to_ms
from schemas.campaigns import BrandRules, Campaign
from streams.backtest import Line
from streams.campaigns import CampaignSet
from streams.explain.history import from_history
from streams.explain.recording import Recording
from streams.explain.story import Account, accounts
from streams.replay.arrivals import arrivals
from streams.replay.control import now
from tests.oracle.builders import LATENESS, SOURCES, History, brand


def recorded(
    history: History,
    campaigns: Sequence[Campaign] | Campaign,
    customer: str = "c1",
    at: int | None = None,
    brands: Sequence[BrandRules] = (),
    decisions: Path | None = None,
) -> Recording:
    """The customer out of a history in memory."""
    wanted = [campaigns] if isinstance(campaigns, Campaign) else campaigns
    content = CampaignSet(tuple(wanted), tuple(brands or [brand()]))
    return from_history(
        customer,
        lambda: lines(history),
        content,
        lambda source: LATENESS.get(source, 0),
        at,
        to_ms(now()),
        "a history",
        decisions,
    )


def lines(history: History) -> Iterator[Line]:
    """Its lines in the order of arrival."""
    placed: list[Line] = []
    for source in SOURCES:
        rows = [msgspec.json.encode(row) for row in history.sources[source]]
        placed += [(source, arrived, row) for arrived, row in zip(arrivals(rows, False), rows, strict=True)]
    return iter(sorted(placed, key=lambda line: line[1]))


def told(
    history: History,
    campaign: Campaign,
    customer: str = "c1",
    at: int | None = None,
    brands: Sequence[BrandRules] = (),
) -> Account:
    """What is said of one campaign and brand ``acme``."""
    found = accounts(recorded(history, campaign, customer, at, brands), campaign.id)
    return next(account for account in found if account.brand == "acme")
