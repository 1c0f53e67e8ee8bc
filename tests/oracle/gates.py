"""Section "Gates": what speaks against a step that came due, and on which channel it goes."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.base import to_ms
from schemas.campaigns import Campaign
from tests.oracle.calendars import business_rule, closed_rules, quiet_rule
from tests.oracle.caps import fitting_caps
from tests.oracle.customer import Customer, Items, World
from tests.oracle.experiments import content_of

Answer = tuple[str | None, str | None, Items]
ASKS_TO_BUY = ("cart_abandoned", "checkout_abandoned", "product_browsed", "second_purchase")


def refusal(
    campaign: Campaign, brand: str, world: World, customer: Customer, items: Items, channels: Sequence[str], now: int
) -> Answer:
    """The gates after the condition, in their order: (reason, None, items), or when all pass (None, channel, items that
    can be had).

    ``channels`` are the campaign's, or at a release the slot's one.
    """
    rules, profile = world.brands.get(brand), customer.facts.profile
    if rules is None:
        return "brand_rules_missing", None, items
    started = campaign.starts is None or to_ms(campaign.starts) <= now
    if not started or (campaign.ends is not None and now >= to_ms(campaign.ends)):
        return "campaign_not_running", None, items
    market = profile.market(brand)
    if campaign.markets and market not in campaign.markets:
        return "market_excluded", None, items
    consents = {channel: profile.consent(brand, channel, campaign.purpose) for channel in channels}
    granted = [channel for channel in channels if consents[channel] == "granted"]
    of_market = rules.markets[market].double_opt_in if market in rules.markets else None
    double = campaign.purpose != "service" and (rules.double_opt_in if of_market is None else of_market)
    consented = [c for c in granted if not double or profile.is_confirmed(brand, c, campaign.purpose, now)]
    channel = next((channel for channel in consented if profile.reachable(channel)), None)
    if channel is None:
        if consented:
            return "unreachable", None, items
        if granted:
            return "consent_unconfirmed", None, items
        return ("consent_withdrawn" if "withdrawn" in consents.values() else "no_consent"), None, items
    content = content_of(campaign, customer)
    if (content.markets and market not in content.markets) or profile.language(brand, rules, content) is None:
        return "content_missing", None, items
    left = _for_sale(campaign, brand, world, market, items)
    if items.quantities and not left.quantities:
        return "product_unavailable", None, items
    closed = closed_rules(rules, channel, market)
    by_calendar = [cap for cap in fitting_caps(rules, campaign, channel) if not isinstance(cap.per, int)]
    keeps_times = quiet_rule(rules, channel, market) is not None or closed or by_calendar
    keeps_times = keeps_times or (profile.is_company and business_rule(rules, channel, market) is not None)
    is_dated = campaign.occasion in ("birthday", "anniversary", "calendar")
    if (keeps_times or is_dated) and profile.zone(brand, rules) is None:
        return "zone_unknown", None, items
    return None, channel, left


def _for_sale(campaign: Campaign, brand: str, world: World, market: str | None, items: Items) -> Items:
    """The items that are available and have a price in the market, as strictly as the campaign wants it."""
    wanted = campaign.products or ("known" if campaign.occasion in ASKS_TO_BUY else "any")

    def is_sold(product: str) -> bool:
        listed = world.catalogue.get((brand, product))
        if listed is None:
            return wanted == "known"
        priced = [price["market"] for price in listed.get("prices", [])]
        return listed.get("available", True) and (market in priced or (wanted == "known" and not priced))

    if wanted == "any":
        return items
    return Items(
        {product: quantity for product, quantity in items.quantities.items() if is_sold(product)},
        items.cart_start,
        {product: quantity for product, quantity in items.cart_quantities.items() if is_sold(product)},
    )
