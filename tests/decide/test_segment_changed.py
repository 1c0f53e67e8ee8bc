"""Entering and leaving a segment: when it counts, what ends it, what undoes it. Core and oracle have to agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from schemas.base import to_ms
from schemas.campaigns import BrandRules, Campaign
from streams.backtest import backtest_history, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns, records
from streams.errors import CampaignError
from tests.oracle import oracle_decisions
from tests.oracle.builders import DAY, HOUR, LATENESS, History, brand, campaign, t
from tests.oracle.helpers import decided_at

START = t("2024-02-01")
SEGMENTS = [
    {"id": "vip", "name": "VIP", "value_min": "50"},
    {"id": "late", "name": "Late", "stages": ["at_risk"]},
    {"id": "academic", "name": "Academic", "email_domains": ["ac.uk"]},
]
RHYTHM = {"min_purchases": 1, "prior_interval": "10d", "prior_weight": 1, "at_least": "0s"}
"""Ten days between purchases are usual: at risk after 20 of silence, lapsed after 40."""


def rules(**fields: Any) -> BrandRules:
    own = {"segments": SEGMENTS, "lifecycle": {"rhythm": RHYTHM, "new_for": "1d"}}
    return brand(**own | fields)


def about(segment: str, change: str = "entered", after: Any = "1h", **fields: Any) -> Campaign:
    name = f"{segment}-{change}"
    return campaign("segment_changed", name, after, options={"segment": segment, "change": change}, **fields)


def story() -> History:
    history = History()
    history.profile(START, registered_at="2024-02-01T00:00:00Z")
    return history


def outcome(history: History, *campaigns: Campaign, brands: Any = None, until: int = START + 500 * DAY) -> list[str]:
    """``campaign episode/step outcome reason @ hours after START`` of all records; the core has to agree."""
    of = [rules()] if brands is None else brands
    told = decided_at(history, campaigns, of, until)
    expected = oracle_decisions(history.sources, campaigns, of, LATENESS, until)
    assert backtest_history(history.sources, campaigns, of, LATENESS, until).outcomes == expected
    return [f"{text} @{(at - START) / HOUR:g}" for text, at in told]


def test_a_customer_enters_when_the_value_is_reached_and_leaves_when_it_comes_back() -> None:
    history = story()
    history.order(START + DAY, {"p": 4}, "o1")
    history.order(START + 2 * DAY, {"p": 1}, "o2")
    history.back(START + 9 * DAY, {"p": 1}, order_id="o2")
    assert outcome(history, about("vip"), about("vip", "left")) == [
        "vip-entered c1/2024-02-03/1 sent due @49",
        "vip-left c1/2024-02-10/1 sent due @217",
    ]


def test_who_left_before_the_message_came_due_gets_none() -> None:
    history = story()
    history.order(START + DAY, {"p": 5}, "o1")
    history.back(START + DAY + HOUR // 2, {"p": 1}, order_id="o1")
    assert outcome(history, about("vip")) == []


def test_a_purchase_is_a_year_old_across_29_february() -> None:
    history = story()
    history.order(START, {"p": 5}, "o1")
    assert outcome(history, about("vip", "left", after="0s")) == ["vip-left c1/2025-01-31/1 sent due @8760"]


def test_time_alone_makes_a_customer_late_and_a_purchase_lets_him_leave() -> None:
    history = story()
    history.order(START, "p", "o1")
    history.order(START + 25 * DAY, "p", "o2")
    found = outcome(history, about("late"), about("late", "left"), until=START + 30 * DAY)
    assert found == [
        "late-entered c1/2024-02-21/1 sent due @481",
        "late-left c1/2024-02-26/1 sent due @601",
    ]


def test_a_second_entry_on_another_day_is_another_episode_and_two_of_one_day_are_one() -> None:
    history = story()
    for day in (1, 8):
        history.order(START + day * DAY, {"p": 5}, f"o{day}")
        history.back(START + day * DAY + 3 * HOUR, {"p": 5}, f"r{day}", order_id=f"o{day}")
    history.order(START + DAY + 5 * HOUR, {"p": 5}, "again")
    history.back(START + 3 * DAY, {"p": 5}, "r-again", order_id="again")
    assert outcome(history, about("vip")) == [
        "vip-entered c1/2024-02-02/1 sent due @25",
        "vip-entered c1/2024-02-09/1 sent due @193",
    ]


def test_a_late_return_takes_the_message_back() -> None:
    history = story()
    history.order(START + DAY, {"p": 5}, "o1")
    history.back(START + DAY + HOUR, {"p": 1}, order_id="o1", arrived=START + DAY + 2 * HOUR)
    assert outcome(history, about("vip")) == [
        "vip-entered c1/2024-02-02/1 sent due @25",
        "vip-entered c1/2024-02-02/1 cancelled returned @26",
    ]


@pytest.mark.parametrize(("kind", "reason"), [("order", "bought_online"), ("receipt", "bought_in_store")])
def test_a_late_purchase_takes_back_that_the_customer_was_late(kind: str, reason: str) -> None:
    history = story()
    history.order(START, "p", "o1")
    getattr(history, kind)(START + 20 * DAY, "p", arrived=START + 20 * DAY + 3 * HOUR, **_named(kind))
    found = outcome(history, about("late"), until=START + 21 * DAY)
    assert found == [
        "late-entered c1/2024-02-21/1 sent due @481",
        f"late-entered c1/2024-02-21/1 cancelled {reason} @483",
    ]


def _named(kind: str) -> dict[str, Any]:
    return {"order_id": "o2"} if kind == "order" else {"number": 2}


def test_a_profile_with_an_academic_address_enters_in_every_brand_of_the_customer() -> None:
    history = story()
    history.order(START + HOUR, "p", brand="zest")
    history.profile(START + DAY, brand="zest", email_domain=None)
    history.profile(START + 2 * DAY, email_domain="ox.ac.uk")
    history.profile(START + 5 * DAY, email_domain="example.com")
    found = outcome(history, about("academic", brands=["acme", "zest"]), brands=[rules(), rules(name="zest")])
    assert found == ["academic-entered c1/2024-02-03/1 sent due @49"] * 2


def test_visitors_are_in_no_segment_and_their_purchases_count_once_they_are_known() -> None:
    history = story()
    history.order(START + DAY, {"p": 5}, anonymous_id="a1")
    history.identified(START + 3 * DAY, anonymous_id="a1")
    assert outcome(history, about("vip")) == ["vip-entered c1/2024-02-04/1 sent due @73"]


def test_who_became_another_customer_enters_no_second_time() -> None:
    history = story()
    history.profile(START, "c2", registered_at="2024-02-01T00:00:00Z")
    history.order(START + DAY, {"p": 5}, customer_id="c2")
    history.merged(START + 3 * DAY, "c2", "c1")
    assert outcome(history, about("vip")) == ["vip-entered c2/2024-02-02/1 sent due @25"]


def test_who_was_inside_when_the_rules_came_has_not_entered_but_leaves() -> None:
    history = story()
    history.profile(START, "c2", registered_at="2024-02-01T00:00:00Z")
    history.profile(START, "c3", registered_at="2024-02-01T00:00:00Z", email_domain="ox.ac.uk")
    history.order(START + DAY, {"p": 5}, "o1")
    history.order(START + 9 * DAY, "p", "o2")
    history.order(START + 10 * DAY, {"p": 5}, "o3", customer_id="c2")
    history.order(START + 11 * DAY, "p", "o4", customer_id="c3")
    history.back(START + 12 * DAY, {"p": 5}, order_id="o1")
    campaigns = (about("vip"), about("vip", "left"), about("academic"))
    late = CampaignSet(campaigns, ())
    lines = [(source, t_of(row), msgspec.json.encode(row)) for source, rows in history.sources.items() for row in rows]
    lines += [
        ("campaigns", START + 5 * DAY, msgspec.json.encode(row)) for _, row in records(late, START + 5 * DAY, "test")
    ]
    lines.sort(key=lambda line: line[1])
    found = backtest_lines(lines, CampaignSet((), (rules(),)), lambda source: 0, START + 30 * DAY)
    told = {(one["campaign"], one["episode"], one["outcome"]) for one in found.decisions}
    assert told == {("vip-entered", "c2/2024-02-11", "sent"), ("vip-left", "c1/2024-02-13", "sent")}


def t_of(row: dict[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(row["occurred_at"]))


def test_a_brand_without_the_segment_decides_nothing() -> None:
    history = story()
    history.order(START + DAY, {"p": 5})
    assert outcome(history, about("vip"), brands=[rules(segments=[])]) == []
    assert outcome(history, about("vip"), brands=[brand("zest")]) == []


def test_a_file_names_a_segment_that_its_brand_has(tmp_path: Any) -> None:
    text = (
        "id: m\nname: n\nowner: o\noccasion: segment_changed\nbrands: [acme]\nchannels: [email]\n"
        "steps:\n  - after: 0d\ncontent: {key: k, languages: [en]}\n"
    )
    rules_text = 'brand: acme\ncurrency: GBP\nsegments:\n  - {id: vip, name: VIP, value_min: "5"}\n'
    (tmp_path / "acme.yaml").write_text(rules_text, encoding="utf-8")
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CampaignError, match=r"m\.yaml: field 'options\.segment' is missing"):
        load_campaigns(tmp_path)
    (tmp_path / "m.yaml").write_text(f"{text}options:\n  segment: vpi\n", encoding="utf-8")
    with pytest.raises(CampaignError, match=r"line 11: segment 'vpi' is not defined for brand 'acme'.*mean 'vip'\?"):
        load_campaigns(tmp_path)
    (tmp_path / "m.yaml").write_text(f"{text}options:\n  segment: vip\n", encoding="utf-8")
    assert len(load_campaigns(tmp_path).campaigns) == 1
