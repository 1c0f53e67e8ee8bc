"""Who gets a place: ranks, totals, parts of a cut-off, and candidates that come too late."""

from __future__ import annotations

import random
from typing import Any

import pytest

from schemas.envelope import Envelope
from streams.capacity.fold import CapacityFold

NOON = 1_000_000
ALL = 1 << 40


def candidate(number: int, *, cutoff: int = NOON, name: str = "acme|calls", **data: Any) -> Envelope:
    """The one of that number; a lower number is before a higher one."""
    told = {"list": name, "key": f"k{number}", "answer_at": cutoff + 15, "max": 2, "total": None, "rank": [number]}
    return Envelope(
        f"{name}/{cutoff}/{number}", "capacity.candidate", "capacity", f"c{number}", 1, cutoff, data=told | data
    )


def fold_of(*candidates: Envelope) -> CapacityFold:
    fold = CapacityFold()
    for one in candidates:
        fold.take(one)
    return fold


def chosen(fold: CapacityFold, until: int = NOON, most: int = ALL) -> list[tuple[str, bool]]:
    return [(one.answer.customer, one.answer.data["chosen"]) for one in fold.close(until, most)]


def test_the_first_of_the_order_get_the_places_and_each_is_told() -> None:
    fold = fold_of(*(candidate(number) for number in (3, 1, 4, 2)))
    assert chosen(fold, NOON - 1) == []
    assert chosen(fold) == [("c1", True), ("c2", True), ("c3", False), ("c4", False)]
    assert chosen(fold) == []
    assert len(fold) == 0


def test_an_answer_counts_from_its_time_and_says_which_place_it_was() -> None:
    first, _, third = (one.answer for one in fold_of(*map(candidate, (1, 2, 3))).close(NOON, ALL))
    assert (first.type, first.at, first.eff, first.brand) == ("capacity.answer", NOON, NOON + 15, "")
    assert first.data == {"key": "k1", "chosen": True, "value": "acme|calls: place 1 of 3"}
    assert third.data["value"] == "acme|calls: no place left for number 3 of 3"


def test_lists_and_cutoffs_have_places_of_their_own() -> None:
    fold = fold_of(
        candidate(1, max=1),
        candidate(2, max=1),
        candidate(3, max=1, name="acme|print"),
        candidate(4, max=1, cutoff=NOON + 5),
    )
    assert chosen(fold) == [("c1", True), ("c2", False), ("c3", True)]
    assert chosen(fold, NOON + 5) == [("c4", True)]


def test_a_pool_is_used_up_over_all_cutoffs() -> None:
    fold = fold_of(*(candidate(number, total=3, cutoff=NOON + number // 2) for number in range(6)))
    assert [word for _, word in chosen(fold, ALL)] == [True, True, True, False, False, False]
    assert fold.used == {"acme|calls": 3}


def test_when_the_rules_changed_in_between_the_fewest_places_count() -> None:
    assert [word for _, word in chosen(fold_of(candidate(1, max=5), candidate(2, max=1), candidate(3, max=5)))] == [
        True,
        False,
        False,
    ]


def test_a_cutoff_that_was_closed_has_no_place_left() -> None:
    fold = fold_of(candidate(1))
    assert chosen(fold) == [("c1", True)]
    fold.take(candidate(2))
    assert chosen(fold) == [("c2", False)]


def test_equal_messages_go_by_their_ids() -> None:
    twins = [candidate(number, rank=[0]) for number in (2, 1)]
    assert chosen(fold_of(*twins))[0] == ("c1", True)


@pytest.mark.parametrize("seed", range(20))
def test_parts_of_any_size_and_restarts_between_them_give_the_same_and_never_more_than_the_places(seed: int) -> None:
    chance = random.Random(seed)
    all_ = [
        candidate(number, cutoff=NOON + chance.randint(0, 3), max=chance.randint(1, 4), total=chance.choice((None, 5)))
        for number in range(30)
    ]
    whole = chosen(fold_of(*all_), ALL)
    chance.shuffle(all_)
    fold, parts = fold_of(*all_), list[tuple[str, bool]]()
    while len(fold):
        parts += chosen(fold, ALL, chance.randint(1, 5))
        again = CapacityFold()
        for group in fold.waiting.values():
            for one in group.values():
                again.take(one)
        again.used, again.left, again.until = dict(fold.used), dict(fold.left), fold.until
        fold = again
    assert parts == whole
    for cutoff in {one.eff for one in all_}:
        group = {one.customer: one.data["max"] for one in all_ if one.eff == cutoff}
        assert sum(word for name, word in whole if name in group) <= min(group.values())
    with_total = {one.customer for one in all_ if one.data["total"] is not None}
    assert sum(word for name, word in whole if name in with_total) <= 5
