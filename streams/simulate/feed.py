"""Where simulated events go: given their envelope, made imperfect (late, twice, broken), kept as lines per source."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec

from schemas.base import rfc3339
from streams.replay.files import SOURCES
from streams.simulate import rates
from streams.simulate.broken import broken_versions
from streams.simulate.rates import DAY_MS, MINUTE_MS, SECOND_MS

Event = dict[str, Any]
_encode = msgspec.json.encode


class Feed:
    """The lines of all sources, and the ground truth."""

    def __init__(self, seed: int, brand: str) -> None:
        self.brand = brand
        self.lines: dict[str, list[tuple[int, int, bytes]]] = {source: [] for source in SOURCES}
        """Per source (arrived, running number, line)."""
        self.truth: list[Event] = []
        self.counts: Counter[str] = Counter()
        self._random = {source: Random(f"{seed}/feed/{source}") for source in SOURCES}
        self._dates: dict[int, str] = {}
        self._clock = [rfc3339(second * SECOND_MS)[11:19] for second in range(DAY_MS // SECOND_MS)]

    def add(self, source: str, event_id: str, kind: str, at: int, fields: Event, arrived: int | None = None) -> int:
        """Add an event of type ``kind``; returns when it arrives.

        ``arrived`` None: soon after ``at``, by the source's habits.
        """
        random = self._random[source]
        arrival = at + self._delay(source, random) if arrived is None else arrived
        event = self._event(event_id, kind, at, fields, arrival)
        self._keep(source, arrival, _encode(event))
        if source != "catalog":
            self._spoil(source, random, event, arrival)
        return arrival

    def tell(self, kind: str, **facts: Any) -> Event:
        """Add a line of ground truth; facts that are not known yet may be filled in later."""
        line = {"kind": kind, **facts}
        self.truth.append(line)
        return line

    def resend(self, source: str, event_id: str, kind: str, at: int, fields: Event, arrived: int) -> None:
        """The same record once more, at another time."""
        self._keep(source, arrived, _encode(self._event(event_id, kind, at, fields, arrived)))
        self.counts["duplicates"] += 1
        self.tell("duplicate", source=source, event_id=event_id)

    def _event(self, event_id: str, kind: str, at: int, fields: Event, arrived: int) -> Event:
        """The whole event; ids, type and times first, as people look for them."""
        return {
            "event_id": event_id,
            "type": kind,
            "occurred_at": self._text(at),
            "arrived_at": self._text(arrived),
            "brand": self.brand,
            **fields,
        }

    def _text(self, ms: int) -> str:
        """``schemas.base.rfc3339`` from remembered parts: called twice a line, it was a fifth of the whole time."""
        day, rest = divmod(ms, DAY_MS)
        date = self._dates.get(day)
        if date is None:
            date = self._dates[day] = rfc3339(day * DAY_MS)[:11]
        second, millis = divmod(rest, SECOND_MS)
        return f"{date}{self._clock[second]}.{millis:03d}Z"

    def _keep(self, source: str, arrived: int, raw: bytes) -> None:
        lines = self.lines[source]
        lines.append((arrived, len(lines), raw))

    def _delay(self, source: str, random: Random) -> int:
        """How long a record takes: seconds, sometimes minutes, rarely longer than its source's lateness."""
        if source == "catalog":
            return 0
        dice = random.random()
        if dice < rates.LATE:
            self.counts["late"] += 1
            lateness = rates.LATENESS_MS.get(source, rates.LATENESS_MS_DEFAULT)
            return lateness + random.randrange(5 * MINUTE_MS, DAY_MS)
        if dice < rates.LATE + rates.DELAYED:
            return random.randrange(10 * SECOND_MS, rates.DELAY_MS_MAX)
        return random.randrange(200, 5 * SECOND_MS)

    def _spoil(self, source: str, random: Random, event: Event, arrived: int) -> None:
        """Now and then, the record comes again, or a broken version of it comes first."""
        dice = random.random()
        if dice < rates.DUPLICATE:
            again = arrived + random.randrange(SECOND_MS, 10 * MINUTE_MS)
            self._keep(source, again, _encode({**event, "arrived_at": self._text(again)}))
            self.counts["duplicates"] += 1
            self.tell("duplicate", source=source, event_id=event["event_id"])
        elif dice < rates.DUPLICATE + rates.BROKEN:
            versions = broken_versions(source, event)
            reason, raw = versions[self.counts["broken"] % len(versions)]
            self._keep(source, arrived, raw)
            self.counts["broken"] += 1
            self.tell("broken", source=source, event_id=event["event_id"], reason=reason, raw=raw.decode())
