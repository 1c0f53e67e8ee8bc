"""Stop and go: everything beside the log (topic ``switch``), a campaign or a channel in it (topic ``control``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import msgspec
from kafka import KafkaConsumer

from schemas.base import rfc3339, to_ms
from schemas.catalog import Pause
from streams.campaign_store import published
from streams.errors import InputError
from streams.replay.control import control_records, read_control, write_control
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

    @property
    def words(self) -> str:
        """``everything``, ``campaign welcome``, ``channel email of acme``."""
        return f"{self.what} {self.name}".strip() + (f" of {self.brand}" if self.brand else "")

    @property
    def resume(self) -> str:
        """The command that lets it go on."""
        option = f" --brand {self.brand}" if self.brand else ""
        return f"cuepoint resume {self.what} {self.name}".strip() + option


@dataclass(frozen=True)
class Said:
    """Who says it, when and why."""

    at: datetime
    by: str
    reason: str = ""


def stops(client: KafkaConsumer, settings: Settings) -> list[Stop]:
    """All that is stopped now, everything first. ``client`` reads committed records without a group."""
    word = _last_word(client, settings)
    found = [] if word is None or not word.paused else [Stop("everything", "", None, word.at, word.by, word.reason)]
    records = control_records(client, settings).values()
    return found + [_stop(record) for record in records if isinstance(record, Pause) and record.paused]


def switch(settings: Settings, paused: bool, said: Said) -> None:
    """Stop decide from reading, or let it go on. Raises InputError when it is so already."""
    with consumer(settings) as reader:
        word = _last_word(reader, settings)
    if paused == (word is not None and word.paused):
        since = f" since {word.at}, by {word.by}" if word is not None else ""
        raise InputError(f"Everything {'is paused' if paused else 'runs'} already{since}: nothing to do.")
    value = msgspec.json.encode(Word(paused, rfc3339(to_ms(said.at)), said.by, said.reason))
    with producer(settings) as client:
        client.send(settings.topic(TOPIC), value, key=EVERYTHING.encode(), partition=0)


def pause(settings: Settings, what: str, name: str, brand: str | None, paused: bool, said: Said) -> Stop:
    """Stop a campaign or a channel, or let it go on, from where decide reads it; what that was.

    Raises InputError for a campaign that is not published, and for what is so already.
    """
    record = Pause.model_validate(
        {"kind": "pause", "what": what, "name": name, "brand": brand, "paused": paused}
        | {"at": said.at, "by": said.by, "reason": said.reason}
    )
    known, stop = read_control(settings).get(record.key), _stop(record)
    if paused == (isinstance(known, Pause) and known.paused):
        hint = "" if paused else " (what is paused: cuepoint paused)"
        raise InputError(f"The {stop.words} {'is paused' if paused else 'is not paused'} already{hint}: nothing to do.")
    if paused and what == "campaign":
        _check_campaign(settings, name, brand)
    write_control(settings, record.key, record)
    return stop


def _stop(record: Pause) -> Stop:
    return Stop(record.what, record.name, record.brand, rfc3339(to_ms(record.at)), record.by, record.reason)


def _check_campaign(settings: Settings, name: str, brand: str | None) -> None:
    campaigns = {campaign.id: campaign for campaign in published(settings).campaigns}
    if name not in campaigns:
        near = get_close_matches(name, campaigns, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise InputError(f"No campaign {name!r} is published under {settings.topic_prefix}{meant}")
    if brand is not None and brand not in campaigns[name].brands:
        raise InputError(f"Campaign {name} is not of brand {brand!r}, but of {', '.join(campaigns[name].brands)}.")


def _last_word(client: KafkaConsumer, settings: Settings) -> Word | None:
    said = latest_values(client, settings, TOPIC).get((0, EVERYTHING.encode()))
    return None if said is None else msgspec.json.decode(said, type=Word)
