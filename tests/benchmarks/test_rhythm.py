"""The check of the rhythm: its statistics against naive ones, and that it turns red when the score is broken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks.rhythm.__main__ import write
from benchmarks.rhythm.auc import Ranked, auc, bootstrap, delong
from benchmarks.rhythm.bg_nbd import BgNbd, Seen, fit
from benchmarks.rhythm.customers import BRAND, Known, Trade, cut_off, online_retail
from benchmarks.rhythm.report import over_all, page, scored
from benchmarks.rhythm.scores import BG_NBD, LATE, RHYTHM
from schemas.base import to_ms
from schemas.lifecycle import RhythmOptions
from streams.decide.state import DAY_MS, Line, Purchase
from streams.errors import CuepointError, InputError
from streams.replay.history import History, Order, Return
from streams.replay.history import Line as Sold

START = to_ms(datetime(2020, 1, 1, tzinfo=UTC))
RHYTHM_3 = RhythmOptions(min_purchases=3, at_least=7 * DAY_MS)


def retailer(seed: int, customers: int = 300, days: int = 500) -> dict[str, Trade]:
    """Customers who buy every 5 to 30 days, each by a rhythm of his own, and of whom every second stops for good."""
    dice = random.Random(seed)
    trades: dict[str, Trade] = {}
    for number in range(customers):
        interval = dice.uniform(5, 30)
        stops = dice.uniform(100, days) if number % 2 else days
        at, bought = dice.uniform(0, 60), []
        while at < stops:
            bought.append(START + int(at * DAY_MS))
            at += max(1.0, dice.gauss(interval, interval / 4))
        lines = [Line("1", "p", 1, 100)]
        trades[f"c{number}"] = Trade([Purchase(f"o{i}", BRAND, ms, "web", lines) for i, ms in enumerate(bought)])
    return trades


def naive_auc(scores: Sequence[float], gone: Sequence[bool]) -> float:
    pairs = [(a > b) + (a == b) / 2 for a, g in zip(scores, gone, strict=True) if g
             for b, h in zip(scores, gone, strict=True) if not h]  # fmt: skip
    return sum(pairs) / len(pairs)


def test_the_rhythm_tells_who_has_stopped_and_its_inverse_does_not() -> None:
    each = scored(cut_off(retailer(1), date(2020, 10, 1), 90), RHYTHM_3)
    assert 0.2 < sum(each.gone) / len(each.gone) < 0.8
    found = delong(each.by_name[RHYTHM], each.gone)
    assert found.low > 0.9, "where all keep their rhythm until they stop, it has to tell nearly all"
    assert delong([-score for score in each.by_name[RHYTHM]], each.gone).high < 0.1
    assert delong(each.by_name[BG_NBD], each.gone).low > 0.8
    means, _ = over_all([each], draws=20)
    assert means[RHYTHM].low > means[LATE].low > 0.6


def test_auc_counts_pairs_and_ties_half() -> None:
    dice = random.Random(2)
    scores = [dice.randrange(6) for _ in range(80)]
    gone = [dice.random() < 0.4 for _ in range(80)]
    expected = pytest.approx(naive_auc(scores, gone))
    assert auc(scores, gone) == expected
    assert delong(scores, gone).value == expected


def test_a_customer_drawn_twice_counts_twice() -> None:
    names, scores, gone = ["a", "b", "c"], [3.0, 1.0, 2.0], [True, True, False]
    assert Ranked(names, scores, gone).auc({"a": 2, "b": 1, "c": 1}.__getitem__) == pytest.approx(2 / 3)
    assert Ranked(names, scores, gone).auc({"a": 1, "b": 1, "c": 0}.__getitem__) == 0.5


def test_delong_and_the_bootstrap_give_like_intervals() -> None:
    dice = random.Random(3)
    gone = [dice.random() < 0.3 for _ in range(400)]
    scores = [dice.gauss(1.0 if is_gone else 0.0, 1) for is_gone in gone]
    names = [f"c{i}" for i in range(400)]
    ranked, one = Ranked(names, scores, gone), delong(scores, gone)
    other = bootstrap(lambda weight: [ranked.auc(weight)], names, draws=200)[0]
    assert one.low < 0.76 < one.high, "the true area of two normals one deviation apart"
    assert other.value == pytest.approx(one.value)
    assert other.low == pytest.approx(one.low, abs=0.02)
    assert other.high == pytest.approx(one.high, abs=0.02)


def test_bg_nbd_finds_the_parameters_that_made_the_customers_and_who_is_alive() -> None:
    true, dice = BgNbd(r=0.8, alpha=20, a=0.8, b=2.5), random.Random(4)
    seen, lives = [], []
    for _ in range(1_500):
        rate, dies = dice.gammavariate(true.r, 1 / true.alpha), dice.betavariate(true.a, true.b)
        repeats, last, at, is_alive = 0, 0.0, dice.expovariate(rate), True
        while at < 200 and is_alive:
            repeats, last = repeats + 1, at
            is_alive = dice.random() >= dies
            at += dice.expovariate(rate)
        seen.append(Seen(repeats, round(last), 200))
        lives.append(is_alive)
    model = fit(seen)
    assert model.r == pytest.approx(true.r, rel=0.2)
    assert model.alpha == pytest.approx(true.alpha, rel=0.25)
    assert model.a / (model.a + model.b) == pytest.approx(true.a / (true.a + true.b), rel=0.25)
    chances = [model.alive(each) for each in seen]
    assert sum(chances) / len(chances) == pytest.approx(sum(lives) / len(lives), abs=0.03)
    assert auc([1 - chance for chance in chances], [not alive for alive in lives]) > 0.8


def test_who_is_gone_is_judged_by_kept_purchases_within_the_horizon() -> None:
    def order(number: int, day: int, customer: str) -> Order:
        return Order(f"o{number}", START + day * DAY_MS, customer, "GB", (Sold("p", 1, 100),))

    orders = [
        *(order(i, 10 * i, name) for i, name in enumerate(["a", "b", "c", "d"])),
        order(11, 100, "a"), order(12, 100, "b"), order(13, 200, "c"), order(14, 300, "a"),
    ]  # fmt: skip
    back = Return("r1", START + 105 * DAY_MS, "b", "GB", (Sold("p", 1, 100),))
    trades = online_retail(History("GBP", orders, [back], {}))
    day = date(2020, 3, 31)
    found = cut_off(trades, day, 90)
    assert {c.name: c.gone for c in found.customers} == {"a": False, "b": True, "c": True, "d": True}
    assert {len(c.days) for c in found.customers} == {1}
    with pytest.raises(InputError, match="goes on for 210 days, and the horizon is 211 days"):
        cut_off(trades, day, 211)


def test_purchases_of_one_day_are_one() -> None:
    assert Known("c", (START,), gone=False).silent_ms(START + DAY_MS) == DAY_MS
    lines = [Line("1", "p", 1, 100)]
    trade = Trade([Purchase(f"o{i}", BRAND, START + i, "web", lines) for i in range(3)])
    later = Trade([Purchase("x", BRAND, START + 99 * DAY_MS, "web", lines)])
    assert cut_off({"c": trade, "d": later}, date(2020, 1, 2), 5).customers == (Known("c", (START,), gone=True),)


def test_the_tables_go_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- measured: a 90 -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    tables = page([scored(cut_off(retailer(5, customers=60), date(2020, 10, 1), 90), RHYTHM_3)], draws=5)
    write(path, {"a 90": tables})
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- measured: a 90 -->\n\n| cut-off |")
    assert text.endswith("|\n\n<!-- end -->\nafter\n")
    assert "\nold\n" not in text
    assert LATE in text
    with pytest.raises(CuepointError, match="no block <!-- measured: b -->"):
        write(path, {"b": "x"})
