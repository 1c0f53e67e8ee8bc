"""The small retailer of the fault tests, and what has to become of its records: by the core, and by the oracle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.campaigns import BrandRules, Campaign
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet
from streams.replay.files import merged, read_source, source_files
from streams.settings import Settings
from streams.simulate import simulate_retailer
from tests.e2e.kit import write_campaigns, write_lines
from tests.e2e.retailer import Scenes, moment, small_campaigns
from tests.oracle import oracle_details

CUSTOMERS, DAYS, SEED = 60, 45, 5
Outcome = tuple[str, str, str]
"""Decision id, outcome, reason."""


@dataclass(frozen=True)
class Retailer:
    """A history in files, its campaigns, and its decisions as two independent programs make them."""

    history: Path
    content: CampaignSet
    lines: int
    """Records in the files, broken ones included."""
    first_ms: int
    last_ms: int
    """Arrival of the first and of the last record."""
    backtest: BacktestResult
    oracle: Counter[Outcome]
    """Each record of a decision that the oracle makes."""


def make_retailer(
    directory: Path, customers: int = CUSTOMERS, days: int = DAYS, seed: int = SEED, *, scenes: bool = True
) -> Retailer:
    """Simulated customers, and (``scenes``) the rare stories of the end-to-end tests, logins and merges."""
    history = directory / "history"
    simulate_retailer(history, customers, days, seed)
    if scenes:
        write_lines(history, MergeScenes().sources)
    return judged(history, small_campaigns(), directory / "campaigns")


def judged(history: Path, content: CampaignSet, campaigns: Path) -> Retailer:
    """The retailer of a replay directory. Both programs have to agree on it before anything is killed."""
    write_campaigns(campaigns, content)
    lateness = Settings().replay_lateness
    lines = list(merged(history))
    backtest = backtest_lines(lines, content, lateness)
    records = {source: _readable(history, source) for source in source_files(history)}
    oracle = oracle_outcomes(records, content.campaigns, content.brands, {s: lateness(s) for s in records})
    assert oracle == outcomes(backtest.decisions), "core and oracle differ: see tests/property"
    return Retailer(history, content, len(lines), lines[0][1], lines[-1][1], backtest, oracle)


def oracle_outcomes(
    records: Mapping[str, list[dict[str, Any]]],
    campaigns: tuple[Campaign, ...],
    brands: tuple[BrandRules, ...],
    lateness_ms: Mapping[str, int],
) -> Counter[Outcome]:
    """Every decision record of the oracle."""
    return Counter(record.tuple for record in oracle_details(records, campaigns, brands, lateness_ms))


def outcomes(decisions: list[dict[str, Any]]) -> Counter[Outcome]:
    """How often each decision id was recorded with each outcome and reason."""
    return Counter((one["decision_id"], one["outcome"], one["reason"]) for one in decisions)


def _readable(history: Path, source: str) -> list[dict[str, Any]]:
    """Records as the oracle takes them: it knows no contract, so what the simulator broke on purpose is left out."""
    records = []
    for line in read_source(history, source):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not record["event_id"].endswith("-broken"):
            records.append(record)
    return records


class MergeScenes(Scenes):
    """Visitors who log in later, and customers whom the CRM merges, so that states move between partitions."""

    PAIRS = 12

    def __init__(self) -> None:
        super().__init__()
        for number in range(self.PAIRS):
            self._login(number)
            self._merge(number)

    def _login(self, number: int) -> None:
        """A cart of a cookie; the login says whose it is before the reminder is due."""
        who, cookie, day = f"l-{number}", f"cookie-{number}", 6 + 3 * number
        self.profile(moment(1, 9), who, time_zone="Europe/London")
        self.cart(moment(day, 9), {"mug": 2}, f"cart-of-{who}", anonymous_id=cookie)
        self.identified(moment(day, 10), who, anonymous_id=cookie)

    def _merge(self, number: int) -> None:
        """Two customers, each with a cart, are one from an hour later on."""
        kept, gone, day = f"m-{number}", f"n-{number}", 7 + 3 * number
        for who in (kept, gone):
            self.profile(moment(1, 9), who, time_zone="Europe/London")
            self.cart(moment(day, 9), {"mug": 2}, f"cart-of-{who}", customer_id=who)
        self.merged(moment(day, 10), gone, kept)
