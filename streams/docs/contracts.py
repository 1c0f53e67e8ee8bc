"""The topic catalogue and the fields of every event as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import get_annotations

from pydantic import BaseModel

from schemas.base import CustomerEventBase, Event
from schemas.generate import MODELS, classes, contracts, kinds, model_schema, reachable
from schemas.topics import DAY_MS, INPUTS, INTERNAL, OUTPUTS, SHADOW, SINK_INPUTS, Topic
from streams.docs.markdown import code, fields_table, model_fields, table

_COMMON = (Event, CustomerEventBase)


def topics() -> str:
    """Every topic of the catalogue, in five tables."""
    groups = {
        "Inputs": INPUTS,
        "Inputs of the sink": SINK_INPUTS,
        "Internal": INTERNAL,
        "Outputs": OUTPUTS,
        "Shadow": SHADOW,
    }
    return "\n\n".join(
        f"### {title}\n\n"
        + table(
            ("topic", "key", "schema", "producers", "consumers", "cleanup", "retention", "partitions"),
            (_row(topic) for topic in group),
        )
        for title, group in groups.items()
    )


def events() -> str:
    """The fields of every model of every contract that users read or write; shared ones once."""
    return "\n\n".join(_sections())


def _row(topic: Topic) -> tuple[str, ...]:
    contract = next((name for name, model in contracts().items() if model == topic.schema), "")
    schema = f"[{topic.schema}](../schemas/json/{contract}.schema.json)" if topic.schema in MODELS else topic.schema
    kept = "last of each key" if topic.cleanup == "compact" else f"{topic.retention_ms // DAY_MS} days"
    partitions = "setting `partitions`" if topic.partitioned else "1"
    return (
        code(topic.name),
        topic.key,
        schema,
        ", ".join(topic.producers),
        ", ".join(topic.consumers),
        topic.cleanup,
        kept,
        partitions,
    )


def _sections() -> Iterator[str]:
    yield f"### Event\n\nEvery input event has these fields.\n\n{model_fields(Event)}"
    own = {name: field for name, field in _properties(CustomerEventBase).items() if name not in Event.model_fields}
    text = "An event names its customer by at least one of these, or by none (a guest, a cash receipt)."
    yield f"### Identifiers\n\n{text}\n\n{fields_table(own, ())}"
    shown: set[str] = set()
    for contract, name in contracts().items():
        if name == "Envelope":
            continue
        yield f"### {contract}"
        for model in classes(MODELS[name]):
            yield _kind(contract, name, model)
        for inner in reachable(MODELS[name]).values():
            if inner not in classes(MODELS[name]) and inner.__name__ not in shown:
                shown.add(inner.__name__)
                yield f"#### {inner.__name__}\n\n{_first_words(inner)}\n\n{model_fields(inner)}"


def _kind(contract: str, name: str, model: type[BaseModel]) -> str:
    """One kind of a contract: what it is, an example, and the fields that are not common to all events."""
    values = [kind for kind, owner in kinds(name).items() if owner is model]
    links = ", ".join(f"[{kind}](../schemas/examples/{contract}/{kind}.json)" for kind in values)
    common = {field for base in _COMMON if issubclass(model, base) for field in base.model_fields}
    declared = {field for one in model.__mro__ if one not in _COMMON for field in get_annotations(one)}
    schema = model_schema(model)
    properties = {
        field: value for field, value in schema["properties"].items() if field not in common or field in declared
    }
    identifiers = " With [identifiers](#identifiers)." if issubclass(model, CustomerEventBase) else ""
    text = f"{_first_words(model)}{identifiers} Examples: {links}."
    return f"#### {' · '.join(values)}\n\n{text}\n\n{fields_table(properties, schema.get('required', ()))}"


def _first_words(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split()).replace("``", "`")


def _properties(model: type[BaseModel]) -> dict[str, dict[str, object]]:
    properties: dict[str, dict[str, object]] = model_schema(model)["properties"]
    return properties
