"""The difference of two small runs; every figure is worked out by hand in the comments."""

from __future__ import annotations

import pytest

from streams.what_if.compare import ABSENT, Gate, Group, Transition, compare
from streams.what_if.decided import decided
from streams.what_if.facts import Bought, Facts
from streams.what_if.pressure import Collisions, Week
from streams.what_if.revenue import Touched
from tests.what_if.kit import DAY, HOUR, MONDAY, WEEK, nobody, record, runs


def test_a_decision_is_what_its_records_say_in_the_end() -> None:
    found = decided(
        [
            record("a", MONDAY, "held", "quiet_hours", channel=None),
            record("a", MONDAY + HOUR),
            record("a", MONDAY + 2 * HOUR, "cancelled", "bought_online"),
            record("b", MONDAY),
            record("b", MONDAY + HOUR, "regretted", "returned"),
        ]
    )
    told = {one.id: (one.at - MONDAY, one.channel, one.outcome, one.reason, one.is_message) for one in found.values()}
    assert told == {
        "a": (HOUR, "email", "cancelled", "bought_online", False),
        "b": (0, "email", "regretted", "returned", True),
    }


def test_a_correction_may_be_read_before_its_decision_and_counts_for_nothing_without_it() -> None:
    early = [record("a", MONDAY + HOUR, "cancelled", "bought_online"), record("a", MONDAY)]
    assert [(one.at, one.outcome) for one in decided(early).values()] == [(MONDAY, "cancelled")]
    assert decided(early[:1]) == {}


def test_equal_runs_do_not_differ() -> None:
    run = runs(record("a", MONDAY), record("b", MONDAY, "suppressed", "no_consent"))
    found = compare(run, run, nobody())
    assert found.is_nothing
    assert (found.before, found.after, found.same, found.pairs, found.revenue) == (2, 2, 2, [], [])
    assert found.messages_before == found.messages_after == 1
    assert found.pressure[0] == found.pressure[1]
    assert found.transitions == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"at": MONDAY + 1}, ("time",)),
        ({"channel": "push"}, ("channel",)),
        ({"outcome": "suppressed", "reason": "frequency_cap"}, ("outcome", "reason")),
        (
            {"at": MONDAY + 1, "channel": "push", "outcome": "ghost", "reason": "x"},
            ("time", "channel", "outcome", "reason"),
        ),
    ],
)
def test_a_decision_moves_in_time_channel_outcome_and_reason(
    change: dict[str, object], fields: tuple[str, ...]
) -> None:
    after = runs(record("a", **({"at": MONDAY} | change)))  # type: ignore[arg-type]
    (pair,) = compare(runs(record("a", MONDAY)), after, nobody()).pairs
    assert (pair.kind, pair.fields) == ("moved", fields)


@pytest.mark.parametrize(
    "change",
    [
        {"content_key": "other"},
        {"language": "de"},
        {"items": [{"product_id": "p", "quantity": 1}]},
        {"offer": {"kind": "voucher", "value": "5", "code": None, "pool": None, "valid_until": "2026-04-01T00:00:00Z"}},
        {"arm": "b"},
    ],
)
def test_what_differs_in_content_only_is_reworded_and_not_moved(change: dict[str, object]) -> None:
    found = compare(runs(record("a", MONDAY)), runs(record("a", MONDAY, **change)), nobody())
    assert [pair.kind for pair in found.pairs] == ["reworded"]
    assert found.number("reworded") == 1
    assert not found.is_nothing
    assert found.transitions == []


def test_the_end_of_an_offer_follows_from_the_time_and_is_no_difference_of_its_own() -> None:
    offer = {"kind": "voucher", "value": "5", "code": None, "pool": None}
    old, new = (record("a", MONDAY, offer=offer | {"valid_until": end}) for end in ("2026-04-01", "2026-04-02"))
    assert compare(runs(old), runs(new), nobody()).is_nothing


