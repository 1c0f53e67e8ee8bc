"""What a customer wants, and who is told of it: bounds, and the edges of the occasions of the catalogue."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.campaigns import Campaign
from schemas.envelope import Envelope
from streams.backtest import backtest_history
from streams.decide import interests
from streams.decide.rules import VERSIONS_MAX
from streams.decide.state import DAY_MS, INTERESTS_MAX, STATE_VERSION, CustomerState
from streams.decide.watchers import BUCKET_MAX, BUCKETS, Watchers
from streams.wire import partition_of
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t

START = t("2026-03-01")
WATCHED = {"acme": frozenset({"viewed", "carted", "wished", "bought"})}


def decided(history: History, one: Campaign) -> list[str]:
    """``<date> <product> <outcome> <reason>`` of each record."""
    result = backtest_history(history.sources, [one], [brand()], LATENESS)
    assert not result.rejections
    return [
        f"{row['decided_at'][:10]} {row['episode'].rpartition('/')[2]} {row['outcome']} {row['reason']}"
        for row in result.decisions
    ]


def shop(*prices: tuple[str, str], seen: int = DAY) -> History:
    """Product p1 at (currency, amount) of GB on one day after the other; c1 looks at it ``seen`` after the first."""
    history = History()
    history.profile(START)
    for number, (currency, amount) in enumerate(prices):
        listed = [{"market": "GB", "currency": currency, "amount": amount}] if amount else []
        history.product(START + number * 2 * DAY, "p1", prices=listed)
    look(history, START + seen)
    return history


def look(history: History, at: int, kind: str = "product.viewed", product: str = "p1", **fields: Any) -> None:
    history.add("web-sessions", kind, at, session_id="s", product_id=product, **({"customer_id": "c1"} | fields))


@pytest.mark.parametrize(
    ("prices", "sent"),
    [
        ([("GBP", "10.00"), ("GBP", "9.00")], 1),
        ([("GBP", "10.00"), ("GBP", "9.01")], 0),
        ([("GBP", "10.00"), ("GBP", "9.50"), ("GBP", "9.00")], 1),
        ([("GBP", "10.00"), ("EUR", "5.00")], 0),
        ([("GBP", "10.00"), ("GBP", "")], 0),
        ([("GBP", ""), ("GBP", "5.00")], 0),
        ([("GBP", "10.00"), ("GBP", "20.00"), ("GBP", "10.00")], 0),
        ([("GBP", "10.00"), ("GBP", "9.00"), ("GBP", "12.00"), ("GBP", "8.00")], 2),
        ([("GBP", "10.00"), ("GBP", "9.00"), ("GBP", "8.00")], 1),
    ],
)
def test_a_price_has_dropped_against_the_one_that_he_saw(prices: list[tuple[str, str]], sent: int) -> None:
    one = campaign("price_drop", after="0s", options={"min_percent": 10})
    records = decided(shop(*prices), one)
    assert [record.split()[2] for record in records] == ["sent"] * sent


def test_who_looks_again_has_seen_the_price() -> None:
    history = shop(("GBP", "10.00"), ("GBP", "5.00"))
    look(history, START + 2 * DAY + HOUR)
    assert decided(history, campaign("price_drop", after="2h")) == []


def test_a_view_that_becomes_known_after_the_drop_counts() -> None:
    history = shop(("GBP", "10.00"), ("GBP", "5.00"), seen=9 * DAY)
    look(history, START + DAY, arrived=START + 2 * DAY + HOUR)
    found = decided(history, campaign("price_drop", after="0s"))
    assert found == ["2026-03-03 p1 sent due"]


def test_interest_of_long_ago_counts_only_as_a_wish() -> None:
    one = campaign("price_drop", after="0s", options={"within": "1d"})
    prices = (("GBP", "10.00"), ("GBP", "10.00"), ("GBP", "5.00"))
    assert decided(shop(*prices), one) == []
    history = shop(*prices)
    look(history, START + DAY, "product.wished")
    assert decided(history, one) == ["2026-03-05 p1 sent due"]
    look(history, START + 3 * DAY, "product.wished", listed=False)
    assert decided(history, one) == []


def test_a_product_that_is_sent_every_night_is_remembered_as_he_saw_it() -> None:
    history = shop(*[("GBP", "10.00")] * (VERSIONS_MAX + 2), ("GBP", "5.00"))
    look(history, START + DAY, "product.wished")
    assert decided(history, campaign("price_drop", after="0s")) == ["2026-07-11 p1 sent due"]


def test_a_visitor_hears_of_it_when_he_is_known_in_time() -> None:
    history = shop(("GBP", "10.00"), ("GBP", "5.00"), seen=9 * DAY)
    look(history, START + DAY, customer_id=None, anonymous_id="v1")
    history.identified(START + 3 * DAY, anonymous_id="v1")
    found = decided(history, campaign("price_drop", after="0s", valid_for="2d"))
    assert found == ["2026-03-04 p1 sent due"]
    assert decided(history, campaign("price_drop", after="0s", valid_for="1h")) == []


def test_back_in_stock_needs_to_have_been_away() -> None:
    history = shop(("GBP", "10.00"), ("GBP", "10.00"))
    assert decided(history, campaign("back_in_stock", after="0s")) == []
    history.product(START + 3 * DAY, "p1", available=False)
    history.product(START + 4 * DAY, "p1")
    assert decided(history, campaign("back_in_stock", after="0s")) == ["2026-03-05 p1 sent due"]


@pytest.mark.parametrize(
    ("days", "due"), [((0, 10, 20), "2026-03-31"), ((0, 10), "2026-04-05"), ((0, 0), "2026-03-26")]
)
def test_his_own_interval_counts_from_the_second_on_else_the_catalogues(days: tuple[int, ...], due: str) -> None:
    history = History()
    history.profile(START)
    history.product(START, "p1", usual_days=25)
    for number, day in enumerate(days):
        history.order(START + day * DAY + number * HOUR, "p1", f"o{number}")
    found = decided(history, campaign("replenishment", after="0s"))
    assert found == [f"{due} p1 sent due"]


def test_a_return_goes_back_to_the_purchase_before() -> None:
    history = History()
    history.profile(START)
    history.product(START, "p1", usual_days=25)
    history.order(START, "p1", "o1")
    history.order(START + 10 * DAY, "p1", "o2")
    history.back(START + 12 * DAY, "p1", order_id="o2")
    assert decided(history, campaign("replenishment", after="0s")) == ["2026-03-26 p1 sent due"]


def viewed(customer: str, product: str, at: int) -> Envelope:
    return Envelope("e", "product.viewed", "web-sessions", customer, at, at, brand="acme", data={"product": product})


def test_a_customer_forgets_what_he_looked_at_longest_ago() -> None:
    state, watchers = CustomerState(STATE_VERSION, "c1"), Watchers()
    for number in range(INTERESTS_MAX + 1):
        interests.note(state, viewed("c1", f"p{number}", number), WATCHED, watchers)
    assert len(state.interests) == INTERESTS_MAX
    assert "acme|p0" not in state.interests
    told = [number for number in range(BUCKETS) if watchers.of("acme|p0", number)]
    assert not told, "nor is he told of it"
    assert [watchers.of("acme|p1", number) for number in range(BUCKETS)].count(["c1"]) == 1


def test_brands_without_a_campaign_remember_nothing() -> None:
    state, watchers = CustomerState(STATE_VERSION, "c1"), Watchers()
    interests.note(state, viewed("c1", "p1", 1), {}, watchers)
    assert not state.interests
    interests.note(state, viewed("c1", "p1", 1), {"acme": frozenset({"bought"})}, watchers)
    assert not state.interests
    assert not watchers.settle()


def test_new_rules_that_need_it_no_more_forget() -> None:
    state, watchers = CustomerState(STATE_VERSION, "c1"), Watchers()
    interests.note(state, viewed("c1", "p1", 1), WATCHED, watchers)
    assert [value is None for _, value in watchers.settle()] == [False]
    interests.renew(state, {}, watchers)
    assert not state.interests
    assert [value for _, value in watchers.settle()] == [None]


def test_a_full_bucket_forgets_the_oldest_day() -> None:
    watchers = Watchers()
    customers = [f"c{number}" for number in range(BUCKETS * BUCKET_MAX * 2)]
    for day, customer in enumerate(customers):
        watchers.enter("acme|p1", customer, day)
    kept = [watchers.of("acme|p1", number) for number in range(BUCKETS)]
    assert {len(bucket) for bucket in kept} == {BUCKET_MAX}
    oldest = min(int(customer[1:]) for bucket in kept for customer in bucket)
    assert oldest > len(customers) // 3
    watchers.enter("acme|p1", "c0", len(customers))
    assert any("c0" in watchers.of("acme|p1", number) for number in range(BUCKETS))


def test_customers_of_one_partition_are_spread_over_all_buckets() -> None:
    watchers = Watchers()
    customers = [name for name in (f"c{number}" for number in range(4_000)) if partition_of(name, 8) == 3]
    for customer in customers:
        watchers.enter("acme|p1", customer, 1)
    kept = [len(watchers.of("acme|p1", number)) for number in range(BUCKETS)]
    assert sum(kept) == len(customers)
    assert min(kept) > len(customers) // BUCKETS // 2


def test_customers_in_the_buckets_of_an_earlier_version_are_moved_to_theirs() -> None:
    watchers = Watchers()
    for number in range(100):
        watchers.enter("acme|p1", f"c{number}", number)
    right = {name: value for name, value in watchers.settle() if value is not None}
    everybody: dict[str, int] = {}
    for value in right.values():
        everybody |= msgspec.msgpack.decode(value, type=dict[str, int])
    earlier = Watchers({"acme|p1|5": msgspec.msgpack.encode(everybody)}.get)
    earlier.spread(["acme|p1|5"])
    decode = msgspec.msgpack.Decoder(dict[str, int]).decode
    assert {name: decode(value or b"") for name, value in earlier.settle()} == {n: decode(v) for n, v in right.items()}


def test_the_index_is_read_from_the_table_again() -> None:
    watchers = Watchers()
    watchers.enter("acme|p1", "c1", 3)
    ((name, value),) = watchers.settle()
    assert value is not None
    again = Watchers({name: value}.get)
    assert [again.of("acme|p1", number) for number in range(BUCKETS)].count(["c1"]) == 1
    again.enter("acme|p1", "c1", 3)
    assert not again.settle(), "nothing new"
    again.leave("acme|p1", "c1")
    assert again.settle() == [(name, None)]


def test_interest_is_noted_by_day() -> None:
    state, watchers = CustomerState(STATE_VERSION, "c1"), Watchers()
    interests.note(state, viewed("c1", "p1", 5), WATCHED, watchers)
    assert len(watchers.settle()) == 1
    interests.note(state, viewed("c1", "p1", 6), WATCHED, watchers)
    assert not watchers.settle()
    interests.note(state, viewed("c1", "p1", DAY_MS), WATCHED, watchers)
    assert len(watchers.settle()) == 1
