"""What a shop knows of each customer at the end of any history is what the oracle says, whatever happened on the way.

A change that nobody noticed, or that time alone brought, would leave an old record behind.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from schemas.base import rfc3339
from schemas.profiles import PublicProfile
from streams.backtest import backtest_history
from tests.oracle.builders import DAY
from tests.oracle.history import parse_ms
from tests.oracle.shop import oracle_profiles
from tests.property.cases import Case, Records, cases, full_case
from tests.property.test_core_equals_oracle import PROFILE

Found = dict[str, dict[str, Any]]


def with_profiles(case: Case) -> Case:
    """The case with shops that are told what they may know, customers who have a say in it, and a catalogue that
    stands from the beginning: a new category of a product is told with the customer's next change only."""
    history = {**case.history, "customers": [_asked(record) for record in case.history["customers"]]}
    history["channel-feedback"] = [
        {**record, "channel": "onsite"} if record["channel"] == "push" else record
        for record in history["channel-feedback"]
    ]
    history["catalog"] = _from_the_beginning(history)
    brands = [rules.model_copy(update={"profile": True}) for rules in case.brands]
    return replace(case, history=history, brands=brands)


def _asked(record: dict[str, Any]) -> dict[str, Any]:
    """What is said of e-mail is said of the shop too."""
    words = [word for word in record.get("consents", ()) if word["channel"] == "email"]
    return (
        {**record, "consents": [*record["consents"], *({**word, "channel": "onsite"} for word in words)]}
        if words
        else record
    )


def _from_the_beginning(history: Records) -> list[dict[str, Any]]:
    times = [parse_ms(record["occurred_at"]) for records in history.values() for record in records]
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for record in history["catalog"]:
        known.setdefault((record["brand"], record["product_id"]), record)
    at = rfc3339(min(times) - DAY)
    return [{**record, "occurred_at": at, "arrived_at": at} for record in known.values()]


def core(case: Case) -> Found:
    found = backtest_history(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms).profiles
    return {key: {name: value for name, value in row.items() if name != "as_of"} for key, row in found.items()}


def oracle(case: Case) -> Found:
    return oracle_profiles(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms)


@settings(PROFILE)
@given(cases())
def test_shops_know_what_the_oracle_says(case: Case) -> None:
    profiled = with_profiles(case)
    assert core(profiled) == oracle(profiled)


@settings(PROFILE)
@given(cases())
def test_decisions_are_the_same_whether_shops_are_told_or_not(case: Case) -> None:
    profiled = with_profiles(case)
    without = replace(profiled, brands=[rules.model_copy(update={"profile": False}) for rules in profiled.brands])
    told, untold = (
        backtest_history(each.history, each.campaigns, each.brands, each.lateness_ms, each.until_ms)
        for each in (profiled, without)
    )
    assert told.outcomes == untold.outcomes
    assert untold.profiles == {}


def test_the_examples_reach_every_field() -> None:
    """A generator that never fills a field proves nothing about it."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        case = with_profiles(full_case(seed, 4, 20, 90, beyond=seed % 2 == 0, duplicates=seed % 3 == 0))
        for row in core(case).values():
            PublicProfile.model_validate({**row, "as_of": rfc3339(0)})
            seen.update(name for name, value in row.items() if value)
            seen.update([row["stage"], *row["segments"], *row["affinities"]])
    assert set(seen) >= set(PublicProfile.model_fields) - {"as_of"}
    assert set(seen) >= {"prospect", "active", "at_risk", "lapsed", "covers", "tablets"}