def test_groups_gates_and_transitions_add_up() -> None:
    """Before: a sent, b sent, c suppressed, d suppressed. After: a the same, b later, c sent, d gone, e new."""
    before = runs(
        record("a", MONDAY),
        record("b", MONDAY, customer_id="c2", market="DE"),
        record("c", MONDAY, "suppressed", "frequency_cap", campaign="late"),
        record("d", MONDAY, "suppressed", "no_consent", campaign="late", market=None),
    )
    after = runs(
        record("a", MONDAY),
        record("b", MONDAY + HOUR, customer_id="c2", market="DE"),
        record("c", MONDAY, campaign="late"),
        record("e", MONDAY, "suppressed", "frequency_cap"),
    )
    facts = Facts(segments={("c1", "acme"): ("vip", "student")}, stages={("c1", "acme"): "loyal"})
    found = compare(before, after, facts)
    assert [(pair.kind, pair.one.id) for pair in found.pairs] == [
        ("moved", "b"),
        ("moved", "c"),
        ("removed", "d"),
        ("added", "e"),
    ]
    assert (found.before, found.after, found.same, found.messages_before, found.messages_after) == (4, 4, 1, 2, 3)
    assert found.groups == [
        Group("campaign", "cart", 2, 3, 1, 0, 1, 0, 2, 2),  # a b -> a b e
        Group("campaign", "late", 2, 1, 0, 1, 1, 0, 0, 1),  # c d -> c
        Group("market", "(unknown)", 1, 0, 0, 1, 0, 0, 0, 0),  # d
        Group("market", "DE", 1, 1, 0, 0, 1, 0, 1, 1),  # b
        Group("market", "GB", 2, 3, 1, 0, 1, 0, 1, 2),  # a c -> a c e
        Group("segment", "(none)", 1, 1, 0, 0, 1, 0, 1, 1),  # b, of customer c2
        Group("segment", "student", 3, 3, 1, 1, 1, 0, 1, 2),  # a c d -> a c e, in both segments of c1
        Group("segment", "vip", 3, 3, 1, 1, 1, 0, 1, 2),
        Group("stage", "loyal", 3, 3, 1, 1, 1, 0, 1, 2),
        Group("stage", "prospect", 1, 1, 0, 0, 1, 0, 1, 1),
    ]
    assert found.gates == [
        Gate("sent", "due", 2, 3, 0, 1),  # c came; b only moved in time
        Gate("suppressed", "frequency_cap", 1, 1, 1, 1),  # c went, e came
        Gate("suppressed", "no_consent", 1, 0, 1, 0),  # d
    ]
    assert all(gate.after == gate.before - gate.gone + gate.come for gate in found.gates)
    assert found.transitions == [
        Transition("cart", ABSENT, ("suppressed", "frequency_cap"), 1),
        Transition("cart", ("sent", "due"), ("sent", "due"), 1),
        Transition("late", ("suppressed", "frequency_cap"), ("sent", "due"), 1),
        Transition("late", ("suppressed", "no_consent"), ABSENT, 1),
    ]


def test_in_a_period_what_moves_over_its_edge_is_moved() -> None:
    """The period is the week: a moves in, b moves out, c is outside with both, d at the end is outside."""
    before = runs(
        record("a", MONDAY - 1),
        record("b", MONDAY),
        record("c", MONDAY - 1),
        record("d", MONDAY + WEEK, customer_id="z"),
    )
    after = runs(record("a", MONDAY), record("b", MONDAY - 1), record("c", MONDAY - 2))
    found = compare(before, after, nobody(), since=MONDAY, until=MONDAY + WEEK)
    assert sorted((pair.kind, pair.one.id) for pair in found.pairs) == [("moved", "a"), ("moved", "b")]
    assert found.before == found.after == 2


def test_pressure_counts_messages_per_customer_and_calendar_week() -> None:
    """c1: two on Monday and one on Sunday, then one on the next Monday. anon:1, who is c1 now, one on Monday."""
    sunday = MONDAY + WEEK - 1
    run = runs(
        record("a", MONDAY),
        record("b", MONDAY + HOUR, brand="other", channel="push"),
        record("c", sunday),
        record("c", sunday + DAY, "regretted", "returned"),
        record("d", sunday + 1),
        record("e", MONDAY, customer_id="anon:1"),
        record("f", MONDAY, customer_id="c3"),
        record("g", MONDAY, "suppressed", "no_consent", customer_id="c3"),
        record("h", MONDAY, "ghost", "global_holdout", customer_id="c3"),
    )
    pressure, nothing = compare(run, {}, Facts(survivors={"anon:1": "c1"})).pressure
    assert (pressure.messages, pressure.customers, pressure.most) == (6, 2, 4)  # c1: a b c e; d a week later; c3: f
    assert pressure.weeks == {1: 2, 4: 1}
    assert pressure.over == {1: 1, 2: 1, 3: 1, 5: 0, 10: 0}
    assert (nothing.messages, nothing.customers, nothing.most, nothing.weeks) == (0, 0, 0, {})


