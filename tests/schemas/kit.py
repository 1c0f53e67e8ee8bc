"""What the contract tests share: JSON Schema validators with the formats that the contracts use."""

from __future__ import annotations

from datetime import date, datetime, time

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, TypeAdapter

from schemas.envelope import Envelope
from schemas.generate import MODELS, contracts, json_schema

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_aware(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@FORMATS.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or time.fromisoformat(value) is not None


VALIDATORS = {contract: Draft202012Validator(json_schema(contract), format_checker=FORMATS) for contract in contracts()}
ADAPTERS: dict[str, TypeAdapter[BaseModel]] = {
    contract: TypeAdapter(MODELS[name]) for contract, name in contracts().items() if name != "Envelope"
}


def schema_accepts(contract: str, value: bytes) -> bool:
    """Whether the JSON Schema of a contract accepts a record."""
    return VALIDATORS[contract].is_valid(msgspec.json.decode(value))


def read(contract: str, value: bytes) -> BaseModel | Envelope:
    """The record by the contract's model. Raises pydantic.ValidationError or msgspec.ValidationError."""
    if contract in ADAPTERS:
        return ADAPTERS[contract].validate_json(value)
    return msgspec.json.decode(value, type=Envelope)
