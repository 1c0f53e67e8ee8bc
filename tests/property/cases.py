"""Cases for the property tests: a generated history with its campaigns, and the ways in which it may arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from streams.replay.arrivals import JUMP_MS_MAX
from tests.oracle.builders import DAY, HOUR, SOURCES
from tests.oracle.history import parse_ms
from tests.property import rulesets
from tests.property.choices import DELAYS_BEYOND, LATENESSES, SHORT, Chooser
from tests.property.histories import Story

Records = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """Everything a run needs."""

    history: Records
    campaigns: Sequence[Campaign]
    brands: Sequence[BrandRules]
    lateness_ms: dict[str, int]
    until_ms: int | None = None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Short: Hypothesis prints every example, and what fails is shown as a minimal history."""
        printer.text(f"Case({sum(map(len, self.history.values()))} records, {len(self.campaigns)} campaigns)")


def _rename(choose: Chooser, history: Records) -> None:
    """Event ids in no relation to the order of events."""
    for records in history.values():
        for record in records:
            record["event_id"] = f"{choose.up_to(9)}{record['event_id']}"


def _report_back(choose: Chooser, story: Story, campaigns: Sequence[Campaign]) -> None:
    """Feedback that names decisions: of cart reminders, whose ids follow from cart and campaign."""
    named = [campaign for campaign in campaigns if campaign.occasion == "cart_abandoned"]
    for record in list(story.written.sources["web-sessions"]):
        if named and record["type"] == "cart.updated" and choose.chance(15):
            campaign = choose.one_of(named)
            text = f"{record['brand']}|{campaign.id}|{record['cart_id']}|1"
            at = parse_ms(record["occurred_at"]) + choose.one_of(SHORT) + campaign.steps[0].after
            who = {name: record[name] for name in ("customer_id", "anonymous_id") if name in record}
            fields = {"decision_id": hashlib.sha256(text.encode()).hexdigest()[:32], "brand": record["brand"]}
            story.written.feedback(at, "delivered", campaign.channels[0], **fields, **who)


def delayed(choose: Chooser, history: Records, lateness_ms: dict[str, int], beyond: bool) -> Records:
    """The history with arrival times: at once, within the lateness, or (``beyond``) later; some from fast clocks."""
    result: Records = {}
    for source, records in history.items():
        result[source] = []
        for record in records:
            at, lateness = parse_ms(record["occurred_at"]), lateness_ms[source]
            wait = 0
            if choose.chance(25):
                wait = choose.one_of((lateness, 0, lateness // 2))
            if beyond and choose.chance(10):
                wait = lateness + choose.one_of(DELAYS_BEYOND)
            if beyond and choose.chance(2):
                wait = choose.one_of((-HOUR, -DAY, -DAY - 1))
            told = wait == 0 or "arrived_at" in record
            result[source].append(record if told else {**record, "arrived_at": rfc3339(at + wait)})
    return result


def with_duplicates(choose: Chooser, history: Records, percent: int = 8) -> Records:
    """The history with some records sent again, at once or later; some natural ids under another event id."""
    result: Records = {}
    for source, records in history.items():
        result[source] = list(records)
        for record in records:
            if choose.chance(percent):
                arrived = parse_ms(record.get("arrived_at") or record["occurred_at"])
                again = {**record, "arrived_at": rfc3339(arrived + choose.one_of((0, 1, HOUR, DAY, 10 * DAY)))}
                if record["type"] in ("order.placed", "pos.receipt", "return.received") and choose.chance(30):
                    again["event_id"] += "z"
                result[source].append(again)
    return result


def with_arrivals_told(history: Records) -> Records:
    """The history with ``arrived_at`` in every record of a source that reaches back for more than a year: a replay
    takes a longer leap of untold arrivals for a wrong clock."""
    result: Records = {}
    for source, records in history.items():
        times = [parse_ms(record["occurred_at"]) for record in records]
        leaps = bool(times) and max(times) - min(times) > JUMP_MS_MAX
        result[source] = [{"arrived_at": r["occurred_at"], **r} for r in records] if leaps else records
    return result


def told_case(seed: int, people: int, scenes: int, days: int, least_lateness: int = 0) -> Case:
    """A case as its scenes tell it: some of what undoes messages arrives late."""
    choose = Chooser(seed)
    story = Story(choose, people, days)
    campaigns = story.campaigns = rulesets.campaigns(choose, story.start)
    story.tell(scenes)
    _report_back(choose, story, campaigns)
    _rename(choose, story.written.sources)
    lateness_ms = {source: max(choose.one_of(LATENESSES), least_lateness) for source in SOURCES}
    return Case(story.written.sources, campaigns, rulesets.brands(choose), lateness_ms)


def plain_case(seed: int, people: int, scenes: int, days: int, least_lateness: int = 0) -> Case:
    """A case whose events arrive when they happen."""
    case = _punctual_case(seed, people, scenes, days, least_lateness)
    return replace(case, history=with_arrivals_told(case.history))


def _punctual_case(seed: int, people: int, scenes: int, days: int, least_lateness: int = 0) -> Case:
    case = told_case(seed, people, scenes, days, least_lateness)
    for record in (record for records in case.history.values() for record in records):
        record.pop("arrived_at", None)
    return case


def full_case(seed: int, people: int, scenes: int, days: int, beyond: bool, duplicates: bool) -> Case:
    """A case with disorder, and if wanted with late events and duplicates; some end before their last event."""
    case = (told_case if beyond else _punctual_case)(seed, people, scenes, days)
    choose = Chooser(seed + 1)
    history = delayed(choose, case.history, case.lateness_ms, beyond)
    if duplicates:
        history = with_duplicates(choose, history)
    times = [parse_ms(r["occurred_at"]) for records in history.values() for r in records]
    until = max(times) - 5 * DAY if choose.chance(10) else None
    return Case(with_arrivals_told(history), case.campaigns, case.brands, case.lateness_ms, until)


SEEDS = st.integers(0, 2**63)
SIZES: dict[str, Any] = {"people": st.integers(2, 6), "scenes": st.integers(5, 30), "days": st.integers(30, 120)}


def plain_cases(least_lateness: int = 0) -> st.SearchStrategy[Case]:
    """Cases whose events arrive when they happen."""
    return st.builds(plain_case, SEEDS, **SIZES, least_lateness=st.just(least_lateness))


def cases() -> st.SearchStrategy[Case]:
    """Cases with everything."""
    return st.builds(full_case, SEEDS, **SIZES, beyond=st.booleans(), duplicates=st.booleans())
