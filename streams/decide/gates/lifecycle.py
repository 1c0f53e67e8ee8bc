"""Lifecycle: the brand has rules, the campaign runs now, in this market."""

from __future__ import annotations

from schemas.base import rfc3339
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def lifecycle(view: View, campaign: Compiled, brand: str) -> Answer:
    """Reasons: brand_rules_missing, campaign_not_running, market_excluded."""
    market = view.market(brand)
    if view.brand(brand) is None:
        return Answer("lifecycle", "brand_rules_missing", f"no rules for brand {brand}")
    if not campaign.starts <= view.now < campaign.ends:
        return Answer("lifecycle", "campaign_not_running", f"at {rfc3339(view.now)}")
    if campaign.campaign.markets and market not in campaign.campaign.markets:
        return Answer("lifecycle", "market_excluded", f"market {market}")
    return Answer("lifecycle", "", f"version {campaign.version}, market {market}")
