"""Where events go, and which links they make."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.envelope import Envelope
from streams.intake.admit import Admission
from streams.intake.route import TO_ALL
from tests.intake.kit import NOON, encoded, event, good_records

GOOD = good_records()
HASH = "0123456789abcdef0123456789abcdef"
IDENTIFIERS = {
    "email_hash": HASH,
    "loyalty_card_id": "L1",
    "device_id": "D1",
    "anonymous_id": "A1",
}
NAMES = {
    "email_hash": f"email:{HASH}",
    "loyalty_card_id": "card:L1",
    "device_id": "device:D1",
    "anonymous_id": "anon:A1",
}


def routed(source: str, record: dict[str, Any]) -> list[tuple[str, Envelope]]:
    result = Admission().admit(source, encoded(record), NOON, NOON)
    assert isinstance(result, list)
    return result


def test_a_known_customer_goes_to_his_own_events() -> None:
    ((topic, envelope),) = routed("orders", GOOD["orders"])
    assert (topic, envelope.customer, envelope.type) == ("customer-events", "c1", "order.placed")


@pytest.mark.parametrize("first", range(4))
def test_the_strongest_identifier_names_the_unknown(first: int) -> None:
    names = list(IDENTIFIERS)[first:]
    record = event(GOOD["orders"], customer_id=None, **{name: IDENTIFIERS[name] for name in names})
    ((topic, envelope),) = routed("orders", record)
    assert (topic, envelope.customer) == ("identity-events", NAMES[names[0]])


@pytest.mark.parametrize(
    ("source", "changes", "links"),
    [
        ("orders", {}, True),
        ("orders", {"type": "order.cancelled"}, False),
        ("web-sessions", {}, False),
        ("web-sessions", {"type": "customer.identified"}, True),
        ("pos-transactions", {}, True),
        ("returns", {}, False),
    ],
)
def test_only_some_events_link(source: str, changes: dict[str, Any], links: bool) -> None:
    (_, own), *others = routed(source, event(GOOD[source], **changes, **IDENTIFIERS))
    assert own.customer == "c1"
    assert {envelope.customer for _, envelope in others} == (set(NAMES.values()) if links else set())
    assert all(topic == "identity-events" and one.type == "identity.link" for topic, one in others)
    assert all(one.data == {"customer": "c1"} and one.eff == own.eff for _, one in others)


def test_a_profile_links_its_cards_and_addresses() -> None:
    points = [{"channel": "email", "reachable": True, "hash": HASH}, {"channel": "push", "reachable": True}]
    record = event(GOOD["customers"], loyalty_cards=["L1", "L2"], contact_points=points)
    assert [one.customer for _, one in routed("customers", record)] == ["c1", f"email:{HASH}", "card:L1", "card:L2"]


def test_a_merge_order_goes_to_identity_too() -> None:
    record = event(GOOD["customers"], type="customer.merged", merged_id="c2", consents=None, contact_points=None)
    (_, own), (topic, order) = routed("customers", record)
    assert (own.customer, own.type) == ("c1", "customer.merged")
    assert (topic, order.customer, order.data) == ("identity-events", TO_ALL, {"customer": "c1", "merged": "c2"})


@pytest.mark.parametrize("field", IDENTIFIERS)
def test_an_order_to_unlink_goes_to_the_identifier_too(field: str) -> None:
    told = {"identifier": field, "value": IDENTIFIERS[field], "consents": None, "contact_points": None}
    (_, own), (topic, order) = routed("customers", event(GOOD["customers"], type="customer.unlinked", **told))
    assert (own.customer, own.type, own.data) == ("c1", "customer.unlinked", {"identifier": NAMES[field]})
    assert (topic, order.customer, order.type) == ("identity-events", NAMES[field], "identity.unlinked")
    assert order.data == {"customer": "c1"}


def test_an_erasure_goes_to_every_partition_of_identity_and_nowhere_else() -> None:
    record = event(GOOD["customers"], type="customer.erased", consents=None, contact_points=None)
    ((topic, order),) = routed("customers", record)
    assert (topic, order.customer, order.data) == ("identity-events", TO_ALL, {"customer": "c1"})


@pytest.mark.parametrize(
    ("source", "key"),
    [("orders", "none:order.placed/o1"), ("pos-transactions", "none:receipt/s1/w1/2025-03-03/1")],
)
def test_nobody_has_a_key_of_the_natural_id(source: str, key: str) -> None:
    ((topic, envelope),) = routed(source, event(GOOD[source], customer_id=None))
    assert (topic, envelope.customer) == ("customer-events", key)


def test_the_catalogue_goes_to_all() -> None:
    ((topic, envelope),) = routed("catalog", GOOD["catalog"])
    assert (topic, envelope.customer) == ("customer-events", TO_ALL)
