"""Campaigns that name sources wait for them, and give up: a late till file, and a feed that is dead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from schemas.campaigns import Campaign
from schemas.topics import MARK_KEY
from streams.campaigns import CampaignSet, records
from streams.decide.task import DecideTask
from streams.intake.admit import Admission
from streams.intake.task import SOURCES
from streams.intake.validate import Rejection
from streams.table import MemoryTable, wake_of
from streams.task import Record
from streams.wire import Mark, encode_envelope, encode_mark
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
TILLS = "pos-transactions"
ALL_STEPS = 1 << 40


class Live:
    """A live partition of decide of which one source comes in files."""

    def __init__(self, *campaigns: Campaign) -> None:
        self.history, self.log = History(), list[Record]()
        self.reasons: list[str] = []
        self._admission, self._values = Admission(), dict[bytes, bytes]()
        self.restart()
        for _, record in records(CampaignSet(campaigns, (brand(hold_window="0s"),)), 0, "test"):
            self.read("campaigns", record)
        self.reach(1, 0)

    def restart(self) -> None:
        """Go on from what is stored."""
        self.task = DecideTask(0, 1, "test")
        self._table = MemoryTable(self._values, wake_of(self.task))
        self.task.load(self._table)
        for record in self.log[self.task.start_offsets().get("customer-events", 0) :]:
            self.task.take("customer-events", [record])

    def read(self, source: str, record: dict[str, Any], until: int = 0) -> None:
        """An event of a source."""
        admitted = self._admission.admit(source, msgspec.json.encode(record), NOON + DAY, until)
        assert admitted is not None
        assert not isinstance(admitted, Rejection), admitted
        for _, event in admitted:
            self._append(event.customer.encode(), encode_envelope(event))

    def reach(self, clock: int, tills: int, newest: dict[str, int] | None = None) -> list[str]:
        """All sources are complete until ``clock``, the tills until ``tills``: what is decided then."""
        for stage in ("intake", "identity"):
            until = dict.fromkeys(SOURCES, clock) | {TILLS: tills}
            mark = Mark(stage, 0, 1, until, [TILLS], newest or {} if stage == "intake" else {})
            self._append(MARK_KEY, encode_mark(mark))
        self.task.tick(0, frozenset())
        effects = self.task.step(ALL_STEPS)
        assert not effects.more
        self._table.put(effects.state)
        decided = [msgspec.json.decode(out.value or b"") for out in effects.records if out.topic == "decisions"]
        made = [f"{d['campaign']} {d['outcome']} {d['reason']} {d['decided_at'][11:16]}" for d in decided]
        self.reasons += made
        return made

    def _append(self, key: bytes, value: bytes) -> None:
        record = Record("customer-events", 0, len(self.log), 0, key, value, ())
        self.log.append(record)
        self.task.take("customer-events", [record])


def cart(name: str = "cart", **fields: Any) -> Campaign:
    return campaign(
        "cart_abandoned", name, "0s", **{"sources": [TILLS], "stale_after": "2h", "valid_for": "2d", **fields}
    )


def with_a_cart(*campaigns: Campaign) -> Live:
    live = Live(*campaigns)
    live.read("customers", live.history.profile(NOON - HOUR))
    live.read("web-sessions", live.history.cart(NOON, "a"))
    return live


def test_a_message_waits_for_the_file_and_sees_what_is_in_it() -> None:
    live = with_a_cart(cart())
    assert live.reach(NOON + 20 * MINUTE, 0) == ["cart held source_waits 12:00"]
    live.read(TILLS, live.history.receipt(NOON - MINUTE, "a"))
    live.read(TILLS, live.history.receipt(NOON + 10 * MINUTE, "a", 2))
    assert live.reach(NOON + 21 * MINUTE, NOON) == ["cart suppressed bought_in_store 12:20"]


def test_a_complete_source_lets_it_go_at_the_next_look() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 1, NOON - 1)
    assert live.reach(NOON + 5 * MINUTE, NOON) == []
    assert live.reach(NOON + 5 * MINUTE + 1, NOON) == ["cart sent due 12:05"]


def test_at_the_end_of_its_patience_it_is_not_sent() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 2 * HOUR, NOON - 1)
    assert live.reasons == ["cart held source_waits 12:00"]
    assert live.reach(NOON + 2 * HOUR + 1, NOON - 1) == ["cart suppressed source_stale 14:00"]


def test_without_patience_it_is_stale_at_once_and_others_go() -> None:
    live = with_a_cart(cart(stale_after="0s"), cart("other", sources=[], priority=10))
    assert live.reach(NOON + 1, 0) == ["cart suppressed source_stale 12:00", "other sent due 12:00"]


def test_others_of_the_slot_do_not_wait() -> None:
    live = with_a_cart(cart(), cart("other", sources=["orders"], priority=10))
    assert live.reach(NOON + 1, 0) == ["other sent due 12:00", "cart held source_waits 12:00"]


def test_a_silent_source_is_behind_even_if_it_looks_complete() -> None:
    live = with_a_cart(cart(sources=["orders"], silent_after="30m", stale_after="1h"))
    dead, alive = NOON - 30 * MINUTE - 1, NOON - 25 * MINUTE
    assert live.reach(NOON + 1, 0, {"orders": dead}) == ["cart held source_waits 12:00"]
    assert live.reach(NOON + 6 * MINUTE, 0, {"orders": alive}) == ["cart sent due 12:05"]


def test_a_restart_while_it_waits_changes_nothing() -> None:
    live = with_a_cart(cart())
    live.reach(NOON + 1, NOON - 1)
    live.restart()
    assert live.reach(NOON + 4 * MINUTE, NOON) == []
    live.restart()
    assert live.reach(NOON + 6 * MINUTE, NOON) == ["cart sent due 12:05"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sources": ["orders", "orders"]}, "one is there twice"),
        ({"sources": ["ordres"]}, "Input should be 'orders'"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        cart(**fields)


def test_on_arrival_waits_for_nothing() -> None:
    with pytest.raises(ValidationError, match="leave sources out"):
        campaign("welcome", "hello", "0s", timing="on_arrival", sources=["orders"])
