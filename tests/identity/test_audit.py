"""Which record each change of whose an identifier is, and of who is who, leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.base import rfc3339
from schemas.envelope import Envelope
from schemas.identity import IdentityAudit
from streams.identity.task import IdentityTask
from streams.wire import partition_of
from tests.identity.kit import TO_ALL, TOPIC, erased, link, mark, record, seen, unlinked


def told(*events: Envelope, partition: int = 0, partitions: int = 1) -> list[tuple[str, str, str | None, str | None]]:
    """(action, customer, identifier, whose history he gets or who has it now)."""
    task = IdentityTask(partition, partitions)
    task.take(TOPIC, [record(number, event) for number, event in enumerate(events)] + [mark(len(events), 1_000)])
    outs = [out for out in task.step(1_000).records if out.topic == "identity-audit"]
    found = [IdentityAudit.model_validate_json(out.value or b"") for out in outs]
    for out, one in zip(outs, found, strict=True):
        assert (out.key, out.partition) == (one.customer_id.encode(), partition_of(one.customer_id, partitions))
    return [(one.action, one.customer_id, one.identifier, one.merged or one.unknown) for one in found]


def crm_merge(old: str, survivor: str) -> Envelope:
    data: dict[str, Any] = {"customer": survivor, "merged": old}
    return Envelope("m", "customer.merged", "customers", TO_ALL, 5, 5, data=data)


def test_a_link_names_the_event_behind_it_and_whose_history_it_brings() -> None:
    assert told(link("anon:A", "c1", 1, "e1")) == [("linked", "c1", "anon:A", None)]
    assert told(seen("anon:A", 1, "e1"), link("anon:A", "c1", 2, "e2")) == [("linked", "c1", "anon:A", "anon:A")]
    task = IdentityTask(0, 1)
    task.take(TOPIC, [record(0, link("anon:A", "c1", 1, "e1", eff=7)), mark(1, 1_000)])
    (out,) = (out for out in task.step(1_000).records if out.topic == "identity-audit")
    one = IdentityAudit.model_validate_json(out.value or b"")
    assert (one.event_id, one.source, one.occurred_at, one.effective_at) == (
        "e1",
        "web-sessions",
        rfc3339(1),
        rfc3339(7),
    )
    assert task.step(1_000).records == [], "it is told once"


def test_a_link_that_confirms_what_is_known_leaves_none() -> None:
    assert told(link("anon:A", "c1", 1, "e1"), link("anon:A", "c1", 2, "e2")) == [("linked", "c1", "anon:A", None)]
    late = link("anon:A", "c2", 1, "e0", eff=9)
    assert told(link("anon:A", "c1", 2, "e2"), late) == [("linked", "c1", "anon:A", None)]


def test_what_moves_is_told_of_both() -> None:
    assert told(link("device:D", "c1", 1, "e1"), link("device:D", "c2", 2, "e2"))[1:] == [
        ("moved_away", "c1", "device:D", None),
        ("linked", "c2", "device:D", None),
    ]


def test_an_unlinking_says_whose_the_identifier_is_from_then_on() -> None:
    events = [link("anon:A", "c1", 1, "e1"), unlinked("anon:A", "c1", 5, "u"), seen("anon:A", 6, "e6")]
    assert told(*events, link("anon:A", "c2", 7, "e7"))[1:] == [
        ("unlinked", "c1", "anon:A", "anon~1:A"),
        ("linked", "c2", "anon:A", "anon~1:A"),
    ]


def test_an_order_that_takes_nothing_leaves_none() -> None:
    assert told(seen("anon:A", 1, "e1"), unlinked("anon:A", "c1", 5, "u")) == []


@pytest.mark.parametrize("partition", [0, 1])
def test_of_a_merge_that_every_partition_hears_of_one_speaks(partition: int) -> None:
    speaks = partition == partition_of("customer:c2", 2)
    found = told(crm_merge("c2", "c1"), crm_merge("c2", "c1"), partition=partition, partitions=2)
    assert found == ([("merged", "c1", None, "c2")] if speaks else [])


def test_the_erased_leave_none() -> None:
    assert told(erased("c1", 1), link("anon:A", "c1", 2, "e2"), crm_merge("c2", "c1")) == []
