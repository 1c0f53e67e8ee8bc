"""Golden states: what a release kept in its changelogs at one moment, the log behind it, and what it decided next.

``python -m tests.faults.upgrade_golden`` writes that of the present release; one that exists is never written again.
Files of ``tests/fixtures/golden/<name>``: ``state.jsonl`` (changelog records with what they mean), ``log.jsonl`` (the
records from the offsets on that the state names), ``decisions.jsonl`` (decided from the state on).
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas.topics import STAGES
from streams.campaigns import known_brands, records
from streams.decide.state import STATE_VERSION, CustomerState, decode_state
from streams.decide.task import CUSTOMER, ERASURE, PROFILE, RULE, WAIT, WATCHER
from streams.identity.families import ERASED, OWNED
from streams.identity.table import Link
from streams.ordered import POSITION_KEY, Position
from streams.replay.files import SOURCES
from streams.task import Out, Record
from tests.decide.memory_log import MemoryLog, MemoryReplay, Runner, all_stages, make_task
from tests.faults.upgrade_story import CUT, END, HELD_UP, HELD_UP_FROM, PARTITIONS, SETTINGS, Story, campaigns
from tests.oracle.builders import History
from tests.oracle.history import parse_ms

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
Place = tuple[str, int]
Tables = dict[Place, dict[bytes, bytes]]
"""(stage, partition) -> live records of its changelog."""


def lines(history: History) -> list[tuple[str, int, bytes]]:
    """(source, arrived, line) in the order of arrival."""
    rows = [
        (parse_ms(row.get("arrived_at") or row["occurred_at"]), SOURCES.index(source), source, msgspec.json.encode(row))
        for source, found in history.sources.items()
        for row in found
    ]
    return [(source, arrived, line) for arrived, _, source, line in sorted(rows, key=lambda row: row[:2])]


class Run:
    """All stages in memory, with tables and logs that may come from a golden state."""

    def __init__(self, log: MemoryLog, tables: Tables) -> None:
        self.log = log
        self._chance = random.Random(1)
        self._decided = {place: len(rows) for place, rows in log.records.items() if place[0] == "decisions"}
        self.runners: dict[Place, Runner] = {}
        for stage, number in all_stages(SETTINGS):
            runner = Runner(stage, number, lambda s=stage, n=number: make_task(s, n, SETTINGS), log)  # type: ignore[misc]
            runner._table.update(tables.get((stage, number), {}))
            runner.restart()
            self.runners[stage, number] = runner

    @property
    def tables(self) -> Tables:
        """What the changelogs hold now."""
        return {place: dict(runner._table) for place, runner in self.runners.items()}

    def work(self, but: Iterable[Place] = ()) -> None:
        """Until nothing moves any more."""
        at_work = [runner for place, runner in self.runners.items() if place not in set(but)]
        idle = 0
        while idle < 2 * len(at_work):
            moved = at_work[idle % len(at_work)].round(self._chance, 40, 60, crash=False)
            idle = 0 if moved else idle + 1

    def starts(self) -> dict[Place, int]:
        """(topic, partition) -> first offset that a stage still has to read."""
        return {
            (topic, number): runner._task.start_offsets().get(topic, 0)
            for (stage, number), runner in self.runners.items()
            for topic in STAGES[stage].inputs
        }

    def waits(self) -> dict[str, int]:
        """Customers who wait for another's state, and since when."""
        tasks = (runner._task for place, runner in self.runners.items() if place[0] == "decide")
        return {customer: since for task in tasks for customer, since in task._fold.waiting.since.items()}

    def decided(self) -> list[dict[str, Any]]:
        """The decisions since it began."""
        return [
            json.loads(record.value or b"")
            for place, rows in sorted(self.log.records.items())
            if place[0] == "decisions"
            for record in rows[self._decided.get(place, 0) :]
        ]


def present() -> tuple[Tables, dict[Place, list[Record]], list[dict[str, Any]]]:
    """The golden state of the present release: tables, the log from there on, the decisions from there on."""
    log, story, content = MemoryLog(), Story(), campaigns()
    replay = MemoryReplay(SETTINGS, log)
    brands = json.dumps({"kind": "brands", "brands": sorted(known_brands(content))}).encode()
    for number in range(PARTITIONS):
        log.append(Out("control", number, b"brands", brands))
        log.append(Out("control", number, b"mode", b'{"kind":"replay","sources":[],"hand_over":true}'))

    async def write(part: Sequence[tuple[str, int, bytes]], until: int, last: bool = False) -> None:
        await replay._write(part, lambda _: None)
        await replay._mark(until, end_of_replay=last)

    async def publish() -> None:
        for key, record in records(content, 0, "test"):
            await replay._add("campaigns", key.encode(), msgspec.json.encode(record), 0, 0)

    asyncio.run(publish())
    run = Run(log, {})
    asyncio.run(write(lines(story.before), HELD_UP_FROM))
    run.work()
    asyncio.run(write(lines(story.during), CUT))
    run.work(but=[("decide", HELD_UP)])
    tables = run.tables
    starts = Run(log, tables).starts()
    lengths = {place: len(log.records.get(place, [])) for place in starts}
    asyncio.run(write(lines(story.after), END, last=True))
    inputs = STAGES["intake"].inputs
    kept = {
        place: log.records.get(place, [])[start : None if place[0] in inputs else lengths[place]]
        for place, start in starts.items()
    }
    again = resumed(tables, kept)
    again.work()
    return tables, kept, again.decided()


