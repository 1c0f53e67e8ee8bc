"""Wakes: their order, what they say of a state, and that memory holds only the next of them."""

from __future__ import annotations

import random

import pytest

from streams.decide.alarms import (
    CUSTOMER,
    EPISODE_RANK,
    NEVER,
    SLOT_RANK,
    Alarms,
    earliest_wake,
    first_place,
    wake_at,
    wake_bytes,
)
from streams.decide.state import STATE_VERSION, CustomerState, Slot, decode_state, encode_state, wake_of

TIMES = (-5_000, -1, 0, 1, 2, 1_700_000_000_000, 253_402_300_799_999)


def state(timers: dict[str, int], slots: dict[str, int]) -> CustomerState:
    found = CustomerState(STATE_VERSION, "c1")
    found.timers = timers
    found.slots = {name: Slot(release, False) for name, release in slots.items()}
    return found


def test_wakes_sort_like_time_and_rank_as_numbers_and_as_bytes() -> None:
    places = [(due, rank) for due in TIMES for rank in (EPISODE_RANK, SLOT_RANK)]
    wakes = [wake_at(*place) for place in places]
    assert wakes == sorted(set(wakes))
    assert [wake_bytes(wake) for wake in wakes] == sorted(wake_bytes(wake) for wake in wakes)
    assert wakes[-1] < NEVER


@pytest.mark.parametrize(
    ("timers", "slots", "wake", "name"),
    [
        ({}, {}, NEVER, None),
        ({"b": 20, "a": 20, "c": 30}, {"s": 20}, wake_at(20, EPISODE_RANK), "a"),
        ({"a": 21}, {"t": 20, "s": 20}, wake_at(20, SLOT_RANK), "s"),
    ],
)
def test_a_state_wakes_for_what_comes_first_in_the_order(
    timers: dict[str, int], slots: dict[str, int], wake: int, name: str | None
) -> None:
    found = state(timers, slots)
    assert earliest_wake(found) == wake
    place = first_place(found)
    assert (None if place is None else place[3]) == name
    assert place is None or wake_at(place[0], place[1]) == wake


@pytest.mark.parametrize("wake", [NEVER, *(wake_at(due, SLOT_RANK) for due in TIMES)])
def test_a_value_begins_with_its_wake_and_keeps_it(wake: int) -> None:
    found = state({"a": 20}, {})
    found.wake = wake
    value = encode_state(found)
    assert wake_of(value) == wake_bytes(wake) == value[:8]
    assert decode_state(value).wake == wake
    assert decode_state(value) == found


def test_a_value_of_version_1_wakes_for_its_earliest_timer() -> None:
    value = encode_state(state({"a": 20, "b": 10}, {"s": 15}))[8:].replace(bytes([STATE_VERSION]), b"\x01", 1)
    found = decode_state(value)
    assert wake_of(value) == wake_bytes(wake_at(10, EPISODE_RANK))
    assert (found.version, found.wake) == (STATE_VERSION, wake_at(10, EPISODE_RANK))


class Model:
    """A table's wakes as a list that is searched, and alarms over it that hold at most ``most`` and twice as many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.wakes: dict[str, int] = {}
        self.stored: set[bytes] = set()
        self.alarms = Alarms(most)
        self.alarms.load(self.read)

    def read(self, behind: bytes, most: int) -> list[bytes]:
        assert most == self.most
        return sorted(entry for entry in self.stored if entry > behind)[:most]

    def set(self, customer: str, wake: int) -> None:
        self.wakes[customer] = wake
        self.alarms.push(wake, customer)

    def commit(self) -> bytes:
        """Out of date entries stay in the table, as they do on disk."""
        begin = self.alarms.settle()
        self.stored |= {wake_bytes(wake) + CUSTOMER + name.encode() for name, wake in self.wakes.items()}
        return begin

    def next(self) -> tuple[int, str] | None:
        """The next one that counts, below the horizon of all times."""
        while self.alarms.first < max(TIMES):
            found = self.alarms.pop()
            if found is not None and self.wakes[found[1]] == found[0]:
                return found
        return None


@pytest.mark.parametrize("seed", range(20))
def test_every_wake_comes_in_its_turn_whatever_is_forgotten_in_between(seed: int) -> None:
    chance = random.Random(seed)
    model = Model(chance.choice((1, 3, 10)))
    now = 0
    for _ in range(400):
        for _ in range(chance.randrange(4)):
            customer = chance.choice(("é", "z", "a")) + str(chance.randrange(60))
            wake = wake_at(now + chance.randrange(-20, 500), chance.choice((EPISODE_RANK, SLOT_RANK)))
            model.set(customer, min(wake, model.wakes.get(customer, NEVER)))
        for _ in range(chance.randrange(3)):
            expected = min(((wake, name) for name, wake in model.wakes.items() if wake != NEVER), default=None)
            assert model.next() == expected
            if expected is not None:
                now = max(now, (expected[0] - wake_at(0, EPISODE_RANK)) // 2)
                model.wakes[expected[1]] = NEVER
        begin = model.commit()
        live = [wake_bytes(wake) + CUSTOMER + name.encode() for name, wake in model.wakes.items() if wake != NEVER]
        assert all(entry >= begin for entry in live)
        assert len(model.alarms) <= 2 * model.most
        if chance.random() < 0.1:
            model.stored = {entry for entry in model.stored if entry >= begin}
            model.alarms = Alarms(model.most)
            model.alarms.load(model.read)
