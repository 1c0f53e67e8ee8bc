"""The fast way from bytes to an event and its data: msgspec structs derived from the contracts.

It only ever says yes: what it takes, the contract takes with the same data. Of anything else (None) the contract
itself is asked (``streams.intake.validate``) and gives verdict and reason. See docs/decisions/0034-intake-fast-path.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, get_args

import msgspec
from pydantic import BaseModel, TypeAdapter

from schemas.base import Brand, to_ms
from schemas.topics import RECORD_BYTES_MAX_INPUT
from streams.intake.normalise import NORMALISE, Data
from streams.intake.structs import Extras, Unchecked, struct_of
from streams.intake.validate import CONTRACTS

SOURCES = tuple(source for source in CONTRACTS if source != "campaigns")
"""Campaigns are few, and are checked for more than a struct can say."""
EXTRAS_MAX = 32
"""Names of unknown fields of one model that are learned. A record with others is read by the contract."""

Decode = Callable[[str], Any]

_NAME = re.compile(r'[^"\\\x00-\x1f]{1,128}')
"""Names of unknown fields that can be learned."""

_ESCAPED = re.compile(r"\\u00[23]")
"""Digits and points written as escapes, which producers do not do: they could hide what ``_CARRIED`` looks for."""
_CARRIED = re.compile(r"999[5-9](?<=\.[0-9]{3}999[5-9])")
"""A fraction of a second that msgspec rounds up into the next millisecond; pydantic cuts it off at microseconds."""


class FastReader:
    """Reads records of all sources; learns which fields outside the contract a source sends."""

    def __init__(self) -> None:
        self._decoders = {source: _decoder(source) for source in SOURCES}
        self._extras: dict[type[BaseModel], tuple[str, ...]] = {}

    def read(self, source: str, value: bytes | None) -> tuple[Any, Data, int] | None:
        """(event, data, when it occurred) as ``Valid`` has them; None: only the contract can tell.

        The event is no model but has the fields of one, ``type`` and ``model_extra``.
        """
        decode = self._decoders.get(source)
        if decode is None or not value or len(value) > RECORD_BYTES_MAX_INPUT:
            return None
        try:
            text = value.decode()
            event = decode(text)
            if not _sound(event, text):
                return None
            return event, NORMALISE[event.type](event), to_ms(event.occurred_at)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None

    def learn(self, source: str, event: BaseModel) -> None:
        """Take unknown fields from now on that a record had which the contract took."""
        new: dict[type[BaseModel], tuple[str, ...]] = {}
        for model, name in _unknown(event):
            known = new.get(model) or self._extras.get(model, ())
            if name not in known and len(known) < EXTRAS_MAX and _NAME.fullmatch(name):
                new[model] = (*known, name)
        if new and source in self._decoders:
            self._extras |= new
            self._decoders[source] = decoder(source, self._extras)


def decoder(source: str, extras: Extras) -> Decode:
    """What decodes a record of a source to a struct."""
    models = get_args(get_args(CONTRACTS[source])[0]) if get_args(CONTRACTS[source]) else ()
    tagged = [(model, tag) for model in models for tag in get_args(model.model_fields["type"].annotation)]
    structs: Any = struct_of(CONTRACTS[source], extras) if not models else None
    for model, tag in tagged:
        struct = struct_of(model, extras, tag)
        structs = struct if structs is None else structs | struct
    return msgspec.json.Decoder(structs).decode


@cache
def _decoder(source: str) -> Decode:
    return decoder(source, {})


def _unknown(event: BaseModel) -> Iterator[tuple[type[BaseModel], str]]:
    """(model, field) outside the contract, of an event and of what is in its lists."""
    for name in event.model_extra or ():
        yield type(event), name
    for value in event.__dict__.values():
        if isinstance(value, list):
            for element in value:
                if isinstance(element, BaseModel):
                    yield from _unknown(element)


_brand = TypeAdapter(Brand)


@lru_cache(maxsize=4_096)
def _is_brand(text: str) -> bool:
    try:
        return bool(_brand.validate_python(text))
    except ValueError:
        return False


def _sound(event: Any, text: str) -> bool:
    """Whether what the structs leave to us is so: the brand, the characters of identifiers, and exact times."""
    if not _is_brand(event.brand) or _CARRIED.search(text) is not None:
        return False
    unchecked: Unchecked = event.unchecked
    for name, character in unchecked.barred:
        if character in (getattr(event, name) or ""):
            return False
    if " " in text or "|" in text or "\\" in text or not text.isascii():
        return _ESCAPED.search(text) is None and _are_words(event, unchecked)
    return True


def _are_words(event: Any, unchecked: Unchecked) -> bool:
    """Whether no identifier holds white space or ``|``."""
    words = "".join(filter(None, unchecked.words(event)))
    for name, inner in unchecked.lists:
        words += "".join([word for element in getattr(event, name) for word in inner.words(element) if word])
    return " " not in words and "|" not in words and words.isprintable()
