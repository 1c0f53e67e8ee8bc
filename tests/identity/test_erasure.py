"""Who is erased with whom, what stays with others, and what becomes of identifiers afterwards."""

from __future__ import annotations

import pytest

from schemas.envelope import Envelope
from streams.erasure import hasher
from streams.identity.families import Families
from streams.identity.table import TO_ALL, IdentityTable
from streams.identity.task import IdentityTask
from streams.table import MemoryTable
from streams.task import Effects
from tests.identity.kit import TOPIC, erased, link, mark, merged, record, resolved, seen, sent, shown

KEY = "a key of the tests"


def test_an_erasure_names_the_customer_and_his_identifiers() -> None:
    events = [link("anon:A", "c1", 1, "e1"), link("card:L", "c1", 2, "e2"), link("anon:B", "c2", 2, "e3")]
    assert resolved(*events, erased("c1", 3)) == [("x", "anon:A"), ("x", "card:L"), ("x", "c1")]


@pytest.mark.parametrize("named", ["c1", "c2", "c3"])
def test_whoever_of_a_family_is_named_all_are_erased(named: str) -> None:
    events = [merged("c3", "c2", 1, "e1"), merged("c2", "c1", 2, "e2"), link("anon:A", "c3", 3, "e3")]
    found = resolved(*events, erased(named, 4))
    assert {name for what, name in found if what == "x"} == {"anon:A", "c1", "c2", "c3"}


def test_a_circle_of_merges_is_one_family() -> None:
    found = resolved(merged("c2", "c1", 1, "e1"), merged("c1", "c2", 2, "e2"), erased("c1", 3))
    assert [name for what, name in found if what == "x"] == ["c1", "c2"]


def test_only_the_name_that_the_crm_gave_is_counted_as_its_record() -> None:
    table, out = IdentityTable(), list[Envelope]()
    for event in (merged("c2", "c1", 1, "e1"), erased("c2", 2)):
        table.apply(event, out.append)
    assert {event.customer: event.source for event in out[2:]} == {"c1": "identity", "c2": "customers"}


def test_afterwards_an_identifier_is_a_new_visitors_and_may_come_to_somebody_else() -> None:
    found = resolved(
        link("anon:A", "c1", 1, "e1"),
        erased("c1", 2),
        seen("anon:A", 3, "e3"),
        link("anon:A", "c9", 4, "e4"),
        seen("anon:A", 5, "e5"),
    )
    assert found[2:] == [("e3", "anon:A"), ("merge.expected", "c9"), ("merge.out", "anon:A"), ("e5", "c9")]


def test_what_happened_before_the_erasure_makes_no_visitor() -> None:
    late = seen("anon:A", 1, "late", eff=9)
    found = resolved(link("anon:A", "c1", 1, "e1"), erased("c1", 2), late, link("anon:A", "c9", 10, "e4"))
    assert found[2:] == [("late", "anon:A")], "decide leaves it out; no merge brings it to the next owner"


def test_an_identifier_that_has_gone_to_somebody_else_stays_his() -> None:
    events = [link("device:D", "c1", 1, "e1"), link("device:D", "c2", 2, "e2"), erased("c1", 3)]
    assert resolved(*events, seen("device:D", 4, "e4"))[-1] == ("e4", "c2")


def test_the_erased_get_no_more_links_and_merges() -> None:
    orders = [link("anon:A", "c1", 2, "e2"), merged("c2", "c1", 3, "e3"), merged("c1", "c3", 4, "e4")]
    assert resolved(seen("anon:A", 1, "e1"), erased("c1", 1), *orders) == [("e1", "anon:A"), ("x", "c1")]


def test_a_repeated_erasure_is_passed_on_to_be_counted() -> None:
    assert resolved(erased("c1", 1), erased("c1", 2, "y")) == [("x", "c1"), ("y", "c1")]


def test_of_two_partitions_each_speaks_for_what_it_owns() -> None:
    names = ["c1", "c2"]
    for owned in names:
        own = f"customer:{owned}"
        table, out = IdentityTable(owns=own.__eq__), list[Envelope]()
        order = Envelope("e1", "customer.merged", "customers", TO_ALL, 1, 1, data={"customer": "c1", "merged": "c2"})
        table.apply(order, out.append)
        assert [event.type for event in out] == (["merge.expected", "merge.out"] if owned == "c2" else [])
        out.clear()
        table.apply(erased("c2", 2), out.append)
        assert shown(out) == [("x", owned)]


def give(task: IdentityTask, *events: Envelope) -> Effects:
    task.take(TOPIC, [record(number, event) for number, event in enumerate(events)] + [mark(len(events), 1_000)])
    return task.step(1_000)


def test_the_changelog_loses_every_name_and_keeps_hashes() -> None:
    task = IdentityTask(0, 1, hash_key=KEY)
    kept: dict[bytes, bytes] = {}
    for events in ([link("anon:A", "c1", 1, "e1"), merged("c2", "c1", 2, "e2")], [erased("c1", 1_001)]):
        task.take(TOPIC, [record(number, event) for number, event in enumerate(events)] + [mark(9, 2_000)])
    effects = task.step(1_000)
    gone = {key for key, value in effects.state if value is None}
    kept |= {key: value for key, value in effects.state if value is not None}
    names = ("anon:A", "c1", "c2")
    assert gone == {b"anon:A", b"customer:c2", b"o|anon:A", b"o|c1", b"o|c2"}
    hashes = {hasher(KEY)(name) for name in names}
    assert {key for key in kept if key != b"position"} == {b"e|" + each.encode() for each in hashes}
    told = {out.key: out.value for out in effects.records if out.topic == "erasures"}
    assert told == {each.encode(): b'{"erased_at":1001}' for each in hashes}


def test_after_a_restart_it_is_known_who_was_erased() -> None:
    task = IdentityTask(0, 1, hash_key=KEY)
    effects = give(task, link("anon:A", "c1", 1, "e1"), erased("c1", 2))
    again = IdentityTask(0, 1, hash_key=KEY)
    again.load(MemoryTable({key: value for key, value in effects.state if value is not None}))
    again.take(TOPIC, [record(9, link("anon:B", "c1", 3, "e3", eff=1_500)), mark(10, 2_000)])
    again.take(TOPIC, [record(11, seen("anon:B", 4, "e4", eff=2_500)), mark(12, 3_000)])
    assert shown(sent(again.step(1_000))) == [("e4", "anon:B")]


def test_tables_of_earlier_releases_are_listed_by_customer_at_the_start() -> None:
    old = IdentityTask(0, 1)
    rows = dict(give(old, link("anon:A", "c1", 1, "e1"), seen("anon:S", 2, "e2")).state)
    rows = {key: value for key, value in rows.items() if value is not None and not key.startswith(b"o|")}
    from_before = rows[b"position"].replace(b"erasures", b"nothings")
    task = IdentityTask(0, 1, hash_key=KEY)
    task.load(MemoryTable(rows | {b"position": from_before}))
    task.take(TOPIC, [record(9, erased("c1", 1_500)), mark(10, 2_000)])
    assert shown(sent(task.step(1_000))) == [("x", "anon:A"), ("x", "c1")]


def test_a_hash_needs_the_key() -> None:
    assert hasher(KEY)("c1") != hasher("another")("c1")
    families = Families(name_hash=hasher(KEY))
    families.erase("anon:A", 5)
    families.erase("anon:A", 3)
    assert (families.count, families.erased_at("anon:A")) == (1, 5)
    assert [families.leaves_out("anon:A", at) for at in (5, 6)] == [True, False]
    families.erase("c1", 5)
    assert families.leaves_out("c1", 6)
