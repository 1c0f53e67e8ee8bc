"""The JSON Schemas are those of the models, and every example keeps to its contract; broken ones do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.envelope import Envelope
from schemas.generate import DIRECTORY, EXAMPLES, contracts, examples, files, json_schema, kinds
from tests.schemas.kit import read, schema_accepts

ALL = [(contract, kind) for contract in contracts() for kind in examples(contract)]
KIND_FIELD = {"identity-audit": "action", "control": "kind", "decisions": "outcome", "triggers": "action"}


@pytest.mark.parametrize("contract", contracts())
def test_a_schema_is_a_schema(contract: str) -> None:
    Draft202012Validator.check_schema(json_schema(contract))


def test_the_files_are_up_to_date_and_none_is_left_over() -> None:
    wanted = files()
    assert set(DIRECTORY.iterdir()) == set(wanted), "run: cuepoint contracts write"
    stale = [path.name for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: cuepoint contracts write"


@pytest.mark.parametrize("contract", contracts())
def test_every_kind_has_an_example_and_every_example_a_kind(contract: str) -> None:
    assert set(examples(contract)) == set(kinds(contracts()[contract]))


def test_no_folder_of_examples_is_orphaned() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(contracts())
    assert all(path.suffix == ".json" for path in EXAMPLES.glob("*/*"))


@pytest.mark.parametrize(("contract", "kind"), ALL)
def test_an_example_keeps_to_schema_and_model(contract: str, kind: str) -> None:
    value = examples(contract)[kind]
    assert schema_accepts(contract, value)
    model = read(contract, value)
    if not isinstance(model, Envelope):
        assert isinstance(model, kinds(contracts()[contract])[kind])


@pytest.mark.parametrize(
    ("contract", "kind"),
    [one for one in ALL if one[1] not in ("envelope", "progress", "erasurerecord", "publicprofile", "forecast")],
)
def test_an_example_is_of_the_kind_that_its_file_says(contract: str, kind: str) -> None:
    assert msgspec.json.decode(examples(contract)[kind])[KIND_FIELD.get(contract, "type")] == kind


BROKEN: list[tuple[str, str, tuple[str | int, ...], Any]] = [
    ("forecasts", "forecast", ("month",), "2011-13"),
    ("orders", "order.placed", ("occurred_at",), "2026-03-02T08:26:00"),
    ("orders", "order.placed", ("lines", 0, "quantity"), -6),
    ("orders", "order.placed", ("lines", 0, "unit_price"), 2.55),
    ("orders", "order.placed", ("currency",), "GBX"),
    ("orders", "order.placed", ("market",), "UK"),
    ("orders", "order.placed", ("type",), "order.teleported"),
    ("returns", "return.received", ("lines",), []),
    ("web-sessions", "cart.updated", ("cart_id",), "cart#2"),
    ("pos-transactions", "pos.receipt", ("business_date",), "7 March"),
    ("customers", "customer.registered", ("consents", 0, "purpose"), "anything"),
    ("customers", "customer.updated", ("customer_id",), "anon:c5f1a0"),
    ("channel-feedback", "feedback", ("decision_id",), "not-hex"),
    ("catalog", "catalog.item", ("prices", 0, "amount"), "7,65"),
    ("campaigns", "campaign.published", ("campaign", "priority"), 5000),
    ("campaigns", "campaign.published", ("campaign", "valid_for"), "two days"),
    ("campaigns", "campaign.published", ("campaign", "colour"), "red"),
    ("campaigns", "brand.published", ("rules", "caps", 0, "per"), -1),
    ("control", "live", ("from_time",), "2026-05-01"),
    ("identity-events", "envelope", ("at",), "yesterday"),
    ("customer-events", "envelope", ("eff",), None),
    ("capacity-candidates", "envelope", ("eff",), "soon"),
    ("progress", "progress", ("counts", "orders", "lost"), 1),
    ("erasures", "erasurerecord", ("customer",), "c1"),
    ("identity-audit", "unlinked", ("action",), "forgotten"),
    ("decisions", "sent", ("outcome",), "thought about"),
    ("decisions", "suppressed", ("mood",), "good"),
    ("triggers", "send", ("step",), 0),
    ("customer-profile", "publicprofile", ("birth_date",), "1999-02-28"),
]
"""(contract, kind of its example, place, the value that must not pass)."""


def test_every_contract_has_a_broken_example() -> None:
    assert {contract for contract, *_ in BROKEN} == set(contracts())


@pytest.mark.parametrize(("contract", "kind", "place", "value"), BROKEN)
def test_a_broken_example_fails_schema_and_model(
    contract: str, kind: str, place: tuple[str | int, ...], value: object
) -> None:
    record = msgspec.json.decode(examples(contract)[kind])
    spot = record
    for part in place[:-1]:
        spot = spot[part]
    spot[place[-1]] = value
    broken = msgspec.json.encode(record)
    assert not schema_accepts(contract, broken)
    with pytest.raises((ValidationError, msgspec.ValidationError)):
        read(contract, broken)


@pytest.mark.parametrize(("contract", "kind"), ALL)
def test_an_example_without_a_required_field_fails_schema_and_model(contract: str, kind: str) -> None:
    record = msgspec.json.decode(examples(contract)[kind])
    name = next(iter(record))
    del record[name]
    broken = msgspec.json.encode(record)
    assert not schema_accepts(contract, broken), name
    with pytest.raises((ValidationError, msgspec.ValidationError)):
        read(contract, broken)


def test_unknown_fields_pass_on_input_and_fail_on_output() -> None:
    for contract, kind in (("orders", "order.cancelled"), ("triggers", "send")):
        record = msgspec.json.decode(examples(contract)[kind]) | {"colour": "red"}
        assert schema_accepts(contract, msgspec.json.encode(record)) is (contract == "orders")
