"""What differs between two sets of campaigns: added, removed, and changed field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from streams.campaigns import CampaignSet

FieldChange = tuple[str, Any, Any]
"""(field, before, after); None: it was, or is, not there."""


@dataclass(frozen=True)
class Change:
    """One campaign or one brand's rules that differ."""

    what: Literal["campaign", "brand"]
    name: str
    kind: Literal["added", "removed", "changed"]
    fields: tuple[FieldChange, ...] = ()


def differences(before: CampaignSet, after: CampaignSet) -> list[Change]:
    """All changes, brands first, by name."""
    brands = _changes("brand", {one.brand: one for one in before.brands}, {one.brand: one for one in after.brands})
    campaigns = _changes(
        "campaign", {one.id: one for one in before.campaigns}, {one.id: one for one in after.campaigns}
    )
    return [*brands, *campaigns]


def in_words(change: Change) -> list[str]:
    """A line for the change, and one for each field."""
    sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
    lines = [f"{sign} {change.what} {change.name} {change.kind}"]
    return lines + [f"    {field}: {_shown(old)} -> {_shown(new)}" for field, old, new in change.fields]


def as_rows(changes: list[Change]) -> list[dict[str, Any]]:
    """For ``--json``."""
    return [
        {
            "what": change.what,
            "name": change.name,
            "change": change.kind,
            "fields": [{"field": field, "before": old, "after": new} for field, old, new in change.fields],
        }
        for change in changes
    ]


def _changes(
    what: Literal["campaign", "brand"], before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]
) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change(what, name, "added")
        elif name not in after:
            yield Change(what, name, "removed")
        elif fields := tuple(_fields(before[name], after[name])):
            yield Change(what, name, "changed", fields)


def _fields(before: BaseModel, after: BaseModel) -> Iterator[FieldChange]:
    old, new = (dict(_flat("", model.model_dump(mode="json"))) for model in (before, after))
    for field in [*old, *(field for field in new if field not in old)]:
        if old.get(field) != new.get(field):
            yield field, old.get(field), new.get(field)


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Fields below a value; a list of tables by position, any other list as one value."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(f"{place}.{name}" if place else name, inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value, 1):
            yield from _flat(f"{place}.{number}", inner)
    else:
        yield place, value


def _shown(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
