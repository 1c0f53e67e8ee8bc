"""What all mappings share: what goes in and comes out, and how ids, times and amounts are read.

A mapping is pure: it reads the payload, the frame and the memory, and returns events and what to remember.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple, Protocol

from schemas.base import TimeError, identifier_hash, rfc3339, to_ms
from schemas.iso import COUNTRIES, CURRENCY_DIGITS

VENDORS = ("shopify", "segment", "square", "generic")
ProductId = Literal["sku", "variant", "product"]
_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")
_UNFIT = re.compile(r"[\s|]+")
_TIME = "2026-01-31T09:30:00Z"
SHOWN_CHARACTERS = 60


class Mapped(NamedTuple):
    """One event of ours, and the input topic that it goes to."""

    topic: str
    record: dict[str, Any]


class Refused(Exception):
    """A payload that cannot be mapped: a code of ``schemas.quarantine.QUARANTINE_REASONS`` and one sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class LeftOut(Exception):
    """A payload that says nothing which the contracts hold; it is counted under ``why`` and answered as taken."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Delivery:
    """One payload. ``kind``: the vendor's name of it (``orders/create``); ``shop``: which of the retailer's shops;
    ``received``: when the vendor sent it, for the few payloads that hold no time (milliseconds since the epoch).
    """

    kind: str
    body: Any
    shop: str = ""
    received: int = 0
    fetched: Any = None
    """Objects that the payload only points at."""


@dataclass
class Result:
    """What became of a payload. ``remember``: name -> what the memory has to hold once the events are written."""

    events: list[Mapped] = field(default_factory=list)
    remember: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    left_out: str | None = None


class Memory(Protocol):
    """What earlier payloads have said, by name."""

    def get(self, name: str) -> Any:
        """What is held under this name; None: nothing."""


class Vendor(Protocol):
    """The mapping of one vendor."""

    name: str

    def objects(self, delivery: Delivery) -> str:
        """The object the payload is about: two payloads of one object are worked on one after the other."""

    def map(self, delivery: Delivery, memory: Memory) -> Result:
        """The events of a payload. Raises Refused."""

    def stripped(self, delivery: Delivery) -> Any:
        """The payload without personal data, for quarantine."""


@dataclass(frozen=True)
class Frame:
    """What payloads do not say of themselves, for one shop."""

    brand: str
    market: str
    currency: str
    product_id: ProductId = "sku"
    hash_key: str = ""
    crm: bool = True
    """Whether this vendor's customer ids are those of the CRM."""
    products: Mapping[str, str] = field(default_factory=dict)
    """Their product id -> ours, where they differ."""

    def event(self, kind: str, event_id: str, at: int, **fields: Any) -> dict[str, Any]:
        """An event with the fields that all have; those that are None are left out."""
        record = {
            "type": kind,
            "event_id": event_id,
            "occurred_at": rfc3339(at),
            "brand": self.brand,
            "market": self.market,
        }
        record.update((name, value) for name, value in fields.items() if value is not None)
        return record

    def email_hash(self, address: object) -> str | None:
        """The keyed hash of an e-mail address; None where there is none."""
        if not isinstance(address, str) or "@" not in address:
            return None
        return identifier_hash(address, self.hash_key)

    def identifiers(self, vendor: str, customer: object, address: object = None) -> dict[str, Any]:
        """Whom an event names. The id of a vendor that is not the CRM travels as a card: ``square-<id>``."""
        found: dict[str, Any] = {"email_hash": self.email_hash(address)}
        if (known := optional_id(customer)) is not None:
            if self.crm:
                found["customer_id"] = customer_id(known)
            else:
                found["loyalty_card_id"] = f"{vendor}-{known}"
        return {name: value for name, value in found.items() if value is not None}

    def product(self, sku: object, variant: object, product: object) -> str:
        """Our id of a product: the one that is set, else the next that there is, translated. Raises Refused."""
        wanted = {
            "sku": (sku, variant, product),
            "variant": (variant, product, sku),
            "product": (product, sku, variant),
        }
        for value in wanted[self.product_id]:
            if (known := optional_id(value)) is not None:
                return self.products.get(known, known)
        raise Refused("missing_field", "A line names no product: it has neither a SKU nor a variant nor a product id.")

    def country(self, value: object) -> str:
        """An ISO country code, or the shop's market where there is none."""
        return country_code(value) or self.market


