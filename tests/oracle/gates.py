"""Section "Gates": what speaks against a step that came due, on which channel it goes, and what caps forbid."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.base import to_ms
from schemas.campaigns import BrandRules, Campaign
from tests.oracle.calendars import quiet_rule
from tests.oracle.customer import Customer
from tests.oracle.profiles import Profile


def refusal(
    campaign: Campaign, brand: str, rules: BrandRules | None, profile: Profile, channels: Sequence[str], now: int
) -> tuple[str | None, str | None]:
    """The gates after the episode's, in their order: (reason, None), or (None, channel) when all pass.

    ``channels`` are the campaign's, or at a release the slot's one.
    """
    if rules is None:
        return "brand_rules_missing", None
    started = campaign.starts is None or to_ms(campaign.starts) <= now
    if not started or (campaign.ends is not None and now >= to_ms(campaign.ends)):
        return "campaign_not_running", None
    market = profile.market(brand)
    if campaign.markets and market not in campaign.markets:
        return "market_excluded", None
    consents = {channel: profile.consent(brand, channel, campaign.purpose) for channel in channels}
    consented = [channel for channel in channels if consents[channel] == "granted"]
    channel = next((channel for channel in consented if profile.reachable(channel)), None)
    if channel is None:
        if consented:
            return "unreachable", None
        return ("consent_withdrawn" if "withdrawn" in consents.values() else "no_consent"), None
    content = campaign.content
    if (content.markets and market not in content.markets) or profile.language(brand, rules, content) is None:
        return "content_missing", None
    needs_zone = campaign.occasion in ("birthday", "anniversary", "calendar") or quiet_rule(rules, channel) is not None
    if needs_zone and profile.zone(brand, rules) is None:
        return "zone_unknown", None
    return None, channel


def capped(customer: Customer, brand: str, rules: BrandRules, channel: str, now: int) -> bool:
    """Whether a cap for the channel or for all forbids one more message now."""
    for cap in rules.caps:
        if cap.channel not in (channel, "*"):
            continue
        sends = [
            send
            for send in customer.sends
            if send.candidate.key.brand == brand
            and cap.channel in (send.candidate.channel, "*")
            and send.decided > now - cap.per
        ]
        if len(sends) >= cap.max:
            return True
    return False
