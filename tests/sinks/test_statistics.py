"""The statistics of the marts against their sources, and against a computation that shares nothing with the SQL."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import pairwise
from math import sqrt

import pytest

from sinks.duckdb_writer import DuckDBWriter
from tests.sinks.builders import DAY, T0, batch, decision, goods_back, line, order, records
from tests.sinks.rows import ask

Z = 1.959963984540054
HOUR = DAY // 24


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The two shares p from which the observed one is z standard errors of p away: by bisection, not by the formula."""
    observed = hits / trials

    def apart(p: float) -> float:
        return (observed - p) ** 2 - Z**2 * p * (1 - p) / trials

    def root(inside: float, outside: float) -> float:
        if apart(outside) <= 0:
            return outside
        for _ in range(200):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if apart(middle) <= 0 else (inside, middle)
        return (inside + outside) / 2

    return root(observed, 0.0), root(observed, 1.0)


def newcombe(a: int, m: int, b: int, n: int) -> tuple[float, float]:
    """Method 10 of Newcombe 1998 from its words: each limit is off by what moves either share to its own limit."""
    (low_a, high_a), (low_b, high_b) = wilson(a, m), wilson(b, n)
    difference = a / m - b / n
    return (
        difference - sqrt((a / m - low_a) ** 2 + (high_b - b / n) ** 2),
        difference + sqrt((high_a - a / m) ** 2 + (b / n - low_b) ** 2),
    )


@pytest.mark.parametrize(
    "groups", [(56, 70, 48, 80), (9, 10, 3, 10), (0, 10, 0, 20), (10, 10, 0, 20), (3, 1_000, 9, 500)]
)
def test_intervals_equal_those_worked_out_by_bisection(writer: DuckDBWriter, groups: tuple[int, int, int, int]) -> None:
    a, m, b, n = groups
    (found,) = ask(
        writer,
        "SELECT mart.wilson_low($1, $2), mart.wilson_high($1, $2), mart.difference_low($1, $2, $3, $4), "
        "mart.difference_high($1, $2, $3, $4)",
        *groups,
    )
    assert found == pytest.approx((*wilson(a, m), *newcombe(a, m, b, n)), abs=1e-9)


def test_an_interval_is_the_published_one(writer: DuckDBWriter) -> None:
    """Newcombe 1998, table II: 56/70 against 48/80 gives 0.0524 to 0.3339, 9/10 against 3/10 0.1705 to 0.8090."""
    found = ask(
        writer,
        "SELECT round(mart.difference_low(a, m, b, n), 4), round(mart.difference_high(a, m, b, n), 4) "
        "FROM (VALUES (56, 70, 48, 80), (9, 10, 3, 10)) v(a, m, b, n)",
    )
    assert found == [(0.0524, 0.3339), (0.1705, 0.809)]


def test_no_trials_give_no_interval(writer: DuckDBWriter) -> None:
    assert ask(writer, "SELECT mart.wilson_low(0, 0), mart.difference_high(1, 2, 0, 0)") == [(None, None)]


def test_uplift_equals_a_naive_count_of_a_random_history(writer: DuckDBWriter) -> None:
    rng = random.Random(5)
    people = [f"c{number}" for number in range(240)]
    held_out = {who for who in people if rng.random() < 0.3}
    exposed: dict[str, list[int]] = {}
    decisions = []
    for number in range(400):
        who, at = rng.choice(people), T0 + rng.randrange(40 * DAY)
        exposed.setdefault(who, []).append(at)
        outcome, reason = ("ghost", "campaign_holdout") if who in held_out else ("sent", "due")
        decisions.append(decision(f"d{number}", outcome, reason, at=at, customer_id=who))
    bought: dict[str, list[int]] = {}
    orders = []
    for number in range(300):
        who, at = rng.choice(people), T0 + rng.randrange(60 * DAY)
        bought.setdefault(who, []).append(at)
        orders.append(order(f"o{number}", who, line("p", 1, 100), at=at))
    writer.write(batch(decisions=records(*decisions), customer_events=records(*orders)))

    def counts(group: set[str]) -> tuple[int, int]:
        firsts = {who: min(exposed[who]) for who in group & exposed.keys()}
        buyers = [who for who, at in firsts.items() if any(at < when <= at + 14 * DAY for when in bought.get(who, ()))]
        return len(buyers), len(firsts)

    a, m = counts(set(people) - held_out)
    b, n = counts(held_out)
    assert min(a, b, m - a, n - b) > 5, "the history says something"
    (found,) = ask(
        writer,
        "SELECT buyers, customers, held_out_buyers, held_out_customers, uplift, uplift_low, uplift_high, excludes_zero "
        "FROM mart.uplift() WHERE campaign = 'cart'",
    )
    low, high = newcombe(a, m, b, n)
    assert found[:4] == (a, m, b, n)
    assert found[4:7] == pytest.approx((a / m - b / n, low, high))
    assert found[7] is (low > 0 or high < 0)


