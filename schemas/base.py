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

TIME_ZONES = available_timezones()
"""Names of the time zone database; read from disk once."""
Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s|]+$")]
"""An id given by another system: no white space, no ``|`` (it separates the parts of our own keys)."""
CustomerId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s|:]+$")]
"""A customer id of the CRM. No colon: ``anon:``, ``card:``, ``device:``, ``email:`` begin those of the unknown."""
Brand = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$", strict=True)]
"""Money on the wire: a decimal string in major units, never a float. Inside: integer minor units."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]
"""A keyed hash of a normalised e-mail address or phone number (``identifier_hash``)."""
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]
"""ISO 3166-2 code of a part of a country, such as DE-BY."""
Quantity = Annotated[int, Field(ge=1, le=10_000_000, strict=True)]


def _known_zone(value: str) -> str:
    if value not in TIME_ZONES:
        raise ValueError(f"zone {value!r} is not a name of the time zone database such as Europe/London")
    return value


def _known_country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError(f"market {value!r} is not an ISO 3166 alpha-2 country code such as 'GB' or 'DE'")
    return value


def _known_currency(value: str) -> str:
    if value not in CURRENCY_DIGITS:
        raise ValueError(f"currency {value!r} is not an ISO 4217 code such as 'GBP' or 'EUR'")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Market = Annotated[str, AfterValidator(_known_country)]
Currency = Annotated[str, AfterValidator(_known_currency)]


class MoneyError(ValueError):
    """An amount has more decimals than its currency has minor digits."""


_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")
DAYS_REMEMBERED_MAX = 4_096
AMOUNTS_REMEMBERED_MAX = 65_536
"""Different amounts of a currency whose minor units are remembered; beyond it, they are forgotten all at once."""


class MinorUnits(dict[str, int]):
    """Amounts of one currency -> minor units, worked out when first asked for: prices come again and again."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def __missing__(self, amount: str) -> int:
        """Raises MoneyError when the amount is finer than the currency, ValueError when it is none (``Amount``)."""
        if _AMOUNT.fullmatch(amount) is None:
            raise ValueError(f"{amount!r} is not an amount such as '12.50'")
        digits = CURRENCY_DIGITS[self.currency]
        whole, _, fraction = amount.partition(".")
        fraction = fraction.rstrip("0")
        if len(fraction) > digits:
            raise MoneyError(f"amount {amount!r} has more than the {digits} decimals of {self.currency}")
        sign = -1 if whole.startswith("-") else 1
        if len(self) >= AMOUNTS_REMEMBERED_MAX:
            self.clear()
        self[amount] = minor = sign * int(whole.lstrip("-") + fraction.ljust(digits, "0"))
        return minor


MINOR_UNITS: dict[str, MinorUnits] = {currency: MinorUnits(currency) for currency in CURRENCY_DIGITS}
"""Currency code -> amount -> minor units: of GBP, ``"12.5"`` is 1250; of JPY, ``"500"`` is 500 (ISO 4217 digits)."""


def to_minor(amount: str, currency: str) -> int:
    """Minor units of a decimal string. Raises as ``MinorUnits`` does."""
    return MINOR_UNITS[currency][amount]


def to_major(minor: int, currency: str) -> str:
    """Decimal string of minor units: ``(1250, "GBP") -> "12.50"``."""
    digits = CURRENCY_DIGITS[currency]
    if not digits:
        return str(minor)
    sign, text = ("-" if minor < 0 else ""), str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


class TimeError(ValueError):
    """A time that its zone moves out of the years 1 to 9999, beyond which there is no UTC time to write."""


_DAYS = ((datetime.min.replace(tzinfo=UTC) - EPOCH).days, (datetime.max.replace(tzinfo=UTC) - EPOCH).days)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware time, rounded down. Raises TimeError; ``from_ms`` takes all others."""
    since = moment - EPOCH
    days = since.days
    if not _DAYS[0] <= days <= _DAYS[1]:
        raise TimeError(f"time {moment.isoformat(timespec='milliseconds')} is outside the years 1 to 9999 in UTC")
    return days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def from_ms(ms: int) -> datetime:
    """Aware UTC time of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def rfc3339(ms: int) -> str:
    """RFC 3339 text in UTC with milliseconds, as all outputs carry it."""
    day, rest = divmod(ms, 86_400_000)
    minute, rest = divmod(rest, 60_000)
    second, thousandth = divmod(rest, 1_000)
    return f"{utc_day(day)}{_MINUTES[minute]}{_SECONDS[second]}{_THOUSANDTHS[thousandth]}"


_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1_440)]
_SECONDS = [f"{second:02d}." for second in range(60)]
_THOUSANDTHS = [f"{thousandth:03d}Z" for thousandth in range(1_000)]


@lru_cache(maxsize=DAYS_REMEMBERED_MAX)
def utc_day(day: int) -> str:
    """ISO date in UTC of a day since the epoch."""
    return (EPOCH + timedelta(days=day)).date().isoformat()


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
    """Base of everything that Cuepoint writes, and of files that people write for it: unknown fields are errors.

    What Cuepoint writes always carries every field, those with a default too: its schema says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


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
    return "/".join(map(str, parts))
