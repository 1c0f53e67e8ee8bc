"""JSON Schemas of the topic catalogue, made from the models: ``schemas/json/<contract>.schema.json``.

A contract is a topic's name up to its first dot: all ``triggers.<channel>`` topics share one. What inputs accept and
what outputs always carry differs, so ``decisions``, ``triggers`` and ``customer-profile`` list every field as
required.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.base import Currency, Market
from schemas.campaigns import CampaignRecord
from schemas.caps import CAP_WINDOW_MS_MAX, PERIODS, parse_window
from schemas.catalog import CatalogItem, ControlRecord
from schemas.cloudevents import DATA_SCHEMA
from schemas.customers import CustomerEvent, FeedbackEvent
from schemas.decisions import Decision, ErasureRecord, Progress, Trigger
from schemas.durations import DURATION_MS_MAX, parse_duration
from schemas.envelope import Envelope
from schemas.forecasts import Forecast
from schemas.identity import IdentityAudit
from schemas.iso import COUNTRIES, CURRENCY_DIGITS
from schemas.meanings import MEANINGS, meaning
from schemas.orders import OrderEvent, ReturnEvent
from schemas.pos import PosTransaction
from schemas.profiles import PublicProfile
from schemas.topics import TOPICS, Topic
from schemas.web import WebEvent

DIRECTORY = Path(__file__).parent / "json"
EXAMPLES = Path(__file__).parent / "examples"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

MODELS: dict[str, Any] = {
    "OrderEvent": OrderEvent,
    "ReturnEvent": ReturnEvent,
    "WebEvent": WebEvent,
    "PosTransaction": PosTransaction,
    "CustomerEvent": CustomerEvent,
    "FeedbackEvent": FeedbackEvent,
    "CatalogItem": CatalogItem,
    "CampaignRecord": CampaignRecord,
    "ControlRecord": ControlRecord,
    "Forecast": Forecast,
    "Envelope": Envelope,
    "Progress": Progress,
    "ErasureRecord": ErasureRecord,
    "IdentityAudit": IdentityAudit,
    "Decision": Decision,
    "Trigger": Trigger,
    "PublicProfile": PublicProfile,
}
"""What ``Topic.schema`` names. A name in parentheses is no model: ``(internal)``, ``(original bytes)``."""
COMPLETE = frozenset({"Decision", "Trigger", "PublicProfile"})
"""Records that always carry every field."""
KIND_FIELDS = ("type", "kind", "action", "outcome")
"""The field that tells the kinds of a contract apart, where there are several."""


def contract_name(topic: Topic) -> str:
    """The contract of a topic; see the module."""
    return topic.name.split(".")[0]


def contracts() -> dict[str, str]:
    """Contract -> name of its model, for every topic that has one."""
    return {contract_name(topic): topic.schema for topic in TOPICS.values() if topic.schema in MODELS}


def classes(model: Any) -> tuple[type[BaseModel], ...]:
    """The models of a contract: the members of a union, or the one."""
    if get_origin(model) is None:
        return (model,)
    union = get_args(model)[0]
    return get_args(union) or (union,)


def kinds(name: str) -> dict[str, type[BaseModel]]:
    """Kind -> model of a contract: the values of its kind field; the model's own name where there is none."""
    found: dict[str, type[BaseModel]] = {}
    for model in classes(MODELS[name]):
        fields = getattr(model, "model_fields", {})
        field = next((fields[key] for key in KIND_FIELDS if key in fields), None)
        found |= dict.fromkeys(_values(field) if field else (name.lower(),), model)
    return found


def reachable(model: Any) -> dict[str, type[BaseModel]]:
    """A model (or union) with every model in its fields, by name, in the order of first use."""
    found: dict[str, type[BaseModel]] = {}
    for one in models_in(model):
        if one.__name__ not in found:
            found[one.__name__] = one
            for field in one.model_fields.values():
                found |= {name: inner for name, inner in reachable(field.annotation).items() if name not in found}
    return found


