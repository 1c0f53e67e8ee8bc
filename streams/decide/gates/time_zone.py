"""Zone: whoever is promised a quiet night, a day or a time of day on a date needs a known time zone."""

from __future__ import annotations

from schemas.occasions import DATED
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def time_zone(view: View, campaign: Compiled, brand: str, channel: str) -> Answer:
    """Reason: zone_unknown."""
    name = view.zone(brand)
    if name is not None:
        return Answer("zone", "", name)
    rules = view.brand(brand)
    needs = rules is not None and rules.needs_zone(campaign.campaign, channel, view.market(brand), view.is_company())
    if needs or campaign.occasion in DATED:
        return Answer("zone", "zone_unknown", "profile, store, address, market and brand name no zone")
    return Answer("zone", "", "not needed")
