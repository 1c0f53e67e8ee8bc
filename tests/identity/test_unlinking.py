"""An identifier that the CRM takes from a customer: whose its events are before and after, and what is erased."""

from __future__ import annotations

import msgspec
import pytest

from schemas.envelope import Envelope
from streams.identity.names import identifier_of, unknown_name, untimed
from streams.identity.parted import PAST_MAX
from streams.identity.table import IdentityTable, Link
from streams.identity.task import IdentityTask
from streams.table import MemoryTable
from tests.identity.kit import TOPIC, erased, link, mark, merged, record, resolved, seen, sent, shown, unlinked

TAKEN = [link("anon:A", "c1", 1, "e1"), unlinked("anon:A", "c1", 5, "u")]
SAID = ("identity.unlinked/anon:A@u", "c1")


def test_what_happens_afterwards_is_a_new_visitors_and_the_past_stays() -> None:
    found = resolved(*TAKEN, seen("anon:A", 3, "e3"), seen("anon:A", 6, "e6"))
    assert found == [("e3", "c1"), SAID, ("e6", "anon~1:A")]


@pytest.mark.parametrize(("at", "whose"), [(4, "c1"), (5, "c1"), (6, "anon~1:A")])
def test_what_becomes_known_late_is_told_apart_by_when_it_happened(at: int, whose: str) -> None:
    assert resolved(*TAKEN, seen("anon:A", at, "late", eff=9))[-1] == ("late", whose)


def test_a_later_link_merges_the_new_visitor_only() -> None:
    first = [seen("anon:A", 1, "e0"), link("anon:A", "c1", 2, "e2"), unlinked("anon:A", "c1", 5, "u")]
    found = resolved(*first, seen("anon:A", 6, "e6"), link("anon:A", "c2", 7, "e7"), seen("anon:A", 8, "e8"))
    assert found[4:] == [("e6", "anon~1:A"), ("merge.expected", "c2"), ("merge.out", "anon~1:A"), ("e8", "c2")]


def test_without_events_in_between_a_later_link_merges_nobody() -> None:
    found = resolved(*TAKEN, link("anon:A", "c2", 7, "e7"), seen("anon:A", 8, "e8"))
    assert found == [SAID, ("e8", "c2")]


def test_an_identifier_may_come_back_and_be_taken_again() -> None:
    again = [link("anon:A", "c2", 7, "e7"), unlinked("anon:A", "c2", 9, "v"), seen("anon:A", 10, "e10")]
    late = [seen("anon:A", at, f"late{at}", eff=20) for at in (5, 6, 9)]
    found = dict(resolved(*TAKEN, *again, *late))
    assert [found[name] for name in ("e10", "late5", "late6", "late9")] == ["anon~2:A", "c1", "c2", "c2"]


@pytest.mark.parametrize("of", ["c2", "c9"])
def test_only_who_has_it_loses_it(of: str) -> None:
    orders = [link("device:D", "c1", 1, "e1"), unlinked("device:D", of, 5, "u")]
    assert resolved(*orders, seen("device:D", 6, "e6")) == [("e6", "c1")]


@pytest.mark.parametrize("named", ["c1", "c2"])
def test_of_merged_customers_any_may_be_named(named: str) -> None:
    orders = [link("device:D", "c1", 1, "e1"), merged("c1", "c2", 2, "m"), unlinked("device:D", named, 5, "u")]
    assert resolved(*orders, seen("device:D", 6, "e6"))[-1] == ("e6", "device~1:D")


def test_what_belongs_to_nobody_cannot_be_taken() -> None:
    assert resolved(seen("anon:A", 1, "e1"), unlinked("anon:A", "c1", 5, "u"), seen("anon:A", 6, "e6")) == [
        ("e1", "anon:A"),
        ("e6", "anon:A"),
    ]


def test_an_order_older_than_the_link_takes_nothing_and_a_link_older_than_the_order_gives_nothing() -> None:
    late_order = [link("anon:A", "c1", 6, "e6"), unlinked("anon:A", "c1", 5, "u", eff=7), seen("anon:A", 8, "e8")]
    assert resolved(*late_order) == [("e8", "c1")]
    assert resolved(*TAKEN, link("anon:A", "c1", 4, "late", eff=7), seen("anon:A", 8, "e8"))[-1] == ("e8", "anon~1:A")


