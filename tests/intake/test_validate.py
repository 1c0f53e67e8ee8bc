"""Every way in which a record can be bad, the reason it gets, and the sentence that goes with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.base import rfc3339
from schemas.quarantine import QUARANTINE_REASONS
from schemas.topics import RECORD_BYTES_MAX_INPUT
from streams.intake.admit import UNKNOWN_FIELDS_MAX, Admission
from streams.intake.stamp import FUTURE_MS_MAX, PLANNED_MS_MAX
from streams.intake.validate import Rejection, Valid, validate
from streams.simulate.broken import broken_versions
from tests.intake.kit import NOON, encoded, event, good_records
from tests.oracle.builders import DAY

GOOD = good_records()
ORDER = GOOD["orders"]
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def order_with_line(**changes: Any) -> dict[str, Any]:
    return {**ORDER, "lines": [{**ORDER["lines"][0], **changes}]}


def rejected(source: str, value: bytes | None) -> Rejection:
    result = validate(source, value)
    assert isinstance(result, Rejection)
    assert result.reason in QUARANTINE_REASONS
    assert result.message.endswith(".")
    assert "\n" not in result.message
    return result


@pytest.mark.parametrize("source", GOOD)
def test_a_good_record_is_valid(source: str) -> None:
    assert isinstance(validate(source, encoded(GOOD[source])), Valid)


@pytest.mark.parametrize("source", GOOD)
def test_every_broken_version_has_the_reason_that_the_simulator_says(source: str) -> None:
    admission = Admission(frozenset({"acme"}))
    for reason, raw in broken_versions(source, GOOD[source]):
        result = admission.admit(source, raw, NOON, NOON)
        assert isinstance(result, Rejection), raw
        assert result.reason == reason, raw


@pytest.mark.parametrize("value", [None, b""])
def test_no_value(value: bytes | None) -> None:
    assert rejected("orders", value).reason == "empty"


@pytest.mark.parametrize(
    "value", [b"{", b"<html>", b"\xff\xfe\x00", b'{"event_id": "\xff"}', encoded(ORDER)[:-1], b"'a'"]
)
def test_not_json(value: bytes) -> None:
    result = rejected("orders", value)
    assert result.reason == "not_json"
    assert "UTF-8" in result.message


@pytest.mark.parametrize("value", [b"null", b"[]", b"7", b'"text"'])
def test_json_that_is_no_object(value: bytes) -> None:
    assert rejected("orders", value).reason in {"invalid_field", "unknown_type"}


@pytest.mark.parametrize("field", ["event_id", "occurred_at", "brand", "market", "order_id", "currency", "lines"])
def test_a_missing_field_is_named(field: str) -> None:
    result = rejected("orders", encoded(event(ORDER, **{field: None})))
    assert result.reason == "missing_field"
    assert f"Field {field} is missing" in result.message


@pytest.mark.parametrize("source", GOOD)
def test_a_missing_type(source: str) -> None:
    assert rejected(source, encoded(event(GOOD[source], type=None))).reason == "missing_field"


@pytest.mark.parametrize("source", GOOD)
def test_an_unknown_type(source: str) -> None:
    result = rejected(source, encoded(event(GOOD[source], type="order.teleported")))
    assert result.reason == "unknown_type"
    assert "order.teleported" in result.message


@pytest.mark.parametrize("text", ["2025-03-03T12:00:00", "2025-03-03T12:00:00.000", "2025-03-03 12:00"])
def test_a_time_without_a_zone(text: str) -> None:
    result = rejected("orders", encoded(event(ORDER, occurred_at=text)))
    assert result.reason == "naive_time"
    assert text in result.message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "XXQ"}, "unknown_currency"),
        ({"currency": "gbp"}, "unknown_currency"),
        ({"market": "XX"}, "unknown_market"),
        ({"market": "England"}, "unknown_market"),
        ({"occurred_at": "yesterday"}, "invalid_field"),
        ({"event_id": ""}, "invalid_field"),
        ({"event_id": "with space"}, "invalid_field"),
        ({"order_id": "a|b"}, "invalid_field"),
        ({"customer_id": "anon:1"}, "invalid_field"),
        ({"email_hash": "somebody@example.com"}, "invalid_field"),
        ({"brand": "Acme!"}, "invalid_field"),
        ({"lines": []}, "invalid_field"),
        ({"lines": "mug"}, "invalid_field"),
        ({"schema_version": 2}, "invalid_field"),
        ({"channel": "pigeon"}, "invalid_field"),
        ({"cart_id": "cart#2"}, "invalid_field"),
        ({"total": 12.5}, "invalid_field"),
        ({"total": "12,50"}, "invalid_field"),
        ({"total": "1e3"}, "invalid_field"),
        ({"total": "١٢"}, "invalid_field"),
        ({"total": "\U00011f51"}, "invalid_field"),
        ({"total": "12.345"}, "amount_too_fine"),
    ],
)
def test_wrong_fields_of_an_order(changes: dict[str, Any], reason: str) -> None:
    result = rejected("orders", encoded(event(ORDER, **changes)))
    assert result.reason == reason
    if reason != "amount_too_fine":
        assert f"Field {next(iter(changes))}" in result.message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": -2}, "invalid_field"),
        ({"quantity": 0}, "invalid_field"),
        ({"quantity": "2"}, "invalid_field"),
        ({"quantity": 1.5}, "invalid_field"),
        ({"quantity": True}, "invalid_field"),
        ({"unit_price": 1.5}, "invalid_field"),
        ({"unit_price": "1.005"}, "amount_too_fine"),
    ],
)
def test_wrong_fields_of_a_line_say_which_line(changes: dict[str, Any], reason: str) -> None:
    result = rejected("orders", encoded(order_with_line(**changes)))
    assert result.reason == reason
    if reason == "invalid_field":
        assert f"Field lines.0.{next(iter(changes))} = " in result.message


@pytest.mark.parametrize(
    ("currency", "price", "fits"), [("JPY", "500", True), ("JPY", "5.5", False), ("KWD", "1.005", True)]
)
def test_an_amount_is_as_fine_as_its_currency(currency: str, price: str, fits: bool) -> None:
    result = validate("orders", encoded({**order_with_line(unit_price=price), "currency": currency}))
    assert isinstance(result, Valid) == fits


def test_a_record_above_the_limit_of_the_contract() -> None:
    record = encoded({**ORDER, "note": "x" * RECORD_BYTES_MAX_INPUT})
    assert rejected("orders", record).reason == "too_large"
    padding = RECORD_BYTES_MAX_INPUT - len(encoded({**ORDER, "note": ""}))
    assert isinstance(validate("orders", encoded({**ORDER, "note": "x" * padding})), Valid)


def test_a_long_value_is_not_repeated_in_the_sentence() -> None:
    assert len(rejected("orders", encoded(event(ORDER, brand="B" * 10_000))).message) < 400


def test_the_year_2099() -> None:
    far = encoded(event(ORDER, occurred_at="2099-06-01T12:00:00Z"))
    result = Admission().admit("orders", far, NOON, NOON)
    assert isinstance(result, Rejection)
    assert result.reason == "in_the_future"
    assert "2099-06-01" in result.message


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
@pytest.mark.parametrize("source", ["orders", "customers"])
def test_a_time_that_its_zone_moves_out_of_the_calendar(source: str, text: str) -> None:
    record = GOOD[source]
    consent = {"channel": "email", "status": "granted", "at": text}
    spoilt = {"occurred_at": text} if source == "orders" else {"consents": [consent]}
    result = Admission().admit(source, encoded({**record, **spoilt}), NOON, NOON)
    assert isinstance(result, Rejection)
    assert result.reason == "invalid_field"
    assert text[:19] in result.message


def test_a_day_ahead_is_the_limit() -> None:
    def admitted(at: int) -> Any:
        return Admission().admit("orders", encoded(event(ORDER, occurred_at=rfc3339(at))), NOON, NOON - DAY)

    assert not isinstance(admitted(NOON + FUTURE_MS_MAX), Rejection)
    assert isinstance(admitted(NOON + FUTURE_MS_MAX + 1), Rejection)


def test_campaigns_may_lie_a_year_ahead() -> None:
    def admitted(at: int) -> Any:
        return Admission().admit("campaigns", encoded(event(published, occurred_at=rfc3339(at))), NOON, NOON)

    published = json.loads((EXAMPLES / "campaigns" / "brand.published.json").read_text())
    assert not isinstance(admitted(NOON + PLANNED_MS_MAX), Rejection)
    assert admitted(NOON + PLANNED_MS_MAX + 1).reason == "in_the_future"


def test_an_unknown_brand_names_the_brands_there_are() -> None:
    result = Admission(frozenset({"zest", "other"})).admit("orders", encoded(ORDER), NOON, NOON)
    assert isinstance(result, Rejection)
    assert result.reason == "unknown_brand"
    assert "'acme'" in result.message
    assert "other, zest" in result.message
    assert not isinstance(Admission(None).admit("orders", encoded(ORDER), NOON, NOON), Rejection)


def test_unknown_fields_are_accepted_and_counted() -> None:
    admission = Admission()
    for fields in ({"colour": "red"}, {"colour": "blue", "size": 3}, {}):
        assert not isinstance(admission.admit("orders", encoded({**ORDER, **fields}), NOON, NOON), Rejection)
    assert admission.unknown_fields == {("orders", "colour"): 2, ("orders", "size"): 1}


def test_names_of_unknown_fields_are_bounded() -> None:
    admission = Admission()
    for number in range(UNKNOWN_FIELDS_MAX + 20):
        admission.admit("orders", encoded({**ORDER, f"field{number}": 1}), NOON, NOON)
    assert len(admission.unknown_fields) == UNKNOWN_FIELDS_MAX + 1
    assert admission.unknown_fields["orders", "(others)"] == 20


@pytest.mark.parametrize("status", ["voided", "training"])
def test_receipts_that_are_no_sale_are_ignored(status: str) -> None:
    receipt = {**GOOD["pos-transactions"], "status": status}
    assert Admission().admit("pos-transactions", encoded(receipt), NOON, NOON) is None


def test_a_late_event_is_stamped_with_what_was_complete() -> None:
    for until, eff in ((NOON - 1, NOON), (NOON, NOON), (NOON + 5, NOON + 5)):
        routed = Admission().admit("orders", encoded(ORDER), NOON + DAY, until)
        assert isinstance(routed, list)
        assert [(envelope.at, envelope.eff) for _, envelope in routed] == [(NOON, eff)]
