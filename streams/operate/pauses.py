"""Stop and go: everything beside the log (topic ``switch``), a campaign or a channel in it (topic ``control``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import msgspec

from schemas.base import rfc3339, to_ms
from schemas.catalog import Pause
from streams.campaign_store import published
from streams.errors import InputError
from streams.replay.control import read_control, write_control
from streams.runtime.switch import TOPIC, Word
from streams.settings import Settings
from streams.tools import consumer, latest_values, producer

EVERYTHING = "decide"
"""The stage whose stop stops everything: nothing is decided, and nothing differs when it goes on."""


@dataclass(frozen=True)
class Stop:
    """What is stopped. ``brand``: None: of every brand. ``since``: RFC 3339."""

    what: str
    name: str
    brand: str | None
    since: str
    by: str
    reason: str


@dataclass(frozen=True)
class Said:
    """Who says it, when and why."""

    at: datetime
    by: str
    reason: str = ""


def stops(settings: Settings) -> list[Stop]:
    """All that is stopped now, everything first. Raises BrokerError."""
    word = _last_word(settings)
    found = [] if word is None or not word.paused else [Stop("everything", "", None, word.at, word.by, word.reason)]
    for record in read_control(settings).values():
        if isinstance(record, Pause) and record.paused:
            since = rfc3339(to_ms(record.at))
            found.append(Stop(record.what, record.name, record.brand, since, record.by, record.reason))
    return found


def switch(settings: Settings, paused: bool, said: Said) -> None:
    """Stop decide from reading, or let it go on. Raises InputError when it is so already."""
    word = _last_word(settings)
    if paused == (word is not None and word.paused):
        since = f" since {word.at}, by {word.by}" if word is not None else ""
        raise InputError(f"Everything {'is paused' if paused else 'runs'} already{since}: nothing to do.")
    value = msgspec.json.encode(Word(paused, rfc3339(to_ms(said.at)), said.by, said.reason))
    with producer(settings) as client:
        client.send(settings.topic(TOPIC), value, key=EVERYTHING.encode(), partition=0)


def pause(settings: Settings, what: str, name: str, brand: str | None, paused: bool, said: Said) -> None:
    """Stop a campaign or a channel, or let it go on, from where decide reads it.

    Raises InputError for a campaign that is not published, and for what is so already.
    """
    record = Pause.model_validate(
        {"kind": "pause", "what": what, "name": name, "brand": brand, "paused": paused}
        | {"at": said.at, "by": said.by, "reason": said.reason}
    )
    known = read_control(settings).get(record.key)
    place = f"{what} {name}" + (f" of brand {brand}" if brand else "")
    if paused == (isinstance(known, Pause) and known.paused):
        hint = "" if paused else " (what is paused: cuepoint paused)"
        raise InputError(f"The {place} {'is paused' if paused else 'is not paused'} already{hint}: nothing to do.")
    if paused and what == "campaign":
        _check_campaign(settings, name, brand)
    write_control(settings, record.key, record)


def _check_campaign(settings: Settings, name: str, brand: str | None) -> None:
    campaigns = {campaign.id: campaign for campaign in published(settings).campaigns}
    if name not in campaigns:
        near = get_close_matches(name, campaigns, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise InputError(f"No campaign {name!r} is published under {settings.topic_prefix}{meant}")
    if brand is not None and brand not in campaigns[name].brands:
        raise InputError(f"Campaign {name} is not of brand {brand!r}, but of {', '.join(campaigns[name].brands)}.")


def _last_word(settings: Settings) -> Word | None:
    with consumer(settings) as client:
        said = latest_values(client, settings, TOPIC).get((0, EVERYTHING.encode()))
    return None if said is None else msgspec.json.decode(said, type=Word)