def test_a_copy_of_the_order_changes_nothing() -> None:
    again = [link("anon:A", "c2", 7, "e7"), unlinked("anon:A", "c1", 5, "u", eff=8), seen("anon:A", 9, "e9")]
    assert resolved(*TAKEN, *again) == [SAID, ("e9", "c2")]


def test_an_erasure_takes_the_past_and_leaves_the_visitor_who_came_after() -> None:
    found = resolved(*TAKEN, seen("anon:A", 6, "e6"), erased("c1", 7), seen("anon:A", 4, "late", eff=8))
    found += resolved(*TAKEN, seen("anon:A", 6, "e6"), erased("c1", 7), seen("anon:A", 9, "e9"))
    names = [name for what, name in found if what == "x"]
    assert names == ["anon:A", "c1"] * 2
    assert ("late", "anon:A") in found, "decide leaves it out: that name is erased"
    assert found[-1] == ("e9", "anon~1:A")


def test_an_erasure_takes_the_visitor_if_he_became_one_of_the_erased() -> None:
    events = [*TAKEN, seen("anon:A", 6, "e6"), link("anon:A", "c2", 7, "e7")]
    assert [name for what, name in resolved(*events, erased("c2", 8)) if what == "x"] == ["anon~1:A", "c2"]
    assert [name for what, name in resolved(*events, erased("c1", 8)) if what == "x"] == ["anon:A", "c1"]
    assert resolved(*events, erased("c2", 8), seen("anon:A", 4, "late", eff=9))[-1] == ("late", "c1")
    assert resolved(*events, erased("c1", 8), seen("anon:A", 9, "e9"))[-1] == ("e9", "c2")


def test_when_nobody_is_left_of_an_identifier_it_begins_anew() -> None:
    table, out = IdentityTable(), list[Envelope]()
    for event in (*TAKEN, erased("c1", 7), seen("anon:A", 8, "e8")):
        table.apply(event, out.append)
    assert shown(out)[-1] == ("e8", "anon:A")
    assert table.links == {"anon:A": Link()}


def test_its_own_name_is_erased_with_the_last_who_had_it() -> None:
    """What becomes known late of the last one's time would come under that name."""
    found = resolved(*TAKEN, link("anon:A", "c2", 7, "e7"), erased("c1", 8), erased("c2", 9, "y"))
    assert [name for what, name in found if what == "y"] == ["anon~1:A", "anon:A", "c2"]


def test_so_many_unlinkings_are_remembered() -> None:
    events = []
    for number in range(PAST_MAX + 1):
        events += [link("anon:A", f"c{number}", 10 * number + 1, f"l{number:02}")]
        events += [unlinked("anon:A", f"c{number}", 10 * number + 5, f"u{number:02}")]
    found = dict(resolved(*events, seen("anon:A", 2, "oldest", eff=999), seen("anon:A", 998, "newest")))
    assert (found["oldest"], found["newest"]) == ("c1", f"anon~{PAST_MAX + 1}:A")


def test_a_link_survives_its_encoding_and_older_ones_are_read() -> None:
    task = IdentityTask(0, 1)
    task.take(TOPIC, [record(number, event) for number, event in enumerate(TAKEN)] + [mark(9, 100)])
    rows = {key: value for key, value in task.step(100).state if value is not None}
    again = IdentityTask(0, 1)
    again.load(MemoryTable(rows))
    again.take(
        TOPIC, [record(10, seen("anon:A", 4, "late", eff=200)), record(11, seen("anon:A", 201, "new")), mark(12, 300)]
    )
    assert shown(sent(again.step(100))) == [("late", "c1"), ("new", "anon~1:A")]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(["c1", True, [5, "e"]]), type=Link) == Link(
        "c1", True, (5, "e")
    )


def test_names_tell_the_unlinkings_apart_whatever_the_identifier_holds() -> None:
    assert unknown_name("anon:a:b~2", 3) == "anon~3:a:b~2"
    assert [untimed(name) for name in ("anon~3:a:b~2", "anon:b~2", "c~1")] == ["anon~:a:b~2", "anon:b~2", "c~1"]
    assert [identifier_of(name) for name in ("anon~3:a:b~2", "anon:a:b~2", "c~1")] == ["anon:a:b~2"] * 2 + ["c~1"]


def test_a_customer_merged_with_himself_can_be_merged_with_another_afterwards() -> None:
    assert resolved(merged("c1", "c1", 1, "e1"), merged("c1", "c2", 2, "e2")) == [
        ("merge.expected", "c2"),
        ("merge.out", "c1"),
    ]
