"""Inputs that intake has not read, and compacted ones, go over to the new partitions."""

from __future__ import annotations

import random

import msgspec
import pytest

from streams.intake.stamp import arrived_at
from streams.ordered import POSITION_KEY
from streams.repartition.borders import RepartitionError
from streams.repartition.run import repartition
from streams.settings import Settings
from streams.task import Out, Record
from streams.wire import partition_of
from tests.e2e.retailer import small_campaigns
from tests.repartition.kit import MemoryPipeline, first_half
from tests.repartition.test_rest import edit

SETTINGS = Settings(topic_prefix="memory", partitions=2)
KEYS = [f"c{number}".encode() for number in range(12)]


@pytest.fixture
def live() -> MemoryPipeline:
    """At rest, live, with orders that intake has not read, later ones in the first partition among them."""
    told = [("orders", 86_400_000, b"broken"), ("web-sessions", 86_400_000, b"broken")]
    pipeline = first_half(SETTINGS, small_campaigns(), told, random.Random(1))
    for number in range(SETTINGS.partitions):
        edit(pipeline, "intake", number, mode="live")
    for moment, key in enumerate(KEYS):
        rows = pipeline.log.records["orders", partition_of(key.decode(), SETTINGS.partitions)]
        rows.append(Record("orders", rows[0].partition, len(rows), 1_000 + moment, key, b"%d" % moment, ()))
    return pipeline


def moved(live: MemoryPipeline, by_marks: tuple[str, ...] = ()) -> MemoryPipeline:
    new = MemoryPipeline(5)
    repartition(live, new, by_marks)
    return new


def offsets(new: MemoryPipeline, number: int) -> dict[str, int]:
    """Where intake begins to read."""
    found: dict[str, int] = msgspec.msgpack.decode(new.tables["intake", number][POSITION_KEY])["offsets"]
    return found


def test_unread_records_go_to_the_partitions_of_their_keys_in_the_order_of_their_arrival(live: MemoryPipeline) -> None:
    new = moved(live)
    found: list[bytes | None] = []
    for number in range(new.partitions):
        rows = new.log.records.get(("orders", number), [])
        found += [row.value for row in rows]
        assert all(row.key is not None and partition_of(row.key.decode(), 5) == number for row in rows)
        arrived = [arrived_at(row._replace(timestamp_ms=9_999)) for row in rows]
        assert arrived == sorted(arrived)
        assert arrived == [1_000 + int(row.value or b"") for row in rows]
        assert "orders" not in offsets(new, number), "they are read from the beginning"
    assert sorted(found) == sorted(b"%d" % moment for moment in range(len(KEYS)))


def test_a_source_by_marks_has_to_be_read(live: MemoryPipeline) -> None:
    with pytest.raises(RepartitionError, match="of source orders to the end, and the source says itself how far"):
        moved(live, ("orders",))


def test_compacted_inputs_are_copied_and_not_read_again(live: MemoryPipeline) -> None:
    product = b'{"price": 2}'
    live.log.records["catalog", 0].append(Record("catalog", 0, 99, 5_000, b"acme:p", product, ()))
    new = moved(live)
    campaigns = {key for (topic, _), rows in live.log.records.items() if topic == "campaigns" for _, key in _rows(rows)}
    copied = [key for (topic, _), rows in new.log.records.items() if topic == "campaigns" for _, key in _rows(rows)]
    assert sorted(copied) == sorted(campaigns)
    home = partition_of("acme:p", 5)
    assert [row.value for row in new.log.records["catalog", home]] == [product]
    for number in range(new.partitions):
        control = [row.key for row in new.log.records["control", number]]
        assert sorted(key or b"" for key in control) == [b"brands", b"mode"]
        counts = {topic: len(new.log.records.get((topic, number), [])) for topic in ("campaigns", "control")}
        assert offsets(new, number) == {**counts, "catalog": 0}, "what was read before is not read again"


def test_counts_add_up_in_the_first_partition(live: MemoryPipeline) -> None:
    new = moved(live)
    counts = [msgspec.msgpack.decode(new.tables["intake", number][POSITION_KEY])["counts"] for number in range(5)]
    assert counts[0]["orders"] == {"received": 1, "quarantined": 1}
    assert counts[1:] == [{}] * 4


def test_profiles_follow_their_customers(live: MemoryPipeline) -> None:
    live.send(Out("customer-profile", 0, b"acme:anon:v", b"{}"))
    live.send(Out("customer-profile", 0, b"acme:gone", b"{}"))
    live.send(Out("customer-profile", 0, b"acme:gone", None))
    new = moved(live)
    found = {place[1]: rows for place, rows in new.log.records.items() if place[0] == "customer-profile"}
    assert [row.key for row in found.pop(partition_of("anon:v", 5))] == [b"acme:anon:v"]
    assert not found


def _rows(rows: list[Record]) -> list[tuple[bytes | None, bytes]]:
    """Records but marks, with their keys."""
    return [(row.value, row.key) for row in rows if row.key and not row.key.startswith(b"\x00")]
