"""Who an event belongs to: links, shared identifiers, merges."""

from __future__ import annotations

import pytest

from tests.identity.kit import link, merged, resolved, seen


def test_an_unknown_customer_keeps_his_identifier() -> None:
    assert resolved(seen("anon:A", 1, "e1"), seen("anon:A", 2, "e2")) == [("e1", "anon:A"), ("e2", "anon:A")]


def test_after_a_link_events_are_the_customers() -> None:
    assert resolved(link("anon:A", "c1", 1, "e1"), seen("anon:A", 2, "e2")) == [("e2", "c1")]


def test_a_link_merges_what_was_seen_before() -> None:
    found = resolved(seen("anon:A", 1, "e1"), link("anon:A", "c1", 2, "e2"), seen("anon:A", 3, "e3"))
    assert found == [("e1", "anon:A"), ("merge.expected", "c1"), ("merge.out", "anon:A"), ("e3", "c1")]


def test_a_link_goes_before_other_events_of_the_same_time() -> None:
    assert resolved(seen("anon:A", 5, "a"), link("anon:A", "c1", 5, "z")) == [("a", "c1")]


def test_the_same_link_again_merges_nobody() -> None:
    events = [seen("anon:A", 1, "e1"), link("anon:A", "c1", 2, "e2"), link("anon:A", "c1", 3, "e3")]
    assert [name for name, _ in resolved(*events)] == ["e1", "merge.expected", "merge.out"]


def test_a_shared_identifier_follows_the_latest_login_and_merges_nobody() -> None:
    found = resolved(
        link("device:D", "c1", 1, "e1"),
        seen("device:D", 2, "e2"),
        link("device:D", "c2", 3, "e3"),
        seen("device:D", 4, "e4"),
        link("device:D", "c1", 5, "e5"),
        seen("device:D", 6, "e6"),
    )
    assert found == [("e2", "c1"), ("e4", "c2"), ("e6", "c1")]


@pytest.mark.parametrize(("at", "owner"), [(1, "c2"), (2, "c2"), (3, "c1")])
def test_a_late_link_moves_an_identifier_only_if_it_was_made_later(at: int, owner: str) -> None:
    found = resolved(link("device:D", "c2", 2, "m"), link("device:D", "c1", at, "a", eff=9), seen("device:D", 10, "e"))
    assert found == [("e", owner)]


def test_of_two_links_of_the_same_moment_the_event_id_decides() -> None:
    for order in (("a", "c1"), ("b", "c2")), (("b", "c2"), ("a", "c1")):
        links = [link("device:D", customer, 1, event_id) for event_id, customer in order]
        assert resolved(*links, seen("device:D", 2, "e")) == [("e", "c2")]


def test_a_crm_order_merges_two_customers() -> None:
    assert resolved(merged("c2", "c1", 1, "e1")) == [("merge.expected", "c1"), ("merge.out", "c2")]


def test_a_customer_does_not_merge_with_himself() -> None:
    assert resolved(merged("c1", "c1", 1, "e1")) == []


def test_the_merge_is_the_same_to_both_sides() -> None:
    assert resolved(seen("card:L", 1, "e1"), link("card:L", "c1", 2, "e2"))[1:] == [
        ("merge.expected", "c1"),
        ("merge.out", "card:L"),
    ]
