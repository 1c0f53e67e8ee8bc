"""The input of the pipeline's rows: the simulated retailer, its event types in the simulator's own shares and sizes."""

from __future__ import annotations

from pathlib import Path

from streams.campaigns import CampaignSet, load_campaigns
from streams.replay.files import merged
from streams.simulate import simulate_retailer

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
DAYS = 374
RECORDS_PER_CUSTOMER = 70
"""Lines of a simulated customer in ``DAYS``; guests, visitors and the catalogue are divided among all."""
CUSTOMERS_MIN = 20
SEED = 1

Line = tuple[str, int, bytes]
"""(source, arrived in milliseconds, raw value)."""


def directory_of(scratch: Path, records: int, seed: int = SEED) -> Path:
    """A directory with about ``records`` lines, 430 bytes each, of a simulated year; made when it is not there."""
    customers = max(CUSTOMERS_MIN, round(records / RECORDS_PER_CUSTOMER))
    place = scratch / f"retailer-{customers}-{seed}"
    if not place.exists():
        simulate_retailer(place, customers, DAYS, seed)
    return place


def simulated(scratch: Path, records: int, seed: int = SEED) -> list[Line]:
    """The lines of ``directory_of`` in the order of their arrival."""
    return list(merged(directory_of(scratch, records, seed)))


def shipped_campaigns() -> CampaignSet:
    """All campaigns and brand rules of the repository's ``campaigns/``."""
    return load_campaigns(CAMPAIGNS)
