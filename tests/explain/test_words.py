"""Decisions in words: each outcome is told, with its reason and every gate."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.decisions import REASONS
from schemas.envelope import Envelope
from streams.decide.occasions import OCCASIONS
from streams.explain.event_words import event_in_words
from streams.explain.words import OCCASION_WORDS, in_words


def row(**changes: Any) -> dict[str, Any]:
    decision = {
        "customer_id": "c1",
        "occasion": "cart_abandoned",
        "campaign": "cart-reminder",
        "step": 1,
        "episode": "cart-7",
        "outcome": "suppressed",
        "reason": "bought_in_store",
        "channel": "email",
        "due_at": "2011-03-01T10:00:00.000Z",
        "decided_at": "2011-03-01T10:30:00.000Z",
        "correction": None,
        "gates": [{"gate": "episode", "passed": False, "value": "open lines 0 of 1, worth 0"}],
        "inputs": ["visit-1", "store-1/till-1/2011-03-01/5"],
    }
    return {**decision, **changes}


def test_a_suppressed_decision_says_what_why_and_on_what_it_rests() -> None:
    text = in_words(row())
    assert "Customer c1, 2011-03-01 10:00: a reminder of the cart was due" in text
    assert f"It was not sent: {REASONS['bought_in_store']}" in text
    assert "NO  episode: open lines 0 of 1, worth 0" in text
    assert text.endswith("It rests on visit-1, store-1/till-1/2011-03-01/5.")


@pytest.mark.parametrize(("correction", "words"), [("cancelled", "was cancelled"), ("regretted", "could not be taken")])
def test_a_correction_is_told(correction: str, words: str) -> None:
    text = in_words(
        row(
            outcome="sent",
            reason="due",
            correction=correction,
            correction_reason="bought_in_store",
            corrected_at="2011-03-02T08:00:00.000Z",
        )
    )
    assert "It was sent by email at 2011-03-01 10:30." in text
    assert words in text


def test_every_occasion_has_words() -> None:
    assert set(OCCASION_WORDS) == set(OCCASIONS)


def test_a_visit_is_told_by_its_session_and_device() -> None:
    data = {"session": "v1", "device": "mobile", "referrer": None}
    event = Envelope(id="e1", type="session.started", source="web-sessions", customer="c1", at=0, eff=0, data=data)
    assert event_in_words(event) == "visit v1 on mobile"
