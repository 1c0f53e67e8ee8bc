"""How the oracle's tests read its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.campaigns import BrandRules, Campaign
from tests.oracle import oracle_details
from tests.oracle.builders import LATENESS, History, brand


def decided(
    history: History,
    campaigns: Sequence[Campaign] | Campaign,
    brands: Sequence[BrandRules] = (),
    until: int | None = None,
    lateness: Mapping[str, int] = LATENESS,
) -> list[str]:
    """``campaign episode/step outcome reason`` of all records in the order of their times."""
    return [text for text, _ in decided_at(history, campaigns, brands, until, lateness)]


def decided_at(
    history: History,
    campaigns: Sequence[Campaign] | Campaign,
    brands: Sequence[BrandRules] = (),
    until: int | None = None,
    lateness: Mapping[str, int] = LATENESS,
) -> list[tuple[str, int]]:
    """As ``decided``, each with its time in milliseconds."""
    wanted = [campaigns] if isinstance(campaigns, Campaign) else campaigns
    records = oracle_details(history.sources, wanted, brands or [brand()], lateness, until)
    return [
        (f"{r.key.campaign} {r.key.episode}/{r.key.step} {r.outcome} {r.reason}", r.now)
        for r in sorted(records, key=lambda record: record.now)
    ]
