"""Lines of people who were erased are left out of a replay: by the hashes that an earlier topic prefix keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from schemas.base import to_ms
from streams.erasure import Hasher, is_known
from streams.settings import Settings
from streams.tools import consumer, latest_values

Line = tuple[str, int, bytes]


class _Point(msgspec.Struct):
    hash: Any = None


class _Names(msgspec.Struct):
    """Every field of an input that may name a person."""

    type: Any = None
    occurred_at: Any = None
    customer_id: Any = None
    merged_id: Any = None
    email_hash: Any = None
    loyalty_card_id: Any = None
    device_id: Any = None
    anonymous_id: Any = None


_IDENTIFIERS = {"email": "email_hash", "card": "loyalty_card_id", "device": "device_id", "anon": "anonymous_id"}
_decoder = msgspec.json.Decoder(_Names)
_record = msgspec.json.Decoder(dict[str, int])


class LeftOut:
    """Takes lines of erased people out. ``erased``: hash of a name -> when it was erased."""

    def __init__(self, erased: Mapping[str, int], name_hash: Hasher) -> None:
        self.lines = 0
        """How many were left out."""
        self._erased = erased
        self._hash = name_hash

    def without(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The other lines. The CRM's order to erase stays: who replays learns of it."""
        for line in lines:
            if self._erased and self._is_of_erased(line[2]):
                self.lines += 1
            else:
                yield line

    def _is_of_erased(self, value: bytes) -> bool:
        try:
            names = _decoder.decode(value)
            if names.type == "customer.erased":
                return False
            ids = [name for name in (names.customer_id, names.merged_id) if isinstance(name, str)]
            if any(self._at(name) is not None for name in ids if is_known(name)):
                return True
            at = None
            for kind, field in () if ids else _IDENTIFIERS.items():
                word = getattr(names, field)
                for erased in () if word is None else (self._at(f"{kind}:{word}"), self._at(f"{kind}~:{word}")):
                    if erased is not None:
                        at = to_ms(datetime.fromisoformat(names.occurred_at)) if at is None else at
                        if at <= erased:
                            return True
        except (msgspec.DecodeError, ValueError, TypeError):
            return False  # intake says what is wrong with it
        return False

    def _at(self, name: str) -> int | None:
        return self._erased.get(self._hash(name))


def erased_names(settings: Settings, prefix: str) -> dict[str, int]:
    """Hash -> time of everybody who was erased in a topic prefix. Raises BrokerError: no broker, no such topic."""
    found: dict[str, int] = {}
    earlier = settings.model_copy(update={"topic_prefix": prefix})
    with consumer(earlier) as client:
        for (_, key), value in latest_values(client, earlier, "erasures").items():
            found[key.decode()] = _record.decode(value)["erased_at"]
    return found
