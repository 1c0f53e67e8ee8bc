"""States that other releases wrote: earlier ones go on as in their release, unknown ones are refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.decide.state import STATE_VERSION, CustomerState, decode_state, encode_state
from streams.decide.task import CUSTOMER, PROFILE
from streams.errors import StateError
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.table import MemoryTable
from streams.task import Record
from streams.tools import producer, read_all
from streams.up import last_words
from streams.upgrade import POSITION_VERSION
from tests.capacity.test_task import log_of, mark, told
from tests.capacity.test_task import worked as lists_at_work
from tests.decide.memory_log import make_task
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.upgrade_golden import GOLDEN, Place, Tables, links, meaning, read_golden, resumed, states
from tests.faults.upgrade_story import END, HELD_UP_FROM, PARTITIONS, SETTINGS, SURVIVOR
from tests.oracle.builders import HOUR

VERSIONS = sorted(path.name for path in GOLDEN.iterdir())
SINCE = {
    "Line.discount": 3,
    "Purchase.currency": 3,
    "Purchase.folded_value": 3,
    "CustomerState.segments": 3,
    "CustomerState.interests": 3,
    "CustomerState.fed_by": 3,
    "CustomerState.returned": 3,
    "Send.id": 3,
    "Send.campaign": 3,
    "Send.category": 3,
    "Send.word": 3,
    "Send.ghost": 3,
    "Profile.region": 3,
    "CustomerState.exposures": 3,
    "Purchase.promised": 3,
    "Purchase.promised_at": 3,
    "Return.received": 3,
    "ReturnLine.reason": 3,
    "CustomerState.views": 3,
    "CustomerState.checkouts": 3,
    "CustomerState.sessions": 3,
    "CustomerState.cart_ends": 3,
    "CustomerState.listed": 3,
    "CustomerState.passing": 3,
    "CustomerState.forgotten": 3,
    "CustomerState.consent_sources": 3,
    "CustomerState.confirmed": 3,
    "Link.parted": 4,
    "Sent.customer": 4,
}
"""Fields that came with a later version than the first."""
LATER = 99
"""A version that no release has."""
NEVER = -1
"""A time that nothing is known of."""


@pytest.mark.parametrize("name", VERSIONS)
def test_a_golden_state_is_continued_as_its_release_would_have(name: str) -> None:
    tables, kept, decided = read_golden(GOLDEN / name)
    run = resumed(tables, kept)
    assert run.waits() == {SURVIVOR: HELD_UP_FROM + 10 * HOUR}
    run.work()
    assert not run.waits()
    assert contents(run.decided(), decided[0]) == contents(decided, decided[0])
    assert {one["outcome"] for one in decided} >= {"sent", "suppressed", "held", "cancelled", "regretted"}


def test_the_present_version_has_a_golden_state() -> None:
    """Made with ``python -m tests.faults.upgrade_golden`` when the version is new, and never again."""
    assert f"state-v{STATE_VERSION}" in VERSIONS
    assert {f"state-v{version}" for version in range(1, STATE_VERSION + 1)} <= set(VERSIONS)


def test_the_present_golden_state_means_what_it_says() -> None:
    for line in (GOLDEN / f"state-v{STATE_VERSION}" / "state.jsonl").read_text().splitlines():
        row = json.loads(line)
        value = msgspec.json.decode(json.dumps(row["value"]), type=bytes)
        found = meaning(row["stage"], row["key"].encode(), value)
        if isinstance(found, dict):
            found = {name: found[name] for name in row["means"]}
        assert json.loads(json.dumps(found)) == row["means"], row["key"]


@pytest.mark.parametrize("name", VERSIONS)
def test_golden_states_fill_every_field(name: str) -> None:
    """What is empty in all of them would not show that it was lost."""
    empty: set[str] = set()
    filled: set[str] = set()
    tables = read_golden(GOLDEN / name)[0]
    for row in (*states(tables).values(), *links(tables)):
        look(row, empty, filled)
    version = int(name.removeprefix("state-v"))
    assert empty - filled == {field for field, since in SINCE.items() if since > version}


@pytest.mark.parametrize("name", VERSIONS)
def test_golden_states_hold_what_shops_were_told_since_they_are_told(name: str) -> None:
    told = [key for table in read_golden(GOLDEN / name)[0].values() for key in table if key.startswith(PROFILE)]
    assert bool(told) == (int(name.removeprefix("state-v")) >= 4)


@pytest.mark.parametrize(
    "later",
    [
        encode_state(CustomerState(LATER, "c1")),
        msgspec.msgpack.encode([LATER, {"all": "new"}, 3]),
        msgspec.msgpack.encode([LATER]),
    ],
)
def test_a_customer_state_of_a_later_version_is_refused(later: bytes) -> None:
    with pytest.raises(StateError, match=rf"version {LATER}, this release reads version {STATE_VERSION}: run the rel"):
        decode_state(later)


@pytest.mark.parametrize("damaged", [b"", b"\xc1", b"not ours", encode_state(CustomerState(STATE_VERSION, "c1"))[:-9]])
def test_bytes_that_are_no_state_are_refused(damaged: bytes) -> None:
    with pytest.raises(StateError, match=r"cannot be read .* start with another topic prefix"):
        decode_state(damaged)


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_position_of_a_later_version_is_refused(stage: str) -> None:
    tables = read_golden(GOLDEN / VERSIONS[-1])[0]
    raw = tables.get((stage, 0), {}).get(POSITION_KEY) or position_of_lists()
    known = msgspec.msgpack.decode(raw)
    for later in ({**known, "version": LATER}, {"version": LATER, "all": "new"}):
        with pytest.raises(StateError, match=rf"version {LATER}, this release reads version {POSITION_VERSION}"):
            make_task(stage, 0, SETTINGS).load(MemoryTable({POSITION_KEY: msgspec.msgpack.encode(later)}))
    with pytest.raises(StateError, match="cannot be read"):
        make_task(stage, 0, SETTINGS).load(MemoryTable({POSITION_KEY: raw[:-3]}))


def position_of_lists() -> bytes:
    """Of the capacity stage, which came after the golden states."""
    return lists_at_work(log_of(told(1), mark(0, 1))).table[POSITION_KEY]


@pytest.mark.parametrize("name", VERSIONS)
def test_real_workers_continue_a_golden_state(name: str, broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    tables, kept, decided = read_golden(GOLDEN / name)
    pipeline = Pipeline(fault_settings(broker, prefix, tmp_path, partitions=PARTITIONS), 1, sink=False)
    write(pipeline.settings, tables, resumed(tables, kept).log.records)
    with pipeline:
        pipeline.wait(lambda: (pipeline.slowest_clock() or 0) >= END, "all is decided")
        found = [json.loads(record.value) for record in read_all(pipeline.client, pipeline.settings, "decisions")]
    assert not pipeline.restarts
    assert contents(found, decided[0]) == contents(decided, decided[0])


def test_workers_stop_loudly_at_a_later_version(broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    position = {POSITION_KEY: msgspec.msgpack.encode({"version": LATER})}
    known = msgspec.msgpack.decode(read_golden(GOLDEN / VERSIONS[-1])[0]["decide", 0][POSITION_KEY])
    known["extra"]["state_version"] = LATER
    state = {
        CUSTOMER + b"c1": encode_state(CustomerState(LATER, "c1")),
        POSITION_KEY: msgspec.msgpack.encode(known),
    }
    later = {"intake": position, "identity": position, "decide": state, "capacity": position}
    pipeline = Pipeline(fault_settings(broker, prefix, tmp_path, partitions=PARTITIONS), 1, sink=False)
    write(pipeline.settings, {(stage, 1): table for stage, table in later.items()}, {})
    with pipeline:
        workers = list(pipeline.processes.values())
        pipeline.wait(lambda: all(worker.code is not None for worker in workers), "the workers end", watch=False)
        kept = {stage: list(read_all(pipeline.client, pipeline.settings, STAGES[stage].changelog)) for stage in STAGES}
    for worker in workers:
        assert worker.code == StateError.exit_code, worker.name
        assert f"version {LATER}, this release reads version" in last_words(worker.log)
        assert "run the release that wrote it" in last_words(worker.log)
        rows = {row.key: row.value for row in kept[worker.stage] if row.partition == 1}
        assert rows == later[worker.stage], "nothing was written over it"


def contents(decisions: Iterable[Mapping[str, Any]], fields: Iterable[str]) -> Counter[str]:
    """Decisions by what they say in these fields (a later release may add some). Whether they were handed over depends
    on how the log was cut."""
    compared = [name for name in fields if name != "handed_over"]
    return Counter(json.dumps([one[name] for name in compared], sort_keys=True) for one in decisions)


def look(value: Any, empty: set[str], filled: set[str]) -> None:
    """Note which fields of a record, and of the records in it, hold something."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            inner = getattr(value, name)
            (filled if inner and inner != NEVER else empty).add(f"{type(value).__name__}.{name}")
            look(inner, empty, filled)
    elif isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            look(inner, empty, filled)


def write(settings: Settings, tables: Tables, log: Mapping[Place, list[Record]]) -> None:
    """Put changelogs and logs on the broker, each record at its offset."""
    with producer(settings) as client:
        for (stage, number), table in tables.items():
            for key, value in table.items():
                client.send(settings.topic(STAGES[stage].changelog), value, key, partition=number)
        for (topic, number), rows in log.items():
            for row in rows:
                key = b"filler" if row.key is None else row.key
                client.send(settings.topic(topic), row.value, key, list(row.headers), partition=number)
