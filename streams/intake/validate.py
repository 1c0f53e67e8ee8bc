"""From bytes to a validated event, or to a rejection with a closed reason and a sentence that a person understands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.base import Event, MoneyError, TimeError, to_ms
from schemas.campaigns import CampaignRecord
from schemas.catalog import CatalogItem
from schemas.customers import CustomerEvent, FeedbackEvent
from schemas.orders import OrderEvent, ReturnEvent
from schemas.pos import PosTransaction
from schemas.topics import RECORD_BYTES_MAX_INPUT
from schemas.web import WebEvent
from streams.intake.normalise import NORMALISE

CONTRACTS: dict[str, Any] = {
    "orders": OrderEvent,
    "returns": ReturnEvent,
    "web-sessions": WebEvent,
    "pos-transactions": PosTransaction,
    "customers": CustomerEvent,
    "channel-feedback": FeedbackEvent,
    "catalog": CatalogItem,
    "campaigns": CampaignRecord,
}
"""Source -> its contract: a model, or a union of models told apart by ``type``."""
ADAPTERS: dict[str, TypeAdapter[Any]] = {source: TypeAdapter(contract) for source, contract in CONTRACTS.items()}

_BY_FIELD = {"currency": "unknown_currency", "market": "unknown_market", "country": "unknown_market"}
_BY_KIND = {
    "json_invalid": "not_json",
    "missing": "missing_field",
    "union_tag_invalid": "unknown_type",
    "union_tag_not_found": "missing_field",
    "timezone_aware": "naive_time",
}
VALUE_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a record cannot be used: a code of ``schemas.quarantine.QUARANTINE_REASONS`` and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Valid:
    """A validated event, its normalised data, and when it occurred (milliseconds)."""

    event: Event
    data: dict[str, Any]
    at: int


def validate(source: str, value: bytes | None) -> Valid | Rejection:
    """Check a record against the contract of its source."""
    if not value:
        return Rejection("empty", "The record has no value; send the event as a JSON object.")
    if len(value) > RECORD_BYTES_MAX_INPUT:
        return Rejection(
            "too_large", f"The record has {len(value):,} bytes; the topic takes {RECORD_BYTES_MAX_INPUT:,}. Split it."
        )
    try:
        event = ADAPTERS[source].validate_json(value, strict=True)
        return Valid(event, NORMALISE[event.type](event), to_ms(event.occurred_at))
    except ValidationError as error:
        return _rejection(error)
    except MoneyError as error:
        return Rejection("amount_too_fine", f"{error}; round it to the currency's minor unit.")
    except TimeError as error:
        return Rejection("invalid_field", f"The record holds a {error}. Correct it at the source and replay it.")


def _rejection(error: ValidationError) -> Rejection:
    first = error.errors(include_url=False)[0]
    kind = first["type"]
    path = ".".join(str(part) for part in first["loc"] if not _is_tag(part))
    field = str(first["loc"][-1]) if first["loc"] else ""
    reason = _BY_KIND.get(kind, "invalid_field")
    if kind == "union_tag_not_found":
        path = "type"
    elif kind == "literal_error" and field == "type":
        reason = "unknown_type"
    elif kind == "value_error":
        reason = _BY_FIELD.get(field, reason)
    if reason == "not_json":
        return Rejection(reason, f"The value is not JSON: {first['msg']}. Send one JSON object per record, in UTF-8.")
    if reason == "missing_field":
        return Rejection(reason, f"Field {path} is missing; the contract of the topic requires it.")
    shown = repr(first["input"])
    if len(shown) > VALUE_SHOWN_CHARACTERS:
        shown = shown[:VALUE_SHOWN_CHARACTERS] + "…"
    text = first["msg"].removeprefix("Value error, ")
    where = f"Field {path} = {shown}" if path else f"The record {shown}"
    return Rejection(reason, f"{where}: {text}. Correct it at the source and replay it.")


def _is_tag(part: object) -> bool:
    return isinstance(part, str) and "." in part


def sha256_hex(value: bytes) -> str:
    """Hash of an original value."""
    return hashlib.sha256(value).hexdigest()
