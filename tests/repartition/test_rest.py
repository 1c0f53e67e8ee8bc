"""What is not at rest is refused, and the sentence says what to wait for."""

from __future__ import annotations

import random

import msgspec
import pytest

from schemas.topics import MARK_KEY
from streams.decide.state import STATE_VERSION, CustomerState, encode_state
from streams.decide.task import CUSTOMER
from streams.ordered import POSITION_KEY, Position
from streams.repartition.borders import Counting, RepartitionError
from streams.repartition.run import repartition
from streams.replay.files import merged
from streams.replay.produce import Line
from streams.settings import Settings
from streams.task import Out
from tests.e2e.kit import write_lines
from tests.e2e.retailer import BRAND, moment, small_campaigns
from tests.oracle.builders import HOUR, History
from tests.repartition.kit import MemoryPipeline, begun, first_half

SETTINGS = Settings(topic_prefix="memory", partitions=2)
PEOPLE = 6


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    told = History()
    for number in range(PEOPLE):
        who = {"customer_id": f"c{number}", "brand": BRAND}
        told.profile(moment(1, 9), f"c{number}", brand=BRAND, time_zone="Europe/London")
        told.cart(moment(2, 9) + number * HOUR, {"mug": 2}, f"cart-{number}", **who)
        told.order(moment(4, 9) + number * HOUR, {"mug": 1}, f"order-{number}", **who)
    return list(merged(write_lines(tmp_path_factory.mktemp("rest"), told.sources)))


@pytest.fixture
def pipeline(lines: list[Line]) -> MemoryPipeline:
    """At rest."""
    return first_half(SETTINGS, small_campaigns(), lines, random.Random(1))


def refused(pipeline: MemoryPipeline, words: str) -> None:
    """It cannot be moved, for this reason, and nothing was written."""
    new = Counting(5)
    with pytest.raises(RepartitionError, match=words):
        repartition(pipeline, new)
    assert not new.kept


def edit(pipeline: MemoryPipeline, stage: str, number: int, **changes: object) -> None:
    """Change the position record of a partition."""
    table = pipeline.tables[stage, number]
    row = {**msgspec.msgpack.decode(table[POSITION_KEY]), **changes}
    table[POSITION_KEY] = msgspec.msgpack.encode(row)


def extra(pipeline: MemoryPipeline, number: int, **changes: object) -> None:
    """Change what a partition of decide adds to its position."""
    known = msgspec.msgpack.decode(pipeline.tables["decide", number][POSITION_KEY], type=Position).extra
    edit(pipeline, "decide", number, extra={**known, **changes})


def test_at_rest_it_can_be_moved(pipeline: MemoryPipeline) -> None:
    new = Counting(5)
    repartition(pipeline, new)
    assert new.kept["decide"] > PEOPLE


def test_a_pipeline_that_has_never_worked(lines: list[Line]) -> None:
    refused(begun(SETTINGS, small_campaigns()), "Partition 0 of intake has no position: it has never worked")


@pytest.mark.parametrize("rounds", [5, 15, 25])
def test_a_pipeline_that_was_stopped_in_its_work(lines: list[Line], rounds: int) -> None:
    old = first_half(SETTINGS, small_campaigns(), lines, random.Random(1), rounds)
    refused(old, "not at rest|has not read|has not heard|never worked")


def test_a_log_that_is_not_read_to_its_end(pipeline: MemoryPipeline) -> None:
    pipeline.send(Out("customer-events", 1, MARK_KEY, b"{}"))
    with pytest.raises(RepartitionError, match="Partition 1 of decide is not at rest: it has not read customer-events"):
        repartition(pipeline, Counting(5))


def test_candidates_that_capacity_has_not_read(pipeline: MemoryPipeline) -> None:
    pipeline.send(Out("capacity-candidates", 0, b"acme|list", b"{}"))
    refused(pipeline, "Partition 0 of capacity is not at rest: it has not read capacity-candidates to the end. Let")


def test_records_of_a_replay_that_intake_has_not_read(pipeline: MemoryPipeline) -> None:
    pipeline.send(Out("orders", 1, b"c1", b"{}"))
    refused(pipeline, "has not read partition 1 of source orders to the end, and the source is replayed")


def test_an_order_that_intake_has_not_read(pipeline: MemoryPipeline) -> None:
    pipeline.send(Out("control", 0, b"mode", b"{}"))
    refused(pipeline, r"Intake has not read an order on control \(partition 0\). Stop the sources")


def test_a_merge_under_way(pipeline: MemoryPipeline) -> None:
    state = CustomerState(STATE_VERSION, "waits", waits_for=["a>waits@1"])
    pipeline.tables["decide", 1][CUSTOMER + b"waits"] = encode_state(state)
    refused(pipeline, "Partition 1 of decide is not at rest: a merge is under way")


def test_rules_that_are_still_told(pipeline: MemoryPipeline) -> None:
    extra(pipeline, 1, rearming=(5, "c1"))
    refused(pipeline, "Partition 1 of decide is not at rest: it still tells its customers of rules")


def test_a_partition_that_is_behind(pipeline: MemoryPipeline) -> None:
    edit(pipeline, "identity", 1, marks=[])
    refused(pipeline, "Partition 1 of identity has not heard the same marks as partition 0")


def test_a_partition_that_has_not_applied_everything(pipeline: MemoryPipeline) -> None:
    edit(pipeline, "decide", 0, through=[5])
    refused(pipeline, "Partition 0 of decide is not at rest: it has not applied all")


def test_a_feed_that_has_stopped(pipeline: MemoryPipeline) -> None:
    edit(pipeline, "intake", 1, stopped={"orders": "500 in a row"})
    refused(pipeline, "Intake has stopped at source orders, which is mostly broken")


def test_state_of_an_earlier_release(pipeline: MemoryPipeline) -> None:
    extra(pipeline, 1, state_version=STATE_VERSION - 1)
    refused(pipeline, "Partition 1 of decide was last written by an earlier release")


def test_what_this_release_does_not_know(pipeline: MemoryPipeline) -> None:
    pipeline.tables["decide", 0][b"z|new"] = b"?"
    with pytest.raises(RepartitionError, match=r"changelog of decide has an entry 'z\|' that"):
        repartition(pipeline, Counting(5))


def test_what_all_partitions_say_alike_is_carried_and_what_they_do_not_is_refused(pipeline: MemoryPipeline) -> None:
    for number in range(SETTINGS.partitions):
        extra(pipeline, number, paused=["email"])
    new = MemoryPipeline(5)
    repartition(pipeline, new)
    positions = [table[POSITION_KEY] for (stage, _), table in new.tables.items() if stage == "decide"]
    carried = [msgspec.msgpack.decode(value, type=Position).extra["paused"] for value in positions]
    assert carried == [["email"]] * 5
    extra(pipeline, 1, paused=[])
    with pytest.raises(RepartitionError, match="it says otherwise than partition 0 what paused is"):
        repartition(pipeline, Counting(5))


def test_a_rule_that_only_one_partition_knows(pipeline: MemoryPipeline) -> None:
    pipeline.tables["decide", 1][b"r|catalog.item|x|y|1"] = b"{}"
    with pytest.raises(RepartitionError, match="Partition 1 of decide knows other versions of rules"):
        repartition(pipeline, Counting(5))
