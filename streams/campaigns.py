"""Campaign and brand files: YAML in a directory, checked with sentences a marketer understands, and how they travel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from streams.errors import CampaignError


@dataclass(frozen=True)
class CampaignSet:
    """All campaigns and brand rules of a directory, by id and by brand."""

    campaigns: tuple[Campaign, ...]
    brands: tuple[BrandRules, ...]


def load_campaigns(directory: Path) -> CampaignSet:
    """Read every ``*.yaml`` of a directory: a file with ``brand`` is a brand's rules, one with ``id`` a campaign.

    Raises CampaignError with all that is wrong, one sentence each.
    """
    files = sorted(directory.glob("*.yaml"))
    if not files:
        raise CampaignError(f"{directory} holds no *.yaml file; a campaign is one file, a brand's rules another.")
    faults: list[str] = []
    campaigns: dict[str, Campaign] = {}
    brands: dict[str, BrandRules] = {}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text())
        except yaml.YAMLError as error:
            faults.append(f"{file.name} is not YAML: {_place(error)}.")
            continue
        if not isinstance(content, dict):
            faults.append(f"{file.name} holds no fields; begin with 'id: …' (a campaign) or 'brand: …' (rules).")
            continue
        model: type[BaseModel] = BrandRules if "brand" in content else Campaign
        try:
            checked = model.model_validate(content)
        except ValidationError as error:
            faults += [f"{file.name}: {_sentence(one)}" for one in error.errors(include_url=False)]
            continue
        if isinstance(checked, BrandRules):
            _add(brands, checked.brand, checked, file, faults)
        elif isinstance(checked, Campaign):
            _add(campaigns, checked.id, checked, file, faults)
    faults += [
        f"{campaign.id}: brand {brand!r} has no rules; add a file that begins with 'brand: {brand}'."
        for campaign in campaigns.values()
        for brand in campaign.brands
        if brand not in brands and not faults
    ]
    if faults:
        raise CampaignError("\n".join(faults))
    return CampaignSet(
        tuple(campaigns[name] for name in sorted(campaigns)), tuple(brands[name] for name in sorted(brands))
    )


def known_brands(content: CampaignSet) -> frozenset[str]:
    """The brands that have rules or campaigns; records of other brands are quarantined."""
    return frozenset(rules.brand for rules in content.brands) | {
        brand for campaign in content.campaigns for brand in campaign.brands
    }


def version_of(content: BaseModel) -> str:
    """12 hex digits of the SHA-256 of the content: equal content, equal version."""
    text = json.dumps(content.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def records(content: CampaignSet, in_force_ms: int, published_by: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """(key, record) for the topic ``campaigns`` (``schemas.campaigns.CampaignRecord``), rules before campaigns."""
    for rules in content.brands:
        yield f"{rules.brand}:", _record("brand.published", rules.brand, None, rules, in_force_ms, published_by)
    for campaign in content.campaigns:
        record = _record("campaign.published", campaign.brands[0], campaign, None, in_force_ms, published_by)
        yield f"{campaign.brands[0]}:{campaign.id}", record


def _record(
    kind: str, brand: str, campaign: Campaign | None, rules: BrandRules | None, in_force_ms: int, published_by: str
) -> dict[str, Any]:
    content = campaign or rules
    assert content is not None
    version = version_of(content)
    name = campaign.id if campaign else brand
    return {
        "event_id": f"{kind}/{name}/{version}/{in_force_ms}",
        "type": kind,
        "occurred_at": rfc3339(in_force_ms),
        "brand": brand,
        "market": "GB",
        "campaign_id": campaign.id if campaign else None,
        "version": version,
        "published_by": published_by,
        "campaign": None if campaign is None else campaign.model_dump(mode="json"),
        "rules": None if rules is None else rules.model_dump(mode="json"),
    }


def _add(known: dict[str, Any], name: str, item: Any, file: Path, faults: list[str]) -> None:
    if name in known:
        faults.append(f"{file.name}: {name!r} is defined in another file too; keep one of them.")
    known[name] = item


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _sentence(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the file"
    text = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"field {field!r} is unknown; remove it or correct its spelling (docs/campaigns.md lists all fields)."
    if error["type"] == "missing":
        return f"field {field!r} is missing."
    return f"field {field!r} = {error['input']!r}: {text}."
