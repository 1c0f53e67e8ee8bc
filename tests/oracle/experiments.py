"""Section "Holdouts and arms": who is held out, and whose message looks how."""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b

from schemas.campaigns import Arm, BrandRules, Campaign, Content
from tests.oracle.customer import Customer


def share(salt: str, customer: str) -> float:
    """Where a customer stands between 0 and 1."""
    return int(blake2b(f"{salt}|{customer}".encode(), digest_size=8).hexdigest(), 16) / 2**64


def ghost_reason(campaign: Campaign, rules: BrandRules, customer: Customer) -> str | None:
    """Why a customer is held out; None: he is not."""
    of_brand = None if campaign.purpose == "service" else rules.holdout
    if of_brand is not None and share(of_brand.salt or rules.brand, customer.name) < _part(of_brand.percent):
        return "global_holdout"
    of_campaign = campaign.holdout
    if of_campaign is not None and share(of_campaign.salt or campaign.id, customer.name) < _part(of_campaign.percent):
        return "campaign_holdout"
    return None


def content_of(campaign: Campaign, customer: Customer) -> Content:
    """The content of the customer's arm, else the campaign's."""
    arm = arm_of(campaign, customer)
    return campaign.content if arm is None else arm.content or campaign.content


def arm_of(campaign: Campaign, customer: Customer) -> Arm | None:
    """The customer's arm; None: the campaign has none."""
    return arm_named(campaign, customer.name)


def arm_named(campaign: Campaign, name: str) -> Arm | None:
    """The arm of whoever has this name."""
    if campaign.experiment is None:
        return None
    arms = campaign.experiment.arms
    left = share(campaign.experiment.salt or campaign.id, name) * sum(arm.weight for arm in arms)
    for arm in arms:
        left -= arm.weight
        if left < 0:
            return arm
    return None


def _part(percent: Decimal) -> float:
    return float(percent / 100)
