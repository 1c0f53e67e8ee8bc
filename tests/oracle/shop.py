"""Section "Public profile": what a shop may know of each customer at the end of a run, recomputed from the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign, Offer
from tests.oracle.customer import Customer, Facts, Send
from tests.oracle.experiments import arm_named
from tests.oracle.history import DAY_MS, Event
from tests.oracle.lifecycle import Life
from tests.oracle.of_visits import visits_of
from tests.oracle.walk import Walk, walked

AFFINITY_MS = 125 * DAY_MS
OFFER_MS = 30 * DAY_MS
MOST = 5

Records = Mapping[str, Sequence[Mapping[str, Any]]]


def oracle_profiles(
    history: Records,
    campaigns: Sequence[Campaign],
    brands: Sequence[BrandRules],
    lateness_ms: Mapping[str, int],
    until_ms: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Key of the topic -> record without ``as_of``, as of the last moment of the run."""
    walk, until = walked(history, campaigns, brands, lateness_ms, until_ms)
    found = {}
    for customer in walk.customers.values():
        for rules in brands:
            if rules.profile and _may_know(customer.facts, rules, until - 1):
                found[f"{rules.brand}:{customer.name}"] = _profile(walk, customer, rules, until - 1)
    return found


def _may_know(facts: Facts, rules: BrandRules, now: int) -> bool:
    """Whether the customer's consent to marketing onsite counts."""
    profile = facts.profile
    if profile.consent(rules.brand, "onsite", "marketing") != "granted":
        return False
    market = rules.markets.get(profile.market(rules.brand) or "")
    of_market = None if market is None else market.double_opt_in
    double = rules.double_opt_in if of_market is None else of_market
    return not double or profile.is_confirmed(rules.brand, "onsite", "marketing", now)


def _profile(walk: Walk, customer: Customer, rules: BrandRules, now: int) -> dict[str, Any]:
    life, visits = Life(customer.facts, rules), visits_of(customer.facts.events, rules.brand)[::-1]
    return {
        "brand": rules.brand,
        "stage": life.stage(now),
        "segments": life.segments(now),
        "affinities": _affinities(walk, life, now),
        "visits": len(visits),
        "last_visit_at": rfc3339(visits[0].at) if visits else None,
        "devices": _distinct([str(visit.record.get("device", "other")) for visit in visits]),
        "origins": _distinct([_origin(visit) for visit in visits]),
        "offers": _offers(customer, rules.brand, now),
    }


def _origin(visit: Event) -> str:
    referrer = str(visit.record.get("referrer") or "")
    return referrer.split("//")[-1].split("/")[0].split(":")[0].lower() or "direct"


def _distinct(values: list[str]) -> list[str]:
    return sorted(set(values), key=values.index)[:MOST]


def _affinities(walk: Walk, life: Life, now: int) -> list[str]:
    counts: Counter[str] = Counter()
    for purchase in life.kept:
        for line in purchase.lines:
            item = walk.world.catalogue.get((life.rules.brand, line.product), {})
            if line.kept > 0 and now < purchase.at + AFFINITY_MS and item.get("category"):
                counts[item["category"]] += 1
    return [name for _, name in sorted((-count, name) for name, count in counts.items())][:MOST]


def _offers(customer: Customer, brand: str, now: int) -> list[dict[str, Any]]:
    found = []
    for send in customer.sends:
        key, offer = send.candidate.key, _offer(customer, send)
        if key.brand != brand or send.candidate.ghost is not None or send.corrected or offer is None:
            continue
        if now < send.decided + min(offer.valid_for, OFFER_MS):
            told = {"kind": offer.kind, "value": offer.value, "code": offer.code, "pool": offer.pool}
            told |= {"valid_until": rfc3339(send.decided + offer.valid_for), "campaign": key.campaign}
            found.append(((-send.decided, key.campaign, key.episode, key.step), told))
    return [told for _, told in sorted(found, key=lambda row: row[0])]


def _offer(customer: Customer, send: Send) -> Offer | None:
    """The arm's, else the step's, else the campaign's; none when those who became the customer were in several arms."""
    campaign = send.candidate.campaign
    own = campaign.steps[send.candidate.key.step - 1].offer or campaign.offer
    if campaign.experiment is None:
        return own
    names = {each.customer for each in customer.sends if each.candidate.key.campaign == campaign.id}
    arms = {arm.id: arm for name in names if (arm := arm_named(campaign, name)) is not None}
    return None if len(arms) > 1 else next(iter(arms.values())).offer or own
