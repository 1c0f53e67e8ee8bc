"""Occasions whose latency is measured: which event makes one due, and the campaign that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.campaigns import BrandRules, Campaign
from streams.campaigns import CampaignSet

BRAND = "latency"
NOW = "@NOW@"
"""Becomes the time at which the event is produced."""
Event = dict[str, Any]


@dataclass(frozen=True)
class Occasion:
    """``name``: as campaigns call it. ``source``: input topic of ``event``, which makes it due for a customer.

    ``settings``: what differs from the shipped ones. ``campaign``: its fields beside those that all share.
    """

    name: str
    channel: str
    source: str
    event: Callable[[str], Event]
    campaign: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def campaigns(self) -> CampaignSet:
        """One campaign without caps, quiet hours or a hold window."""
        campaign = {
            "id": "latency",
            "name": "Latency",
            "owner": "benchmark",
            "occasion": self.name,
            "brands": [BRAND],
            "channels": [self.channel],
            "steps": [{"after": 0}],
            "content": {"key": "latency", "languages": ["en"], "fallback": ["en"]},
        }
        rules = {"brand": BRAND, "currency": "GBP", "zone": "UTC", "language": "en", "hold_window": 0}
        campaigns = (Campaign.model_validate(campaign | self.campaign),)
        return CampaignSet(campaigns, (BrandRules.model_validate(rules),))


def base(event_id: str, kind: str) -> Event:
    """The fields of every event."""
    return {"event_id": event_id, "type": kind, "occurred_at": NOW, "brand": BRAND, "market": "GB"}


def registration(customer: str, channel: str) -> Event:
    """A customer who agreed to everything on a channel."""
    return {
        **base(f"{customer}-profile", "customer.registered"),
        "customer_id": customer,
        "registered_at": NOW,
        "language": "en",
        "time_zone": "UTC",
        "consents": [{"channel": channel, "purpose": "marketing", "status": "granted", "at": NOW}],
        "contact_points": [{"channel": channel, "reachable": True}],
    }


def page_view(number: int, visitors: int) -> Event:
    """Somebody looks at a page; nothing is due."""
    visitor = number % visitors
    ids = {"session_id": f"visit-{visitor}", "anonymous_id": f"visitor-{visitor}"}
    return {**base(f"view-{number}", "page.viewed"), **ids, "page": "/"}


WELCOME = Occasion(
    "welcome",
    "email",
    "customers",
    lambda customer: registration(customer, "email"),
    # Event time: what is due waits until every source is complete. Without allowed lateness the path shows.
    settings={"lateness_ms_default": 0},
)
WELCOME_ON_ARRIVAL = Occasion(
    "welcome",
    "onsite",
    "customers",
    lambda customer: registration(customer, "onsite"),
    campaign={"timing": "on_arrival"},
)
