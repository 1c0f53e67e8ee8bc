"""A shop that sends at once: campaigns with delays of seconds, for what happens live."""

from __future__ import annotations

from typing import Any

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from streams.campaigns import CampaignSet
from tests.e2e.kit import now_ms
from tests.oracle.builders import DAY, MINUTE, History

BRAND = "acme"
SECOND = 1_000
REMINDER_MS = 2 * SECOND
LATER_MS = 20 * MINUTE
RHYTHM_MS = 20 * DAY
"""Who buys every ten days is late after twenty."""


def campaign(name: str, occasion: str, after_ms: int, key: str = "first", **fields: Any) -> Campaign:
    """A campaign by mail with one step."""
    own = {"name": name, "owner": "tests", "occasion": occasion, "brands": [BRAND], "channels": ["email"]}
    content = {"key": key, "languages": ["en"], "fallback": ["en"]}
    return Campaign.model_validate({"id": name, **own, "steps": [{"after": after_ms}], "content": content, **fields})


def shop_campaigns(*campaigns: Campaign, **rules: Any) -> CampaignSet:
    """These campaigns, without caps, quiet hours or a hold window. ``rules``: of the brand besides."""
    own = {"brand": BRAND, "currency": "GBP", "zone": "UTC", "hold_window": 0}
    return CampaignSet(campaigns, (BrandRules.model_validate(own | rules),))


class Now(History):
    """Live records: they happen when they are made."""

    def add(self, source: str, kind: str, at: int, arrived: int | None = None, **fields: Any) -> dict[str, Any]:
        """See ``History``; event ids are told apart from those of a replayed history."""
        record = super().add(source, kind, at, arrived, **fields)
        record["event_id"] = f"live-{record['event_id']}-{rfc3339(now_ms())}"
        return record