def json_schema(contract: str) -> dict[str, Any]:
    """The JSON Schema of a contract, Draft 2020-12."""
    name = contracts()[contract]
    identity = {"$schema": DIALECT, "$id": DATA_SCHEMA if name == "Trigger" else f"urn:cuepoint:schema:{contract}:1"}
    if name == "Envelope":
        return identity | _described(msgspec.json.schema(Envelope), {"Envelope": MEANINGS["Envelope"]})
    return identity | model_schema(MODELS[name], "serialization" if name in COMPLETE else "validation")


def model_schema(model: Any, mode: Literal["validation", "serialization"] = "validation") -> dict[str, Any]:
    """The JSON Schema of a model or union, every field with its meaning. Raises KeyError for one without."""
    made = TypeAdapter(model).json_schema(schema_generator=_Generator, mode=mode)
    models = reachable(model)
    meanings = {name: {field: meaning(one, field) for field in one.model_fields} for name, one in models.items()}
    return _named_enums(_described(made, meanings))


def files() -> dict[Path, str]:
    """Every generated file with its content."""
    return {
        DIRECTORY / f"{contract}.schema.json": json.dumps(json_schema(contract), indent=2, ensure_ascii=False) + "\n"
        for contract in contracts()
    }


def write() -> list[Path]:
    """Write what differs, remove what no topic has any more; returns the files touched."""
    wanted = files()
    touched = [path for path in DIRECTORY.glob("*.schema.json") if path not in wanted]
    for path in touched:
        path.unlink()
    DIRECTORY.mkdir(exist_ok=True)
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            touched.append(path)
    return touched


def examples(contract: str) -> dict[str, bytes]:
    """Kind -> example of a contract: the files in ``schemas/examples/<contract>``."""
    return {path.stem: path.read_bytes() for path in sorted((EXAMPLES / contract).glob("*.json"))}


def _validator(alias: Any) -> Any:
    """The function behind an ``Annotated[str, AfterValidator(…)]``."""
    return alias.__metadata__[0].func


_NAMED: dict[str, list[str]] = {"Market": sorted(COUNTRIES), "Currency": sorted(CURRENCY_DIGITS)}
_BY_FUNCTION = {_validator(Market): "Market", _validator(Currency): "Currency"}
_DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h|d)$"}


class _Generator(GenerateJsonSchema):
    """Says what our validators check, and leaves out titles that only repeat field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """See pydantic."""
        return False

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """Codes of countries and currencies as closed lists."""
        made = super().function_after_schema(schema)
        name = _BY_FUNCTION.get(schema["function"]["function"])
        return made if name is None else {**made, "enum": _NAMED[name]}

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A duration is a number of milliseconds, or a number and a unit; the window of a cap may be a period too."""
        made = super().function_before_schema(schema)
        if schema["function"]["function"] is parse_window:
            rolling = {"type": "integer", "minimum": 0, "maximum": CAP_WINDOW_MS_MAX}
            return {"anyOf": [rolling, _DURATION, {"enum": list(PERIODS)}]}
        if schema["function"]["function"] is not parse_duration:
            return made
        return {"anyOf": [{"minimum": 0, "maximum": DURATION_MS_MAX, **made}, _DURATION]}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def _values(field: FieldInfo) -> tuple[str, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _described(schema: dict[str, Any], meanings: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Each model's docstring as one paragraph, each field with its meaning."""
    for name, model in {**schema.get("$defs", {}), schema.get("title", ""): schema}.items():
        if "description" in model:
            model["description"] = " ".join(model["description"].split())
        for field, said in meanings.get(name, {}).items():
            model["properties"][field].setdefault("description", said)
    return schema


def _named_enums(schema: dict[str, Any]) -> dict[str, Any]:
    """Long closed lists once, in ``$defs``."""
    used: set[str] = set()

    def replace(node: Any) -> Any:
        if isinstance(node, list):
            return [replace(part) for part in node]
        if not isinstance(node, dict):
            return node
        for name, values in _NAMED.items():
            if node.get("enum") == values:
                used.add(name)
                rest = {key: value for key, value in node.items() if key not in ("enum", "type")}
                return {"$ref": f"#/$defs/{name}", **rest}
        return {key: replace(value) for key, value in node.items()}

    made: dict[str, Any] = replace(schema)
    lists = {name: {"type": "string", "enum": _NAMED[name]} for name in sorted(used)}
    if lists:
        made["$defs"] = {**made.get("$defs", {}), **lists}
    return made
