"""A cancel follows its send on the same key and partition, although a merge has given the decision to another."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from schemas.decisions import Trigger
from streams.campaigns import CampaignSet
from streams.settings import Settings
from streams.task import Record
from streams.wire import partition_of
from tests.decide.memory_log import MemoryLog, all_stages, input_log, run
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t

SETTINGS = Settings(topic_prefix="memory", partitions=3)
START = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", after="1h", channels=["email"], valid_for="10d")


def triggers(history: History, directory: Path) -> list[Record]:
    """All records of the topic, as they stand in the log."""
    for source, events in history.sources.items():
        (directory / f"{source}.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    log: MemoryLog = input_log(SETTINGS, CampaignSet((CART,), (brand(in_flight="30d"),)), directory)
    run(log, SETTINGS, all_stages(SETTINGS), random.Random(5), budget=50, crash_share=0.2)
    return [record for place, records in log.records.items() if place[0] == "triggers.email" for record in records]


@pytest.mark.parametrize("chain", [("c2", "c1"), ("c2", "c3", "c1")])
def test_the_cancel_has_the_key_and_the_partition_of_its_send(chain: tuple[str, ...], tmp_path: Path) -> None:
    buyer, survivor = chain[0], chain[-1]
    assert partition_of(buyer, 3) != partition_of(survivor, 3)
    history = History()
    for name in chain:
        history.profile(START - DAY, name)
    history.cart(START, "p", customer_id=buyer)
    for number, (merged, into) in enumerate(pairwise(chain), start=2):
        history.merged(START + number * HOUR, merged, into)
    history.order(START + 5 * HOUR, "p", customer_id=survivor)
    history.profile(START + 2 * DAY + MINUTE, survivor)
    send, cancel = triggers(history, tmp_path)
    assert (send.partition, send.key) == (cancel.partition, cancel.key) == (partition_of(buyer, 3), buyer.encode())
    assert send.offset < cancel.offset
    values = [msgspec.json.decode(record.value, type=dict) for record in (send, cancel)]
    assert [(value["action"], value["customer_id"]) for value in values] == [("send", buyer), ("cancel", buyer)]
    for value in values:
        Trigger.model_validate(value)
