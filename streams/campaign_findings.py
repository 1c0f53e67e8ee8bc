"""What is valid and yet amiss with a set of campaigns: those that can never fire, compete, or lack content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Literal

from schemas.base import rfc3339, to_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.occasions import DATED, ReturningSessionOptions
from streams.campaign_never import never
from streams.campaign_yaml import Place
from streams.campaigns import CampaignSet
from streams.decide.conditions.truth import can_hold
from streams.decide.rules import Brand, compile_brand


@dataclass(frozen=True)
class Finding:
    """Something amiss. ``text``: a sentence about the campaign."""

    kind: Literal["never", "ended", "competes", "tie", "content", "zone"]
    campaign: str
    field: str
    text: str


def findings(found: CampaignSet, at: datetime, sources: frozenset[str] | None = None) -> list[Finding]:
    """All findings, by campaign. ``at``: the present; ``sources``: input topics that exist here, None: all."""
    rules = {brand.brand: brand for brand in found.brands}
    result: list[Finding] = []
    for campaign in found.campaigns:
        if campaign.ends is not None and campaign.ends <= at:
            text = f"ended at {campaign.ends.isoformat()} and does not fire any more; remove the file or move the end."
            result.append(Finding("ended", campaign.id, "ends", text))
        result += [Finding("never", campaign.id, field, text) for field, text in never(campaign, rules, sources)]
        for brand in campaign.brands:
            result += _content(campaign, rules[brand])
            result += _zones(campaign, rules[brand])
    for one, other in combinations(found.campaigns, 2):
        result += _rivals(one, other)
    return sorted(result, key=lambda finding: finding.campaign)


def places(place: str) -> Place:
    """``steps.0`` as the way to a field."""
    return tuple(int(part) if part.isdigit() else part for part in place.split("."))


def markets_of(campaign: Campaign, rules: BrandRules) -> list[str]:
    """The markets that a campaign runs in, as far as they are named: its own, else those of the brand."""
    return list(campaign.markets or rules.markets)


def _content(campaign: Campaign, rules: BrandRules) -> Iterator[Finding]:
    """Markets for whose language, or for which at all, no content exists."""
    made = campaign.content
    for market in markets_of(campaign, rules):
        if made.markets and market not in made.markets:
            why, field = f"content.markets names {', '.join(made.markets)}", "content.markets"
        else:
            own = rules.markets.get(market)
            language = (own.language if own is not None else None) or rules.language
            chain = [*([language, language.split("-")[0]] if language else []), *made.fallback]
            if any(tag in made.languages for tag in chain):
                continue
            why = f"{language or 'no language'} is spoken there, {made.key} exists in {', '.join(made.languages)}"
            why, field = f"{why}, and content.fallback names none of them", "content.languages"
        text = (
            f"content is missing in market {market} of {rules.brand}: {why}; write it, add a fallback, or name markets."
        )
        yield Finding("content", campaign.id, field, text)


def _zones(campaign: Campaign, rules: BrandRules) -> Iterator[Finding]:
    """Markets without a zone, where one is needed: only customers whose profile has one get the message."""
    quiet = compile_brand(rules, "")
    wanting = [channel for channel in campaign.channels if _keeps_times(quiet, campaign, channel)]
    if rules.zone or not (wanting or campaign.occasion in DATED):
        return
    without = [
        market for market in markets_of(campaign, rules) if not (market in rules.markets and rules.markets[market].zone)
    ]
    if without or not markets_of(campaign, rules):
        why = f"the occasion {campaign.occasion}" if campaign.occasion in DATED else f"quiet hours on {wanting[0]}"
        where = f"of {', '.join(without)}" if without else "of any market"
        text = (
            f"the rules of {rules.brand} know no time zone {where}, which {why} needs: only customers whose profile "
            "has one get the message; add the zone to the brand."
        )
        yield Finding("zone", campaign.id, "markets", text)


def _keeps_times(rules: Brand, campaign: Campaign, channel: str) -> bool:
    """Whether a message on the channel needs the customer's zone in any market."""
    markets = [None, *(rules.rules.markets or ()), *(quiet.market for quiet in rules.rules.quiet_hours)]
    markets += [closed.market for closed in rules.rules.closed_days]
    return any(rules.needs_zone(campaign, channel, market) for market in dict.fromkeys(markets))


def _rivals(one: Campaign, other: Campaign) -> Iterator[Finding]:
    """Two campaigns for one moment, or two that may meet in a slot with the same priority."""
    where = _overlap(one, other)
    if where is None:
        return
    if one.occasion == other.occasion:
        if not can_hold([text for text in (one.when, other.when) if text]) or _of_other_visits(one, other):
            return
        first = f"priority {one.priority} each, so the earlier due or else the first id goes"
        if one.priority != other.priority:
            ahead = max(one, other, key=lambda campaign: campaign.priority)
            first = f"{ahead.id} goes first by priority {one.priority} against {other.priority}"
        text = (
            f"competes with {other.id} for the same moment ({one.occasion}, {where}): {first}; give them other "
            "markets, times, or conditions that exclude one another."
        )
        yield Finding("competes", one.id, "occasion", text)
    elif one.priority == other.priority:
        text = (
            f"has the priority {one.priority} of {other.id} ({where}): when both are due the earlier goes, then the "
            "first id; give them different priorities."
        )
        yield Finding("tie", one.id, "priority", text)


def _of_other_visits(one: Campaign, other: Campaign) -> bool:
    """Whether no visit is one that both greet: by number, or by device."""
    if one.occasion != "returning_session":
        return False
    a, b = (ReturningSessionOptions.model_validate(campaign.options) for campaign in (one, other))
    ends_before = [
        first.visits_max is not None and first.visits_max < last.visits_min for first, last in ((a, b), (b, a))
    ]
    return any(ends_before) or bool(a.devices and b.devices and not set(a.devices) & set(b.devices))


def _overlap(one: Campaign, other: Campaign) -> str | None:
    """Brand, channel, markets and time that two campaigns share, in words; None: they never meet."""
    brands = [brand for brand in one.brands if brand in other.brands]
    channels = [channel for channel in one.channels if channel in other.channels]
    markets = [market for market in one.markets if not other.markets or market in other.markets]
    if not one.markets:
        markets = list(other.markets)
    if not brands or not channels or (one.markets and other.markets and not markets):
        return None
    starts = [to_ms(moment) for moment in (one.starts, other.starts) if moment is not None]
    ends = [to_ms(moment) for moment in (one.ends, other.ends) if moment is not None]
    if starts and ends and max(starts) >= min(ends):
        return None
    words = [f"brand {', '.join(brands)}", f"channel {', '.join(channels)}"]
    words += [f"markets {', '.join(markets)}"] if markets else []
    words += [f"from {rfc3339(max(starts))[:10]}"] if starts else []
    words += [f"until {rfc3339(min(ends))[:10]}"] if ends else []
    return ", ".join(words)
