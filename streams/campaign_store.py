"""What is published, and everything that ever was: the topics ``campaigns`` and ``campaign-history``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.base import rfc3339
from schemas.campaigns import CampaignRecord
from schemas.topics import MARK_KEY
from streams.campaigns import CampaignSet
from streams.errors import CampaignError
from streams.settings import Settings
from streams.tools import consumer, latest_values, producer, read_all
from streams.wire import partition_of

Keyed = tuple[str, dict[str, Any]]
"""(key, record) for the topic ``campaigns``."""


def published(settings: Settings) -> CampaignSet:
    """What the topic ``campaigns`` says last of every campaign and brand, in force or to come."""
    with consumer(settings) as client:
        latest = latest_values(client, settings, "campaigns")
    return as_set(_read("campaigns", key, value) for (_, key), value in latest.items() if key != MARK_KEY)


def as_set(records: Iterable[CampaignRecord]) -> CampaignSet:
    """The set that the latest record of each name makes."""
    latest: dict[tuple[bool, str], CampaignRecord] = {}
    for record in sorted(records, key=lambda one: (one.published_at or one.occurred_at, one.occurred_at)):
        latest[record.type == "brand.published", name_of(record)] = record
    found = [latest[place] for place in sorted(latest)]
    return CampaignSet(
        tuple(record.campaign for record in found if record.campaign is not None),
        tuple(record.rules for record in found if record.rules is not None),
    )


def _read(topic: str, key: bytes, value: bytes) -> CampaignRecord:
    """A record as this release reads it. Raises CampaignError when it cannot."""
    try:
        return CampaignRecord.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise CampaignError(
            f"The record {key.decode(errors='replace')!r} on {topic} cannot be read by this release (field {field!r}: "
            f"{first['msg']}); publish that campaign with the release that wrote it, or upgrade this one."
        ) from error


def name_of(record: CampaignRecord) -> str:
    """Campaign id, or the brand of rules."""
    return record.campaign_id or record.brand


def history(settings: Settings, name: str | None = None) -> list[CampaignRecord]:
    """Every version that was published, oldest first; of one campaign or brand, or of all."""
    with consumer(settings) as client:
        rows = [(record.key, record.value) for record in read_all(client, settings, "campaign-history")]
    found = [_read("campaign-history", key, value) for key, value in rows if value is not None]
    return [record for record in found if name in (None, name_of(record))]


def write(settings: Settings, records: Iterable[Keyed], published_ms: int) -> int:
    """Publish records, each into the history first; returns how many."""
    count = 0
    with producer(settings) as client:
        for key, record in records:
            value = msgspec.json.encode({**record, "published_at": rfc3339(published_ms)})
            version_key = history_key(key, record, published_ms)
            client.send(settings.topic("campaign-history"), value, key=version_key, partition=0).get()
            place = partition_of(key, settings.partitions)
            client.send(settings.topic("campaigns"), value, key=key.encode(), partition=place)
            count += 1
    return count


def history_key(key: str, record: Mapping[str, Any], published_ms: int) -> bytes:
    """Key of a version on ``campaign-history``."""
    return f"{key}:{published_ms}:{record['version']}".encode()


def version_before(entries: list[CampaignRecord], name: str, version: str | None) -> CampaignRecord:
    """The version of a campaign or brand to go back to: the one named, else the last that differs from now.

    ``entries``: its history, oldest first. Raises CampaignError when there is none.
    """
    if not entries:
        raise CampaignError(f"{name!r} was never published; cuepoint campaigns history lists what was.")
    current = entries[-1]
    earlier = [
        record
        for record in reversed(entries)
        if (record.campaign is not None or record.rules is not None)
        and (current.type == "campaign.withdrawn" or record.version != current.version)
        and version in (None, record.version)
    ]
    if earlier:
        return earlier[0]
    known = ", ".join(dict.fromkeys(record.version for record in entries))
    if version is not None:
        raise CampaignError(f"{name} has no earlier version {version!r}; its versions are {known}.")
    raise CampaignError(f"{name} has one version only ({known}); there is nothing to go back to.")
