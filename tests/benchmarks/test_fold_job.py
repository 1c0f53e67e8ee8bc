"""The fold: its input, its two forms and its right answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from benchmarks.fold.job import (
    WEIGHTS,
    Answer,
    Event,
    Sent,
    State,
    decode_event,
    events,
    fold,
    fold_json,
    fresh,
)

COUNT, CUSTOMERS = 4_000, 100


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    return list(events(COUNT, CUSTOMERS))


def answer(sent: Iterable[Sent]) -> Answer:
    found = Answer()
    for record in sent:
        found.add(record.event)
    return found


def folded(sent: Iterable[Sent], work: Callable[[State, Event], bytes | None] = fold) -> Answer:
    states: dict[str, State] = {}
    decisions = set()
    for record in sent:
        decision = work(states.setdefault(record.key.decode(), State()), decode_event(record.value))
        if decision is not None:
            decisions.add(json.loads(decision)["decision"])
    return Answer(decisions, {key: msgspec.to_builtins(state) for key, state in states.items()})


def test_the_input_is_the_same_each_time_and_as_described(sent: list[Sent]) -> None:
    assert list(events(50, CUSTOMERS)) == list(events(50, CUSTOMERS))
    assert 310 <= sum(len(record.value) for record in sent) / COUNT <= 350
    kinds = Counter(record.event["type"] for record in sent)
    assert all(abs(kinds[kind] / COUNT - weight / 100) < 0.03 for kind, weight in WEIGHTS.items())
    assert [record.event["occurred_at"] for record in sent] == sorted(record.event["occurred_at"] for record in sent)
    assert {1, 2, 3} == {len(record.event["items"]) for record in sent}


def test_both_forms_of_the_fold_give_the_right_answer(sent: list[Sent]) -> None:
    right = answer(sent)
    assert right.decisions
    assert folded(sent) == right
    states: dict[str, dict[str, Any]] = {}
    decisions = [fold_json(states.setdefault(r.event["customer_id"], fresh()), json.loads(r.value)) for r in sent]
    assert states == right.states
    assert {decision["decision"] for decision in decisions if decision} == right.decisions


def test_a_wrong_fold_is_seen(sent: list[Sent]) -> None:
    def forgets_returns(state: State, event: Event) -> bytes | None:
        return None if event.type == "return_received" else fold(state, event)

    assert folded(sent, forgets_returns) != answer(sent)
