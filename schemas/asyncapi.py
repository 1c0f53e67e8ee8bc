"""The topics that other teams write and read as one AsyncAPI 3.0 document, ``schemas/asyncapi.json``.

Made from the topic catalogue, the models and the examples. Its schemas are those of ``schemas/json``, put into the form
that AsyncAPI's Schema Object (a superset of JSON Schema Draft 07) has: definitions are components, and what stands
beside a reference is said with ``allOf``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.cloudevents import DATA_SCHEMA, trigger_headers
from schemas.generate import MODELS, classes, contract_name, examples, json_schema, kinds
from schemas.topics import ALL_INPUTS, OUTPUTS, Topic

PATH = Path(__file__).parent / "asyncapi.json"
VERSION = "1.0.0"
"""Of the contract: its first number is that of ``schema_version``, ``ce_type`` and ``ce_dataschema``."""
BINDING = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""


def document() -> dict[str, Any]:
    """The AsyncAPI document. Internal topics are in none: nobody else may rely on them."""
    topics = (*ALL_INPUTS, *OUTPUTS)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:cuepoint",
        "info": {
            "title": "Cuepoint",
            "version": VERSION,
            "description": "Events that Cuepoint reads, and decisions and triggers that it writes. Readers use "
            "read_committed. docs/for-channels.md is the contract of a channel service in words.",
        },
        "defaultContentType": "application/json",
        "channels": {_name(topic): _channel(topic) for topic in topics},
        "operations": {f"{_verb(topic)}-{_name(topic)}": _operation(topic) for topic in topics},
        "components": {
            "messages": {key: message for topic in topics for key, message in _messages(topic).items()},
            "schemas": {key: schema for topic in topics for key, schema in _schemas(topic).items()},
        },
    }


def text() -> str:
    """The file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def write() -> list[Path]:
    """Write the file if it differs; returns it then."""
    if PATH.exists() and PATH.read_text(encoding="utf-8") == text():
        return []
    PATH.write_text(text(), encoding="utf-8")
    return [PATH]


def _name(topic: Topic) -> str:
    return topic.name.replace(".", "-")


def _verb(topic: Topic) -> str:
    return "receive" if topic in ALL_INPUTS else "send"


def _channel(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "cleanup.policy": [topic.cleanup],
        "max.message.bytes": topic.record_bytes_max,
    }
    if topic.cleanup == "delete":
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": f"{{prefix}}.{topic.name}",
        "title": topic.name,
        "parameters": {"prefix": {"description": "Setting topic_prefix.", "default": "cuepoint"}},
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in _messages(topic)},
        "bindings": {"kafka": {"topicConfiguration": configuration, "bindingVersion": BINDING}},
        "x-owner": topic.owner,
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
        "x-key": topic.key,
        "x-compatibility": topic.compatibility,
    }


def _operation(topic: Topic) -> dict[str, Any]:
    """As seen from Cuepoint: it receives what others write, and sends what they read."""
    channel = f"#/channels/{_name(topic)}"
    return {
        "action": _verb(topic),
        "channel": {"$ref": channel},
        "summary": f"{'Written' if topic in ALL_INPUTS else 'Read'} by {', '.join(_others(topic))}.",
        "messages": [{"$ref": f"{channel}/messages/{key}"} for key in _messages(topic)],
    }


def _others(topic: Topic) -> tuple[str, ...]:
    return topic.producers if topic in ALL_INPUTS else topic.consumers


def _messages(topic: Topic) -> dict[str, Any]:
    """One message a kind of record; topics of one contract share them."""
    binding = {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}}
    if topic.schema not in MODELS:
        meaning = "The record that could not be used, byte for byte; the headers say why."
        return {
            topic.name: {
                "name": topic.name,
                "summary": meaning,
                "contentType": "application/octet-stream",
                "bindings": binding,
            }
        }
    contract = contract_name(topic)
    made: dict[str, Any] = {}
    for kind, model in kinds(topic.schema).items():
        message: dict[str, Any] = {
            "name": kind,
            "title": kind,
            "summary": " ".join((model.__doc__ or "").split()).replace("``", "`"),
            "payload": {"$ref": f"#/components/schemas/{contract}.{model.__name__}"},
            "bindings": binding,
            "examples": [{"name": kind, "payload": json.loads(examples(contract)[kind])}],
        }
        if topic.schema == "Trigger":
            message["headers"] = _headers(kind)
        made[f"{contract}.{kind}"] = message
    return made


def _headers(action: str) -> dict[str, Any]:
    """The CloudEvents attributes of a trigger."""
    example = {"action": action, "decision_id": "0" * 32, "customer_id": "70001", "valid_from": "2026-03-23T09:00:00Z"}
    fixed = {"ce_specversion", "ce_type", "ce_dataschema", "content-type"}
    names = dict(trigger_headers("cuepoint", example))
    assert names["ce_dataschema"].decode() == DATA_SCHEMA
    properties = {
        name: {"type": "string", "const": value.decode()} if name in fixed else {"type": "string"}
        for name, value in names.items()
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _schemas(topic: Topic) -> dict[str, Any]:
    """The models of a contract and all that they name, as components."""
    if topic.schema not in MODELS:
        return {}
    contract = contract_name(topic)
    whole = {key: value for key, value in json_schema(contract).items() if key not in ("$schema", "$id")}
    parts = whole.pop("$defs", {})
    models = classes(MODELS[topic.schema])
    if len(models) == 1:
        parts = {**parts, models[0].__name__: whole}
    return {f"{contract}.{name}": _in_draft_07(part, contract) for name, part in parts.items()}


def _in_draft_07(node: Any, contract: str) -> Any:
    if isinstance(node, list):
        return [_in_draft_07(part, contract) for part in node]
    if not isinstance(node, dict):
        return node
    made = {key: _in_draft_07(value, contract) for key, value in node.items() if key != "discriminator"}
    reference = made.get("$ref")
    if not isinstance(reference, str):
        return made
    reference = f"#/components/schemas/{contract}.{reference.rsplit('/', 1)[1]}"
    beside = {key: value for key, value in made.items() if key != "$ref"}
    return {"allOf": [{"$ref": reference}], **beside} if beside else {"$ref": reference}
