"""Who forwards to whom, worked out from the pointers alone."""

from __future__ import annotations

import pytest

from streams.decide.forwarding import HEIGHT_MAX
from streams.repartition.borders import RepartitionError
from streams.repartition.forwards import Forwards


def home(customer: str) -> int:
    """The last digits of a name are its partition."""
    return int(customer.lstrip("abcdefghijklmnopqrstuvwxyz-"))


def test_a_pointer_to_another_partition_feeds_its_survivor() -> None:
    forwards = Forwards({"a1": "b2"}, home)
    assert forwards.fed_by["b2"] == {1: 0}
    assert forwards.heights == {1: {2: 0}}
    assert forwards.heard(2, 70) == {1: [70]}
    assert forwards.heard(1, 70) == {}


def test_a_pointer_within_a_partition_hands_over_directly() -> None:
    forwards = Forwards({"a2": "b2"}, home)
    assert forwards.fed_by["b2"] == {}
    assert forwards.heights == {}


def test_a_chain_has_a_level_for_each_partition_that_it_crosses() -> None:
    forwards = Forwards({"c2": "d3", "a1": "b1", "b1": "c2"}, home)
    assert forwards.fed_by["c2"] == {1: 0}
    assert forwards.fed_by["d3"] == {2: 1}
    assert forwards.heights == {1: {2: 0}, 2: {3: 1}}
    assert forwards.heard(3, 70) == {2: [70, 70]}


def test_of_several_pointers_the_highest_counts() -> None:
    forwards = Forwards({"a1": "b2", "b2": "d4", "c2": "d4"}, home)
    assert forwards.fed_by["d4"] == {2: 1}
    assert forwards.heights[2] == {4: 1}


def test_a_very_long_chain_has_the_greatest_height() -> None:
    pointers = {f"a{number}": f"a{number + 1}" for number in range(HEIGHT_MAX + 20)}
    forwards = Forwards(pointers, home)
    assert max(height for heights in forwards.heights.values() for height in heights.values()) == HEIGHT_MAX


def test_a_circle_is_refused() -> None:
    with pytest.raises(RepartitionError, match="customer a1 lead in a circle"):
        Forwards({"a1": "b2", "b2": "a1"}, home)