def resumed(tables: Tables, kept: dict[Place, list[Record]]) -> Run:
    """All stages restored. Records are at their offsets; those before them are empty and never read."""
    log = MemoryLog()
    for (topic, number), start in Run(log, tables).starts().items():
        filler = [Record(topic, number, offset, 0, None, None, ()) for offset in range(start)]
        log.records[topic, number] = [*filler, *kept.get((topic, number), [])]
    return Run(log, tables)


def meaning(stage: str, key: bytes, value: bytes) -> Any:
    """What a changelog record says, for people."""
    if key == POSITION_KEY:
        ordered = stage in ("identity", "decide")
        return named(msgspec.msgpack.decode(value, type=Position)) if ordered else msgspec.msgpack.decode(value)
    if stage == "identity" and key.startswith((OWNED, ERASED)):
        return msgspec.msgpack.decode(value)
    if stage == "identity":
        return named(msgspec.msgpack.decode(value, type=Link))
    if stage == "capacity" or key.startswith((RULE, PROFILE)):
        return json.loads(value)
    if key.startswith(WATCHER):
        return msgspec.msgpack.decode(value)
    if key.startswith((WAIT, ERASURE)):
        return int(value)
    return named(decode_state(value))


def named(value: Any) -> Any:
    """Records as field -> value, at any depth."""
    if isinstance(value, msgspec.Struct):
        return {field: named(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, dict):
        return {name: named(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(inner) for inner in value]
    return value


def states(tables: Tables) -> dict[str, CustomerState]:
    """The customers of all decide partitions."""
    return {
        key.removeprefix(CUSTOMER).decode(): decode_state(value)
        for (stage, _), table in tables.items()
        if stage == "decide"
        for key, value in table.items()
        if key.startswith(CUSTOMER)
    }


def links(tables: Tables) -> list[Link]:
    """Whose identifiers are, of all identity partitions."""
    return [
        msgspec.msgpack.decode(value, type=Link)
        for (stage, _), table in tables.items()
        if stage == "identity"
        for key, value in table.items()
        if key != POSITION_KEY and not key.startswith((OWNED, ERASED))
    ]


def write_golden(directory: Path) -> None:
    """Write the golden state of the present release. Raises FileExistsError when there is one."""
    tables, kept, decided = present()
    state = [
        {"stage": stage, "partition": number, "key": key.decode(), "value": base64.b64encode(value).decode()}
        | {"means": meaning(stage, key, value)}
        for (stage, number), table in sorted(tables.items())
        for key, value in sorted(table.items())
    ]
    log = [
        {
            "topic": row.topic,
            "partition": row.partition,
            "offset": row.offset,
            "key": _text(row.key),
            "value": _text(row.value),
            "headers": [[name, content.decode()] for name, content in row.headers],
        }
        for _, rows in sorted(kept.items())
        for row in rows
    ]
    directory.mkdir(parents=True)
    for name, found in (("state", state), ("log", log), ("decisions", decided)):
        text = "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in found)
        (directory / f"{name}.jsonl").write_text(text)


def read_golden(directory: Path) -> tuple[Tables, dict[Place, list[Record]], list[dict[str, Any]]]:
    """What ``write_golden`` wrote."""

    def rows(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (directory / f"{name}.jsonl").read_text().splitlines()]

    tables: Tables = {}
    for row in rows("state"):
        table = tables.setdefault((row["stage"], row["partition"]), {})
        table[row["key"].encode()] = base64.b64decode(row["value"])
    kept: dict[Place, list[Record]] = {}
    for row in rows("log"):
        headers = tuple((name, content.encode()) for name, content in row["headers"])
        record = Record(
            row["topic"], row["partition"], row["offset"], 0, _bytes(row["key"]), _bytes(row["value"]), headers
        )
        kept.setdefault((row["topic"], row["partition"]), []).append(record)
    return tables, kept, rows("decisions")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


if __name__ == "__main__":
    write_golden(GOLDEN / (sys.argv[1] if len(sys.argv) > 1 else f"state-v{STATE_VERSION}"))
