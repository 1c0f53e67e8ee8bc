"""A frame, a memory, and what intake says of mapped events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.base import to_ms
from streams.ingest.common import Delivery, Frame, Mapped, Result, Vendor
from streams.ingest.memory import SqliteMemory
from streams.intake.admit import Admission
from streams.intake.route import Routed
from streams.intake.validate import Rejection
from tests.oracle.builders import t

NOW = t("2026-03-01T00:00")
KEY = "a-key-of-the-tests"
FRAME = Frame(brand="shop", market="GB", currency="GBP", hash_key=KEY)


def frames(**changes: Any) -> Any:
    """The same frame for every shop."""
    frame = Frame(**{**vars(FRAME), **changes})
    return lambda shop: frame


class Taken:
    """One vendor's mapping with a memory, as the receiver runs it."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.memory = SqliteMemory(None)

    def result(self, kind: str, body: Any, **fields: Any) -> Result:
        """What one payload gives; it is remembered, and intake takes every event of it as it is."""
        result = self.vendor.map(Delivery(kind, body, received=NOW, **fields), self.memory)
        admitted(result.events)
        self.memory.remember(result.remember, NOW)
        return result

    def events(self, kind: str, body: Any, **fields: Any) -> list[dict[str, Any]]:
        """The events of one payload."""
        return [event.record for event in self.result(kind, body, **fields).events]


def admitted(events: Iterable[Mapped]) -> list[Routed]:
    """The envelopes that intake makes of events; it must refuse none and know every field."""
    admission = Admission(fast=None)
    routed: list[Routed] = []
    for topic, record in events:
        found = admission.admit(topic, msgspec.json.encode(record), NOW, 0)
        assert not isinstance(found, Rejection), f"{topic}: {found} in {record}"
        assert found is not None, record
        routed += found
    assert not admission.unknown_fields, admission.unknown_fields
    return routed


def ms(text: str) -> int:
    """Milliseconds of an RFC 3339 time."""
    from datetime import datetime

    return to_ms(datetime.fromisoformat(text))