def test_messages_by_week_have_no_holes() -> None:
    found = compare(runs(record("a", MONDAY)), runs(record("a", MONDAY + 2 * WEEK)), nobody())
    assert found.weeks == [Week(MONDAY, 1, 0), Week(MONDAY + WEEK, 0, 0), Week(MONDAY + 2 * WEEK, 0, 1)]


def test_collisions_are_neighbours_less_than_a_day_apart() -> None:
    """Before: a, then b 24 h less 1 ms later: one. After: b at 24 h: none; c an hour after b: one; d is another's."""
    before = runs(record("a", MONDAY), record("b", MONDAY + DAY - 1, campaign="late"))
    after = runs(
        record("a", MONDAY),
        record("b", MONDAY + DAY, campaign="late"),
        record("c", MONDAY + DAY + HOUR),
        record("d", MONDAY + DAY + HOUR, customer_id="c2"),
    )
    found = compare(before, after, nobody()).collisions
    assert found == [Collisions("cart", "late", 1, 0), Collisions("late", "cart", 0, 1)]


def test_a_merged_customer_collides_with_who_he_was() -> None:
    run = runs(record("a", MONDAY, customer_id="anon:1"), record("b", MONDAY + HOUR))
    assert compare(run, run, nobody()).collisions == []
    assert compare(run, run, Facts(survivors={"anon:1": "c1"})).collisions == [Collisions("cart", "cart", 1, 1)]


def test_revenue_counts_each_purchase_once_for_the_latest_message_within_the_window() -> None:
    """Both sets send a. The second adds b and c (c was suppressed), and suppresses r.

    Purchases of c1: 1 before any; 20.00 a day after b; 300 at exactly 14 days after c, which is the latest; 4000 a
    millisecond later than that. r, of c2: 7 at the time of r is not after it, 50 after it.
    """
    b, c, r = MONDAY + DAY, MONDAY + 3 * DAY, MONDAY
    before = runs(
        record("a", MONDAY),
        record("c", c, "suppressed", "frequency_cap", campaign="late"),
        record("r", r, customer_id="c2"),
    )
    after = runs(
        record("a", MONDAY),
        record("b", b),
        record("c", c, campaign="late"),
        record("r", r, "suppressed", "outranked", customer_id="c2"),
        record("s", r, campaign="lone", customer_id="c9"),
    )
    facts = Facts(
        bought={
            ("c1", "acme"): [
                Bought(b - 1, "GBP", 1),
                Bought(b + DAY, "GBP", 2_000),
                Bought(c + 14 * DAY, "EUR", 300),
                Bought(c + 14 * DAY + 1, "EUR", 4_000),
            ],
            ("c1", "other"): [Bought(b + 1, "GBP", 99)],
            ("c2", "acme"): [Bought(r, "GBP", 7), Bought(r + 1, "GBP", 50)],
        }
    )
    assert compare(before, after, facts).revenue == [
        Touched("added", "cart", "GBP", 1, 1, 2_000),
        Touched("added", "late", "EUR", 1, 1, 300),
        Touched("added", "lone", "", 1, 0, 0),
        Touched("removed", "cart", "GBP", 1, 1, 50),
    ]
    assert compare(before, after, facts, attribution_days=15).revenue[1] == Touched("added", "late", "EUR", 1, 2, 4_300)


def test_a_message_that_only_moved_in_time_touches_no_revenue() -> None:
    facts = Facts(bought={("c1", "acme"): [Bought(MONDAY + DAY, "GBP", 100)]})
    assert compare(runs(record("a", MONDAY)), runs(record("a", MONDAY + HOUR)), facts).revenue == []
