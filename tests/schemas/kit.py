"""What the contract tests share: JSON Schema validators with the formats that the contracts use."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

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


def schema_accepts(contract: str, value: bytes) -> bool:
    """Whether the JSON Schema of a contract accepts a record."""
    return VALIDATORS[contract].is_valid(msgspec.json.decode(value))


def read(contract: str, value: bytes) -> BaseModel | Envelope:
    """The record by the contract's model. Raises pydantic.ValidationError or msgspec.ValidationError."""
    model: Any = MODELS[contracts()[contract]]
    if model is Envelope:
        return msgspec.json.decode(value, type=Envelope)
    read_model: BaseModel = TypeAdapter(model).validate_json(value)
    return read_model