def country_code(value: object) -> str | None:
    """An ISO 3166 alpha-2 code; None for anything else."""
    return value if isinstance(value, str) and value in COUNTRIES else None


def shown(value: object) -> str:
    """A value as a sentence shows it."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def optional_id(value: object) -> str | None:
    """An id as text: numbers as digits, ``gid://shopify/Customer/1`` as ``1``, white space and ``|`` as ``-``."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    text = value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("gid://") else str(value)
    return _UNFIT.sub("-", text.strip())[:128] or None


def customer_id(text: str) -> str:
    """A customer id without the colon, which begins our own names for unknown customers."""
    return text.replace(":", "-")


def cart_id(value: object) -> str | None:
    """A cart's id without ``#``, which numbers our rounds of a cart."""
    found = optional_id(value)
    return None if found is None else found.replace("#", "-")


def required_id(body: Mapping[str, Any], name: str) -> str:
    """The id in a field. Raises Refused when it is missing."""
    found = optional_id(body.get(name))
    if found is None:
        raise Refused("missing_field", f"Field {name} is missing; the payload cannot be told from others without it.")
    return found


def moment(value: object, name: str) -> int:
    """A time in ISO 8601 with an offset as milliseconds. Raises Refused."""
    if not isinstance(value, str) or not value:
        raise Refused(
            "missing_field", f"Field {name} = {shown(value)}: it has to be a time such as 2026-01-31T09:30:00Z."
        )
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            raise Refused(
                "naive_time", f"Field {name} = {shown(value)} has no offset; write it as 2026-01-31T09:30:00Z."
            )
        return to_ms(parsed)
    except (ValueError, TimeError) as error:
        raise Refused("invalid_field", f"Field {name} = {shown(value)} is no time such as {_TIME}.") from error


def currency_code(value: object, fallback: str) -> str:
    """An ISO 4217 code in capitals, or the shop's. Raises Refused for a code that is none."""
    code = value.upper() if isinstance(value, str) and value else fallback
    if code not in CURRENCY_DIGITS:
        raise Refused("unknown_currency", f"Currency {shown(code)} is not an ISO 4217 code; set ingest_currency.")
    return code


def amount(value: object, currency: str, name: str) -> str:
    """Money in major units as the contracts write it, rounded half up to the currency's digits. Raises Refused."""
    digits = CURRENCY_DIGITS[currency]
    if isinstance(value, str) and _AMOUNT.fullmatch(value) and len(value.partition(".")[2]) <= digits:
        return value
    if value is None or isinstance(value, (bool, dict, list)):
        raise Refused("missing_field", f"Field {name} = {shown(value)}: it has to be an amount such as 12.50.")
    try:
        rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    except InvalidOperation as error:
        raise Refused("invalid_field", f"Field {name} = {shown(value)} is no amount such as 12.50.") from error
    text = format(rounded, "f")
    if not _AMOUNT.fullmatch(text):
        raise Refused("invalid_field", f"Field {name} = {shown(value)} is too large for an amount.")
    return text


def whole(value: object, name: str) -> int:
    """A whole number of pieces. Raises Refused."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Refused("missing_field", f"Field {name} = {shown(value)}: it has to be a number of pieces.")
    try:
        number = Decimal(str(value))
        if number != number.to_integral_value():
            raise Refused("invalid_field", f"Field {name} = {shown(value)} is no whole number of pieces.")
        return int(number)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise Refused("invalid_field", f"Field {name} = {shown(value)} is no number of pieces.") from error


def objects_in(value: object, name: str) -> list[dict[str, Any]]:
    """A list of objects; nothing where the field is missing. Raises Refused when it holds something else."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refused("invalid_field", f"Field {name} = {shown(value)}: it has to be a list of objects.")
    return value


def part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an object; an empty one where it is missing or null."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def fresh(memory: Memory, result: Result, name: str, updated: int) -> bool:
    """Whether nothing newer is known of this object, and note that this is its newest state now.

    Of snapshots that replace each other the one read last would win, so an older one that comes late is left out.
    """
    newest = memory.get(name)
    if newest is not None and updated < newest:
        result.left_out = "a newer state of it was taken already"
        return False
    result.remember[name] = updated
    return True
