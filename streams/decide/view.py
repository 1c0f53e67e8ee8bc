"""What an occasion or a gate may look at: one customer's state and the rules in force, at one logical time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.base import utc_day
from streams.decide.facts import (
    Matched,
    bought_since,
    days_with_purchases,
    kept_purchases,
    matched_returns,
    products_bought,
)
from streams.decide.lifecycle import customer_facts
from streams.decide.pauses import NOTHING, Pauses
from streams.decide.rules import Brand, Item, Rules, RuleSet
from streams.decide.state import DAY_MS, CustomerState, Purchase


class View(msgspec.Struct):
    """A customer at a logical time ``now`` (milliseconds)."""

    state: CustomerState
    now: int
    rules: RuleSet
    catalogue: Rules
    pauses: Pauses = NOTHING

    def brand(self, brand: str) -> Brand | None:
        """The brand's rules; None: not published."""
        return self.rules.brands.get(brand)

    def item(self, brand: str, product: str) -> Item | None:
        """A product of the brand's catalogue; None: unknown."""
        return self.catalogue.item(brand, product, self.now)

    def matched(self, brand: str) -> Matched:
        """What came back, by purchase line."""
        return matched_returns(self.state, brand)

    def kept(self, brand: str) -> list[Purchase]:
        """The brand's kept purchases, oldest first."""
        return kept_purchases(self.state, brand)

    def purchase_days(self, brand: str) -> list[int]:
        """The first of these of each UTC day with one."""
        return days_with_purchases(self.state, brand)

    def bought_since(self, brand: str, since: int) -> tuple[dict[str, int], list[Purchase]]:
        """Product -> quantity bought at or after ``since``; and the purchases, oldest first."""
        return bought_since(self.state, brand, since)

    def products_bought(self, brand: str) -> set[str]:
        """The products ever bought of the brand, as far as lines are remembered."""
        return products_bought(self.state, brand)

    def life(self, brand: str) -> Mapping[str, Any]:
        """Stage, value, scores and segments; see ``customer_facts``."""
        return customer_facts(self, brand)

    def market(self, brand: str) -> str | None:
        """The profile's country, else the market of the last event of the brand."""
        profile = self.state.profile
        if profile is not None and profile.country:
            return profile.country
        last = self.state.markets.get(brand)
        return None if last is None else last[0]

    def region(self) -> str | None:
        """The region of the customer's address, if his profile names one."""
        profile = self.state.profile
        return None if profile is None else profile.region

    def is_company(self) -> bool:
        """Whether the customer is a company, as far as his profile says."""
        profile = self.state.profile
        return profile is not None and profile.company

    def zone(self, brand: str) -> str | None:
        """The customer's time zone: profile, then home store, address, the brand's market, the brand; None: unknown."""
        profile, rules = self.state.profile, self.brand(brand)
        if profile is not None and profile.zone:
            return profile.zone
        if rules is None:
            return None
        known = rules.rules
        if profile is not None and (known.stores or known.regions):
            found = known.stores.get(profile.home_store or "") or known.regions.get(profile.region or "")
            if found is not None:
                return found
        market = known.markets.get(self.market(brand) or "")
        return (market.zone if market is not None else None) or known.zone

    def languages(self, brand: str) -> list[str]:
        """The customer's languages, best first, each tag before its primary subtag."""
        profile = self.state.profile
        if profile is not None and profile.language:
            return _with_primary([profile.language])
        rules = self.brand(brand)
        if rules is None:
            return []
        market = rules.rules.markets.get(self.market(brand) or "")
        tags = [market.language if market is not None else None, rules.rules.language]
        return _with_primary([tag for tag in tags if tag])


def _with_primary(tags: list[str]) -> list[str]:
    chain: list[str] = []
    for tag in tags:
        chain += [tag, tag.split("-")[0]]
    return list(dict.fromkeys(chain))


def utc_date(ms: int) -> str:
    """ISO date in UTC."""
    return utc_day(ms // DAY_MS)
