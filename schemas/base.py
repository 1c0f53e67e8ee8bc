"""Types that all contracts share: money, identifiers, times, and the base of every input event."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from schemas.iso import COUNTRIES, CURRENCY_DIGITS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

TIME_ZONES = available_timezones()
"""Names of the time zone database; read from disk once."""
Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s|]+$")]
"""An id given by another system: no white space, no ``|`` (it separates the parts of our own keys)."""
CustomerId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s|:]+$")]
"""A customer id of the CRM. No colon: ``anon:``, ``card:``, ``device:``, ``email:`` begin those of the unknown."""
Brand = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
Amount = Annotated[str, Field(pattern=r"^-?\d{1,12}(\.\d{1,4})?$", strict=True)]
"""Money on the wire: a decimal string in major units, never a float. Inside: integer minor units."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]
"""A keyed hash of a normalised e-mail address or phone number (``identifier_hash``)."""
Quantity = Annotated[int, Field(ge=1, le=10_000_000, strict=True)]


def _known_country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError(f"market {value!r} is not an ISO 3166 alpha-2 country code such as 'GB' or 'DE'")
    return value


def _known_currency(value: str) -> str:
    if value not in CURRENCY_DIGITS:
        raise ValueError(f"currency {value!r} is not an ISO 4217 code such as 'GBP' or 'EUR'")
    return value


Market = Annotated[str, AfterValidator(_known_country)]
Currency = Annotated[str, AfterValidator(_known_currency)]


class MoneyError(ValueError):
    """An amount has more decimals than its currency has minor digits."""


@lru_cache(maxsize=65_536)
def to_minor(amount: str, currency: str) -> int:
    """Minor units of a decimal string: ``("12.5", "GBP") -> 1250``, ``("500", "JPY") -> 500``.

    Raises MoneyError when the amount is finer than the currency (ISO 4217 minor digits).
    """
    digits = CURRENCY_DIGITS[currency]
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > digits:
        raise MoneyError(f"amount {amount!r} has more than the {digits} decimals of {currency}")
    sign = -1 if whole.startswith("-") else 1
    return sign * int(whole.lstrip("-") + fraction.ljust(digits, "0"))


def to_major(minor: int, currency: str) -> str:
    """Decimal string of minor units: ``(1250, "GBP") -> "12.50"``."""
    digits = CURRENCY_DIGITS[currency]
    if not digits:
        return str(minor)
    sign, text = ("-" if minor < 0 else ""), str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware time."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Aware UTC time of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def rfc3339(ms: int) -> str:
    """RFC 3339 text in UTC with milliseconds, as all outputs carry it."""
    return from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identifier_hash(value: str, key: str) -> str:
    """The keyed hash under which an e-mail address or phone number travels: HMAC-SHA-256, 32 hex digits.

    E-mail addresses are normalised (NFKC, trimmed, lower case); of phone numbers only ``+`` and digits stay.
    """
    text = unicodedata.normalize("NFKC", value).strip().lower()
    if "@" not in text:
        text = re.sub(r"[^\d+]", "", text)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


class Wire(BaseModel):
    """Base of everything on the wire that Cuepoint reads: unknown fields are accepted and reported, not lost."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Closed(BaseModel):
    """Base of everything that Cuepoint writes, and of files that people write for it: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(Wire):
    """What every input event carries. A fact in the past; times are aware RFC 3339."""

    event_id: Identifier
    occurred_at: AwareDatetime
    brand: Brand
    market: Market
    currency: Currency | None = None
    schema_version: int = Field(1, ge=1, le=1)
    arrived_at: AwareDatetime | None = Field(None, description="When the record reached the retailer (replay files).")


class CustomerEventBase(Event):
    """An event that names its customer by at least one identifier, or by none (a guest, a cash receipt)."""

    customer_id: CustomerId | None = None
    email_hash: Hash | None = None
    loyalty_card_id: Identifier | None = None
    device_id: Identifier | None = None
    anonymous_id: Identifier | None = None


def natural_key(*parts: Any) -> str:
    """Join the parts of a natural id with ``/``."""
    return "/".join(str(part) for part in parts)
