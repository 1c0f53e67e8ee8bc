"""Campaigns with ``timing: on_arrival`` decide live as soon as their event is read; the clock does not decide again."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.decisions import Decision
from schemas.envelope import Envelope
from streams.backtest import backtest_history, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns, records
from streams.decide.partition import Partition
from streams.intake.admit import Admission
from streams.intake.validate import Rejection
from streams.replay.files import merged
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.task import Out
from streams.wire import encode_envelope
from tests.decide.memory_log import MemoryLog, all_stages, input_log, run
from tests.decide.test_any_cut import CAMPAIGNS
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t

START = t("2011-03-01T12:00")
ALL = 1 << 62
SETTINGS = Settings(topic_prefix="memory", partitions=2)
REVIEW = campaign("review_request", after="0s", timing="on_arrival", purpose="review")
WELCOME = campaign("welcome", after="0s", timing="on_arrival")


class Shop:
    """One live partition with rules in force; events are read one by one, and the clock moves when it is told."""

    def __init__(self, *campaigns: Campaign, rules: BrandRules | None = None, live_from: int | None = 0) -> None:
        self.partition = Partition(lambda _: None, lambda _: iter(()))
        self.partition.fold.live_from = live_from
        self.history = History()
        self._admission = Admission()
        self._offset = 0
        for _, record in records(CampaignSet(campaigns, (rules or brand(),)), 0, "test"):
            self._admit("campaigns", record)
        self.clock(1)

    def read(self, source: str, record: dict[str, Any]) -> list[dict[str, Any]]:
        """Read one event; what was decided at once."""
        self._admit(source, record)
        return self._made()

    def clock(self, now: int) -> list[dict[str, Any]]:
        """Let the clock pass everything before ``now``; what was decided then."""
        self.partition.advance(now, ALL)
        return self._made()

    def delivered(self, at: int, order: str = "o1") -> list[dict[str, Any]]:
        """An order is placed and delivered."""
        self.read("orders", self.history.order(at - DAY, ["p1"], order))
        return self.read("orders", self.history.of_order("delivered", at, order))

    def _admit(self, source: str, record: dict[str, Any]) -> None:
        routed = self._admission.admit(source, msgspec.json.encode(record), START + 400 * DAY, 0)
        assert routed is not None
        assert not isinstance(routed, Rejection), routed
        for topic, event in routed:
            if topic == "customer-events":
                self._offset += 1
                self.partition.take(event, self._offset)

    def _made(self) -> list[dict[str, Any]]:
        made = [entry.decision for entry in self.partition.fold.made]
        self.partition.fold.made.clear()
        return made


def results(made: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(decision["outcome"], decision["reason"]) for decision in made]


def test_it_is_sent_when_its_event_is_read_and_never_again() -> None:
    shop = Shop(WELCOME)
    made = shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START)))
    assert results(made) == [("sent", "due")]
    assert made[0]["decided_at"] == rfc3339(START)
    Decision.model_validate(made[0])
    assert shop.clock(START + DAY) == []
    assert shop.read("customers", shop.history.profile(START + DAY, registered_at=rfc3339(START))) == []


def test_the_customers_events_that_wait_for_the_clock_count() -> None:
    shop = Shop(REVIEW)
    shop.read("customers", shop.history.profile(START - 2 * DAY))
    assert results(shop.delivered(START)) == [("sent", "due")]
    other = Shop(REVIEW)
    assert results(other.delivered(START)) == [("suppressed", "no_consent")]


def test_events_that_wait_for_a_later_time_do_not_count() -> None:
    shop = Shop(REVIEW)
    shop.read("customers", shop.history.profile(START + HOUR))
    assert results(shop.delivered(START)) == [("suppressed", "no_consent")]


def test_what_the_clock_has_passed_is_decided_at_the_clock() -> None:
    shop = Shop(WELCOME)
    shop.clock(START + HOUR)
    made = shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START)))
    assert [decision["decided_at"] for decision in made] == [rfc3339(START + HOUR)]
    assert shop.clock(START + 2 * HOUR) == []


def test_what_it_sent_counts_in_caps_and_can_be_taken_back() -> None:
    rules = brand(caps=[{"channel": "*", "max": 1, "per": "1d"}])
    shop = Shop(WELCOME, REVIEW, rules=rules)
    shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START)))
    assert results(shop.delivered(START + HOUR)) == [("suppressed", "frequency_cap")]
    shop.read("customers", shop.history.withdraw(START + MINUTE))
    assert results(shop.clock(START + DAY)) == [("cancelled", "consent_withdrawn")]


def test_several_at_once_compete_and_hold_windows_do_not_hold() -> None:
    second = campaign("welcome", "later-by-name", after="0s", timing="on_arrival")
    shop = Shop(WELCOME, second, rules=brand(hold_window="1h"))
    made = shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START)))
    assert {decision["campaign"]: decision["reason"] for decision in made} == {
        "later-by-name": "due",
        "welcome": "outranked",
    }


def test_quiet_hours_leave_it_to_the_clock() -> None:
    rules = brand(quiet_hours=[{"channel": "*", "start": "11:00", "end": "14:00"}], zone="UTC")
    shop = Shop(WELCOME, rules=rules)
    assert shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START))) == []
    assert results(shop.clock(START + DAY)) == [("held", "quiet_hours"), ("sent", "due")]


def test_a_customer_who_waits_for_a_merge_is_left_to_the_clock() -> None:
    shop = Shop(WELCOME)
    merge = Envelope("m", "merge.expected", "customers", "c1", START, START, data={"merge": "c2>c1@1", "from": "c2"})
    shop.partition.take(merge, 1_000)
    shop.clock(START + 1)
    assert shop.read("customers", shop.history.profile(START + 2, registered_at=rfc3339(START))) == []


@pytest.mark.parametrize("live_from", [None, START + DAY])
def test_a_replay_and_what_is_before_the_way_live_are_decided_in_event_time(live_from: int | None) -> None:
    shop = Shop(WELCOME, live_from=live_from)
    assert shop.read("customers", shop.history.profile(START, registered_at=rfc3339(START))) == []
    assert len(shop.clock(START + HOUR)) == 1


def test_a_backtest_decides_in_event_time() -> None:
    history = History()
    history.profile(START - 2 * DAY)
    history.order(START - DAY, ["p1"])
    history.of_order("delivered", START)
    timed = campaign("review_request", after="0s", purpose="review")
    on_arrival, event_time = (
        backtest_history(history.sources, [one], [brand()], LATENESS).outcomes for one in (REVIEW, timed)
    )
    assert on_arrival == event_time != set()


@pytest.fixture(scope="module")
def live_log(tmp_path_factory: pytest.TempPathFactory) -> MemoryLog:
    """``customer-events`` of a simulated history, read live by campaigns that decide on arrival.

    It has what decide itself adds at merges, so that the log of every run is the same."""
    directory = tmp_path_factory.mktemp("history")
    simulate_retailer(directory, 60, 60, 7)
    (directory / "catalog.jsonl").write_text("")
    content = load_campaigns(CAMPAIGNS)
    at_once = [
        Campaign.model_validate(one.model_dump() | {"timing": "on_arrival", "steps": [{"after": 0}]})
        for one in content.campaigns
        if one.occasion in ("welcome", "review_request", "second_purchase")
    ]
    others = [one for one in content.campaigns if one.id not in {each.id for each in at_once}]
    campaigns = CampaignSet((*at_once, *others), content.brands)
    assert backtest_lines(merged(directory), campaigns, SETTINGS.replay_lateness).outcomes
    whole = input_log(SETTINGS, campaigns, directory)
    before = [place for place in all_stages(SETTINGS) if place[0] != "decide"]
    run(whole, SETTINGS, before, random.Random(1), records_max=20)
    log = MemoryLog()
    live = Envelope("live", "control", "control", "*", 0, 0, data={"kind": "live", "from": 0})
    for number in range(SETTINGS.partitions):
        kept = whole.records["customer-events", number]
        first = next(n for n, record in enumerate(kept) if b'"type":"control"' in (record.value or b""))
        for record in kept[: first + 1]:
            log.append(Out("customer-events", number, record.key, record.value))
        log.append(Out("customer-events", number, b"*", encode_envelope(live)))
        for record in kept[first + 1 :]:
            log.append(Out("customer-events", number, record.key, record.value))
    places = list(log.records)
    complete = MemoryLog()
    complete.records = {place: held for place, held in decided(log).records.items() if place in places}
    return complete


def decided(
    given: MemoryLog, records_max: int = 500, budget: int = 1_000, crash_share: float = 0.0, tight: bool = False
) -> MemoryLog:
    log = MemoryLog()
    log.records = {place: list(held) for place, held in given.records.items()}
    tasks = [("decide", number) for number in range(SETTINGS.partitions)]
    chance = random.Random(records_max)
    run(log, SETTINGS, tasks, chance, records_max=records_max, budget=budget, crash_share=crash_share, tight=tight)
    return log


def without_hand_over(log: MemoryLog) -> list[dict[str, Any]]:
    """Its decisions, but for whether a send was handed over: not when its cancel came in the same transaction."""
    rows = [msgspec.json.decode(value) for value in log.values("decisions")]
    return [{name: value for name, value in row.items() if name != "handed_over"} for row in rows]


@pytest.mark.parametrize(
    ("records_max", "budget", "crash_share", "tight"),
    [(1, 1_000, 0.0, False), (5_000, 100_000, 0.0, True), (60, 13, 0.05, True), (300, 1_000, 0.05, False)],
)
def test_the_same_log_gives_the_same_bytes(
    live_log: MemoryLog, records_max: int, budget: int, crash_share: float, tight: bool
) -> None:
    expected = decided(live_log)
    found = decided(live_log, records_max, budget, crash_share, tight)
    assert without_hand_over(found) == without_hand_over(expected)
    ids = [
        row["decision_id"] for row in map(msgspec.json.decode, found.values("decisions")) if row["outcome"] == "sent"
    ]
    assert len(ids) == len(set(ids)) > 0


def test_live_decides_before_the_clock_does(live_log: MemoryLog) -> None:
    replayed = MemoryLog()
    replayed.records = {
        place: [record for record in held if b'"kind":"live"' not in (record.value or b"")]
        for place, held in live_log.records.items()
    }
    live, replay = (
        {(row["decision_id"], row["outcome"]): row["decided_at"] for row in map(msgspec.json.decode, rows)}
        for rows in (decided(live_log).values("decisions"), decided(replayed).values("decisions"))
    )
    earlier = [key for key in live.keys() & replay.keys() if live[key] < replay[key]]
    assert earlier


@pytest.mark.parametrize(
    ("occasion", "after", "says"),
    [("cart_abandoned", "0s", "cart_abandoned is decided in event time only"), ("welcome", "1h", "after: 0s")],
)
def test_what_cannot_be_decided_on_arrival_is_refused(occasion: str, after: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        campaign(occasion, after=after, timing="on_arrival")
