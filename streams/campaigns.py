"""Campaign and brand files: YAML in a directory, checked with sentences a marketer understands, and how they travel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from streams.campaign_faults import check, similar
from streams.campaign_yaml import YamlError, YamlFile, read_yaml
from streams.errors import CampaignError


@dataclass(frozen=True)
class CampaignSet:
    """All campaigns and brand rules of a directory, by id and by brand."""

    campaigns: tuple[Campaign, ...]
    brands: tuple[BrandRules, ...]


def load_campaigns(directory: Path) -> CampaignSet:
    """Read every ``*.yaml`` of a directory: a file with ``brand`` is a brand's rules, any other a campaign.

    Raises CampaignError with all that is wrong, one sentence each, with file and line.
    """
    return load_with_files(directory)[0]


def load_with_files(directory: Path) -> tuple[CampaignSet, dict[str, YamlFile]]:
    """As ``load_campaigns``, with the file of each campaign by its id."""
    faults = _misnamed(directory)
    campaigns: dict[str, tuple[Campaign, YamlFile]] = {}
    brands: dict[str, tuple[BrandRules, YamlFile]] = {}
    unread: set[str] = set()
    for path in sorted(directory.glob("*.yaml")):
        try:
            file = read_yaml(path)
        except YamlError as error:
            faults.append(f"{path.name} {error}")
            continue
        checked, found = check(file)
        faults += found
        if isinstance(checked, BrandRules):
            _add(brands, checked.brand, checked, file, faults)
        elif isinstance(checked, Campaign):
            _add(campaigns, checked.id, checked, file, faults)
        elif isinstance(file.content, dict):
            unread.add(str(file.content.get("brand")))
    known = brands.keys() | unread
    faults += [
        f"{file.where(('brands', number))}: brand {brand!r} has no rules; add a file that begins with "
        f"'brand: {brand}'{similar(brand, sorted(known)) or '.'}"
        for campaign, file in campaigns.values()
        for number, brand in enumerate(campaign.brands)
        if brand not in known
    ]
    faults += _segments_missing(campaigns, {brand: rules for brand, (rules, _) in brands.items()})
    if faults:
        raise CampaignError("\n".join(faults))
    content = CampaignSet(
        tuple(campaigns[name][0] for name in sorted(campaigns)), tuple(brands[name][0] for name in sorted(brands))
    )
    return content, {name: file for name, (_, file) in campaigns.items()}


def _segments_missing(
    campaigns: Mapping[str, tuple[Campaign, YamlFile]], brands: Mapping[str, BrandRules]
) -> Iterator[str]:
    """Campaigns about segments that the rules of one of their brands do not define."""
    for campaign, file in campaigns.values():
        wanted = campaign.options.get("segment")
        if wanted is None:
            continue
        for rules in (brands[brand] for brand in campaign.brands if brand in brands):
            defined = [segment.id for segment in rules.segments]
            if wanted not in defined:
                yield (
                    f"{file.where(('options', 'segment'))}: segment {wanted!r} is not defined for brand "
                    f"{rules.brand!r}; add it to 'segments' of the brand's rules{similar(wanted, defined) or '.'}"
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


def withdrawn(campaign: Campaign, in_force_ms: int, published_by: str) -> tuple[str, dict[str, Any]]:
    """(key, record) that takes a campaign out of force."""
    record = _record("campaign.withdrawn", campaign.brands[0], campaign, None, in_force_ms, published_by)
    return f"{campaign.brands[0]}:{campaign.id}", {**record, "campaign": None}


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


def _misnamed(directory: Path) -> list[str]:
    """Files that nobody would read. Raises CampaignError when there is none that somebody does."""
    if not directory.is_dir():
        raise CampaignError(f"{directory} is not a directory; name the one that holds campaign and brand files.")
    if not any(directory.glob("*.yaml")):
        raise CampaignError(f"{directory} holds no *.yaml file; a campaign is one file, a brand's rules another.")
    return [f"{path.name} is not read; name it {path.stem}.yaml." for path in sorted(directory.glob("*.yml"))]


def _add(known: dict[str, tuple[Any, YamlFile]], name: str, item: Any, file: YamlFile, faults: list[str]) -> None:
    if name in known:
        faults.append(f"{file.path.name}: {name!r} is defined in {known[name][1].path.name} too; keep one of them.")
    known[name] = (item, file)
