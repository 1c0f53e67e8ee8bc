"""What is known of the customers at the end of a run, worked out by hand."""

from __future__ import annotations

import msgspec

from streams.backtest import Backtest
from streams.campaigns import CampaignSet
from streams.decide.partition import Partition
from streams.what_if.facts import Bought, Facts, facts_of
from tests.oracle.builders import DAY, HOUR, History, brand, t

START = t("2026-03-02T09:00")
END = START + 60 * DAY
RULES = brand(segments=[{"id": "big", "name": "Big", "lifetime_value_min": "20"}])


def facts(told: History) -> Facts:
    """The facts at ``END`` of everybody in a history."""
    partition = Partition(lambda _: None, lambda _: iter(()))
    run = Backtest(CampaignSet((), (RULES,)), lambda _: 0, END, partition=partition)
    lines = [(at_of(row), source, row) for source, rows in told.sources.items() for row in rows]
    for at, source, row in sorted(lines, key=lambda line: line[0]):
        run.feed(source, at, msgspec.json.encode(row))
    run.finish()
    return facts_of(partition.states.live.values(), partition.rules, END)


def at_of(row: dict[str, str]) -> int:
    return t(row["occurred_at"][:16])


def test_purchases_are_net_of_what_came_back_and_of_all_channels() -> None:
    """Three of a, one comes back: 20.00; a receipt of 10.00; an order that comes back whole counts nowhere."""
    told = History()
    told.order(START, {"a": 3}, "o1")
    told.receipt(START + DAY, {"b": 1})
    told.order(START + 2 * DAY, {"c": 1}, "o2")
    told.order(START + 3 * DAY, {"d": 1}, "o3")
    told.back(START + 4 * DAY, {"a": 1}, "r1", "return.received", order_id="o1")
    told.back(START + 4 * DAY, {"c": 1}, "r2", "return.received", order_id="o2")
    told.of_order("cancelled", START + 4 * DAY, "o3")
    found = facts(told)
    assert found.bought == {("c1", "acme"): [Bought(START, "GBP", 2_000), Bought(START + DAY, "GBP", 1_000)]}
    assert found.segments_of("c1", "acme") == ("big",)
    assert found.stage_of("c1", "acme") == "active"


def test_nobody_without_a_purchase_has_more_than_the_least() -> None:
    told = History()
    told.cart(START, "a", customer_id="c2")
    found = facts(told)
    assert (found.segments_of("c2", "acme"), found.stage_of("c2", "acme")) == (("(none)",), "prospect")
    assert found.bought == {}


def test_merged_customers_are_who_they_are_now_along_a_chain() -> None:
    """A visitor becomes c2, and c2 becomes c1: both are c1, who has c2's purchase."""
    told = History()
    told.cart(START, "a", anonymous_id="v1")
    told.order(START + HOUR, {"b": 2}, customer_id="c2")
    told.identified(START + 2 * HOUR, "c2", anonymous_id="v1")
    told.merged(START + 3 * HOUR, "c2", "c1")
    found = facts(told)
    assert found.survivors == {"anon:v1": "c1", "c2": "c1"}
    assert found.now("anon:v1") == found.now("c1") == "c1"
    assert found.bought == {("c1", "acme"): [Bought(START + HOUR, "GBP", 2_000)]}
    assert found.stage_of("anon:v1", "acme") == "active"