def test_revenue_after_messages_equals_a_naive_attribution(writer: DuckDBWriter) -> None:
    """Each purchase to the latest message before it within the window, less what came back; as many days as asked."""
    rng = random.Random(6)
    people = [f"c{number}" for number in range(12)]
    sent: dict[str, list[tuple[int, str]]] = {who: [] for who in people}
    decisions, log = [], []
    for number in range(60):
        who, at = rng.choice(people), T0 + number * 7 * HOUR
        sent[who].append((at, f"campaign-{number % 3}"))
        decisions.append(decision(f"d{number}", at=at, customer_id=who, campaign=f"campaign-{number % 3}"))
    naive: dict[tuple[int, str], int] = {}
    for number in range(80):
        who, at, pieces = rng.choice(people), T0 + rng.randrange(30 * DAY), rng.randint(2, 5)
        log.append(order(f"o{number}", who, line("p", pieces, 100), at=at))
        back = rng.randint(0, 2)
        if back:
            log.append(goods_back(f"b{number}", who, line("p", back, 0), order=f"o{number}", at=at + DAY))
        for days in (3, 14):
            place = bisect_right(sent[who], (at - 1, "z")) - 1
            if place >= 0 and at <= sent[who][place][0] + days * DAY:
                key = (days, sent[who][place][1])
                naive[key] = naive.get(key, 0) + (pieces - back) * 100
    writer.write(batch(decisions=records(*decisions), customer_events=records(*log)))
    for days in (3, 14):
        found = ask(writer, "SELECT campaign, net_amount * 100 FROM mart.campaign_results(days := ?)", days)
        assert {campaign: int(amount) for campaign, amount in found} == {
            campaign: amount for (window, campaign), amount in naive.items() if window == days
        }
        (total,) = ask(writer, "SELECT sum(net_amount) * 100 FROM mart.conversions(days := ?)", days)
        assert int(total) == sum(amount for (window, _), amount in naive.items() if window == days)
    assert all(naive[3, campaign] < naive[14, campaign] for _, campaign in naive), "the window matters"


def test_second_purchases_equal_a_naive_count(writer: DuckDBWriter) -> None:
    rng = random.Random(7)
    bought: dict[str, list[int]] = {}
    log = []
    for number in range(150):
        who, at = f"c{rng.randrange(60)}", T0 + rng.randrange(120 * DAY)
        bought.setdefault(who, []).append(at)
        log.append(order(f"o{number}", who, line("p", 1, 100), at=at))
    writer.write(batch(customer_events=records(*log)))
    until = max(at for times in bought.values() for at in times)
    observed = again = 0
    for times in bought.values():
        times.sort()
        if times[0] + 30 * DAY <= until:
            observed += 1
            again += any(later - first <= 30 * DAY for first, later in list(pairwise(times))[:1])
    found = ask(writer, "SELECT sum(customers), sum(observed), sum(bought_again) FROM mart.second_purchase_rate()")
    assert found == [(len(bought), observed, again)]
    assert 0 < again < observed < len(bought)
