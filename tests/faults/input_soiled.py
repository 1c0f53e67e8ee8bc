"""Input as it should not be: copies, disorder, late lines, wrong clocks, poison, and silence."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import msgspec

from schemas.base import rfc3339
from streams.replay.arrivals import arrivals
from streams.replay.files import read_source, source_files
from streams.replay.produce import _key
from streams.settings import Settings
from streams.simulate.broken import FAR_FUTURE, broken_versions
from tests.e2e.kit import write_lines
from tests.e2e.retailer import BRAND, moment
from tests.faults.retailer import Retailer, judged
from tests.oracle.builders import DAY, HOUR, History
from tests.oracle.history import parse_ms

COPIES_PERCENT, DISORDER_PERCENT, LATE_PERCENT, POISON_PERCENT = 5, 25, 4, 1
SKEWED_PERCENT = 10
"""Customers, stores and products whose clocks are an hour wrong, half of them each way."""
LATE_BY = (1, HOUR, 4 * HOUR, DAY, 3 * DAY, 8 * DAY)
"""How much later than allowed a late line is."""
COPIED_AFTER = (0, 1, 10 * 60_000, HOUR, DAY)
LOST_FOR_WORDS = "returns"
"""The source that falls silent half way."""
NEVER_HEARD = "channel-feedback"
"""The source that says nothing at all."""

Line = tuple[int, dict[str, Any] | bytes]
"""(arrival, record or raw bytes)."""


def soiled(retailer: Retailer, directory: Path, settings: Settings, seed: int = 5) -> tuple[Retailer, Soiled]:
    """A retailer and some latecomers, soiled. Core and oracle agree on it."""
    clean = shutil.copytree(retailer.history, directory / "clean")
    write_lines(clean, latecomers().sources)
    dirt = Soiled(clean, settings.replay_lateness, settings.partitions, seed)
    history = dirt.write(directory / "soiled")
    return judged(history, retailer.content, directory / "campaigns"), dirt


def latecomers() -> History:
    """Reminders of carts whose receipts come too late: while the reminder is still valid, and when it is no more."""
    told = History()
    told.count = 50_000
    for number in range(10):
        who, day = f"late-{number}", 6 + 2 * number
        own = {"brand": BRAND, "customer_id": who}
        told.profile(moment(1, 9), who, time_zone="Europe/London", brand=BRAND)
        told.cart(moment(day, 10), {"mug": 2}, f"cart-of-{who}", **own)
        arrived = moment(day + (2 if number % 2 else 7), 10)
        told.receipt(moment(day, 13), {"mug": 2}, 900 + number, arrived=arrived, **own)
    return told


class Soiled:
    """Writes a soiled copy of a replay directory. ``counts`` says how often each fault was made."""

    def __init__(self, clean: Path, lateness_ms: Callable[[str], int], partitions: int, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._clean = clean
        self._lateness_ms = lateness_ms
        self._partitions = partitions
        self._random = Random(seed)
        noise = crc32(b"?") % partitions
        self.silent_partition = (noise + 1) % partitions
        """The partition of every topic that gets no record."""

    def write(self, directory: Path) -> Path:
        """All sources but NEVER_HEARD; returns ``directory``."""
        directory.mkdir(parents=True)
        for source in source_files(self._clean):
            if source == NEVER_HEARD:
                self.counts["source silent"] += 1
                continue
            raw = list(read_source(self._clean, source))
            lines = self._soil(source, list(zip(arrivals(raw, False), raw, strict=True)))
            with (directory / f"{source}.jsonl").open("wb") as file:
                for arrived, line in sorted(lines, key=lambda entry: entry[0]):
                    file.write(_bytes(arrived, line) + b"\n")
        return directory

    def _soil(self, source: str, lines: list[tuple[int, bytes]]) -> list[Line]:
        middle = sorted(arrived for arrived, _ in lines)[len(lines) // 2]
        soiled: list[Line] = []
        for number, (arrived, raw) in enumerate(lines):
            if crc32(_key(raw)) % self._partitions == self.silent_partition:
                self.counts["partition silent"] += 1
            elif source == LOST_FOR_WORDS and arrived > middle:
                self.counts["source fell silent"] += 1
            else:
                soiled += self._faults(source, number, arrived, raw)
        return soiled

    def _faults(self, source: str, number: int, arrived: int, raw: bytes) -> list[Line]:
        try:
            record = msgspec.json.decode(raw)
            at = parse_ms(record["occurred_at"])
        except (ValueError, KeyError, TypeError):
            return [(arrived, raw)]
        lines: list[Line] = [(self._arrival(source, record, at, arrived), record)]
        if self._chance(COPIES_PERCENT):
            lines.append((lines[0][0] + self._random.choice(COPIED_AFTER), record))
            self.counts["copy"] += 1
        if self._chance(POISON_PERCENT):
            versions = broken_versions(source, record)
            lines.append((lines[0][0], versions[number % len(versions)][1]))
            self.counts["poison"] += 1
        if number % 200 == 0:
            lines.append((lines[0][0], {**record, "event_id": f"{number}-broken", "occurred_at": FAR_FUTURE}))
            self.counts["year 2099"] += 1
        return lines

    def _arrival(self, source: str, record: dict[str, Any], at: int, arrived: int) -> int:
        """When it arrives instead. Lines that were late in the clean input stay so."""
        clock = crc32(b"clock" + _key(msgspec.json.encode(record))) % 100
        if clock < SKEWED_PERCENT:
            fast = clock % 2 == 0
            self.counts["fast clock" if fast else "slow clock"] += 1
            return arrived - HOUR if fast else arrived + HOUR
        if arrived != at:
            return arrived
        lateness = self._lateness_ms(source)
        if self._chance(LATE_PERCENT):
            self.counts["late"] += 1
            return at + lateness + self._random.choice(LATE_BY)
        if self._chance(DISORDER_PERCENT):
            self.counts["disorder"] += 1
            return at + self._random.choice((lateness, self._random.randint(0, lateness)))
        return arrived

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


def _bytes(arrived: int, line: dict[str, Any] | bytes) -> bytes:
    """The line; a readable record says when it arrived."""
    if isinstance(line, bytes):
        return line
    return msgspec.json.encode({**line, "arrived_at": rfc3339(arrived)})
