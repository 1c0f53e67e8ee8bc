"""Money, identifiers and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.base import (
    AMOUNTS_REMEMBERED_MAX,
    EPOCH,
    Amount,
    CustomerId,
    Identifier,
    MinorUnits,
    MoneyError,
    TimeError,
    from_ms,
    identifier_hash,
    rfc3339,
    to_major,
    to_minor,
    to_ms,
)
from schemas.iso import COUNTRIES, CURRENCY_DIGITS

KEY = "a-key-of-16-bytes-or-more"
MINOR = st.integers(-(10**12) + 1, 10**12 - 1)


@given(MINOR, st.sampled_from(sorted(CURRENCY_DIGITS)))
def test_minor_units_survive_the_way_to_text_and_back(minor: int, currency: str) -> None:
    assert to_minor(to_major(minor, currency), currency) == minor


@given(MINOR, st.sampled_from(sorted(CURRENCY_DIGITS)))
def test_the_text_of_an_amount_is_its_exact_decimal(minor: int, currency: str) -> None:
    assert Decimal(to_major(minor, currency)) == Decimal(minor).scaleb(-CURRENCY_DIGITS[currency])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.5", "GBP", 1250),
        ("-0.05", "EUR", -5),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("0", "GBP", 0),
    ],
)
def test_amounts_become_minor_units_of_their_currency(amount: str, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize("text", ["", "1_0", " 1", "1.", "1e3", "١", "\U00011f51", "1\n", "1234567890123", "1.23456"])
def test_what_is_no_amount_has_no_minor_units(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        to_minor(text, "GBP")
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python(text)


def test_remembered_amounts_are_bounded() -> None:
    minor = MinorUnits("GBP")
    for pence in range(AMOUNTS_REMEMBERED_MAX + 5):
        assert minor[to_major(pence, "GBP")] == pence
    assert 0 < len(minor) <= AMOUNTS_REMEMBERED_MAX
    assert minor["0.07"] == 7


@pytest.mark.parametrize(("amount", "currency"), [("0.5", "JPY"), ("1.005", "GBP"), ("1.2345", "KWD")])
def test_an_amount_finer_than_its_currency_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(MoneyError, match=f"{amount!r} has more than the .* decimals of {currency}"):
        to_minor(amount, currency)


@pytest.mark.parametrize("value", [2.55, 3, "2,55", "1e3", "", "NaN", ".5", "5.", "+5", "1 000"])
def test_money_is_a_decimal_text_and_never_a_float(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python(value)


def test_an_address_has_one_hash_however_it_is_written() -> None:
    assert identifier_hash("ada@example.com", KEY) == identifier_hash("  ADA@Example.COM\n", KEY)
    assert identifier_hash("ada@example.com", KEY) == identifier_hash("ａｄａ＠example.com", KEY)


def test_a_phone_number_has_one_hash_however_it_is_written() -> None:
    assert identifier_hash("+44 (7700) 900-123", KEY) == identifier_hash("+447700900123", KEY)
    assert identifier_hash("+447700900123", KEY) != identifier_hash("07700900123", KEY)


def test_the_key_matters_and_the_hash_fits_its_contract() -> None:
    one, other = identifier_hash("ada@example.com", KEY), identifier_hash("ada@example.com", KEY + "x")
    assert one != other
    assert len(one) == 32
    assert set(one) <= set("0123456789abcdef")


@pytest.mark.parametrize("value", ["", "a b", "a|b", "a\nb", "x" * 129])
def test_identifiers_hold_no_white_space_and_no_separator(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Identifier).validate_python(value)


def test_a_customer_id_is_never_taken_for_an_unknown_customer() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CustomerId).validate_python("anon:70001")


@given(st.integers(-62_000_000_000_000, 253_000_000_000_000))
def test_milliseconds_survive_the_way_to_a_time_and_back(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms
    assert rfc3339(ms).endswith("Z")


def test_code_tables_hold_what_they_should() -> None:
    assert len(COUNTRIES) == 249
    assert {"GB", "DE", "JP"} <= COUNTRIES
    assert "UK" not in COUNTRIES
    assert (CURRENCY_DIGITS["GBP"], CURRENCY_DIGITS["JPY"], CURRENCY_DIGITS["KWD"]) == (2, 0, 3)


@given(st.datetimes(timezones=st.timezones()))
def test_milliseconds_are_rounded_down_and_lead_back(moment: datetime) -> None:
    try:
        ms = to_ms(moment)
    except TimeError:
        with pytest.raises(OverflowError):
            moment.astimezone(UTC)
        return
    assert timedelta() <= moment - from_ms(ms) < timedelta(milliseconds=1)
    assert ms == (moment - EPOCH) // timedelta(milliseconds=1)
