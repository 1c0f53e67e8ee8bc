"""The reorder buffer gives events back in order, in memory and from files alike."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas.envelope import Envelope
from streams.reorder import ReorderBuffer, key_of

KINDS = ("order.placed", "cart.updated", "feedback", "page.viewed")


def events(count: int, seed: int) -> list[Envelope]:
    chance = random.Random(seed)
    return [
        Envelope(f"e{chance.randrange(count)}", chance.choice(KINDS), "orders", "c1", 0, chance.randrange(count // 3))
        for _ in range(count)
    ]


@pytest.mark.parametrize("in_memory_max", [1_000_000, 50, 7])
@pytest.mark.parametrize("seed", range(3))
def test_events_leave_in_order_whatever_fits_into_memory(in_memory_max: int, seed: int, tmp_path: Path) -> None:
    buffer, chance = ReorderBuffer(in_memory_max, tmp_path), random.Random(seed)
    waiting, given, taken = events(600, seed), [], []
    floor = -1
    while waiting or len(buffer):
        if waiting and chance.random() < 0.7:
            event = waiting.pop()
            event.eff = max(event.eff, floor)
            buffer.push(event, len(given))
            given.append(event)
        elif len(buffer):
            entry = buffer.pop()
            assert buffer.next_eff() is None or entry[0] <= buffer.next_eff()  # type: ignore[operator]
            floor = entry[0]
            taken.append(entry)
    assert sorted(key_of(event) for event in given) == sorted(entry[:4] for entry in taken)
    assert sorted(entry[5] for entry in taken) == list(range(600))


def test_what_exceeds_the_bound_is_in_a_file_and_nothing_is_left_behind(tmp_path: Path) -> None:
    buffer = ReorderBuffer(10, tmp_path)
    for offset, event in enumerate(events(100, 1)):
        buffer.push(event, offset)
    assert len(buffer) == 100
    assert buffer.spilled > 50
    assert list(tmp_path.iterdir()) == []


def test_the_first_offset_never_lies_after_one_that_waits(tmp_path: Path) -> None:
    buffer, left = ReorderBuffer(10, tmp_path), set(range(100))
    for offset, event in enumerate(events(100, 2)):
        buffer.push(event, offset)
    while len(buffer):
        first = buffer.first_offset()
        assert first is not None
        assert first <= min(left)
        left.discard(buffer.pop()[5])
    assert buffer.first_offset() is None
