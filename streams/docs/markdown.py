"""Tables of Markdown, and the fields of a model as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from schemas.durations import parse_duration
from schemas.generate import model_schema

_FORMATS = {"date-time": "time with offset", "date": "date", "time": "time of day", "path": "path"}
_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_NAMED = {"Market": "country", "Currency": "currency"}
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; ``|`` in cells is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """Text as code."""
    return f"`{text}`"


def codes(texts: Iterable[object]) -> str:
    """Several, with commas."""
    return ", ".join(code(text) for text in texts)


def duration(ms: int) -> str:
    """``7d``, ``90m``: the largest unit that divides it."""
    unit, size = next(((unit, size) for unit, size in _UNITS if ms and ms % size == 0), ("ms", 1))
    return f"{ms // size}{unit}" if ms else "0"


def model_fields(model: Any) -> str:
    """The fields of one model: name, type, default, meaning."""
    schema = model_schema(model)
    return fields_table(schema["properties"], schema.get("required", ()))


def fields_table(properties: dict[str, Any], required: Sequence[str]) -> str:
    """The properties of a JSON Schema object as a table."""
    rows = (
        (code(name), type_text(field), "required" if name in required else default_text(field), field["description"])
        for name, field in properties.items()
    )
    return table(("field", "type", "default", "meaning"), rows)


def type_text(field: dict[str, Any]) -> str:
    """The type of a property in words, with its limits."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return _NAMED.get(name) or f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        parts = [part for part in field["anyOf"] if part.get("type") != "null"]
        return "duration" if _is_duration(field) else " or ".join(type_text(part) for part in parts)
    if "enum" in field:
        return codes(field["enum"])
    if "const" in field:
        return code(field["const"])
    if field.get("type") == "array":
        return f"list of {type_text(field['items'])}" if "items" in field else "list"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"table of {type_text(inner)}" if isinstance(inner, dict) and inner else "table"
    pattern = field.get("pattern", "")
    if pattern.startswith("^-?[0-9]"):
        return "amount"
    if pattern.startswith("^(") and pattern.endswith(")$"):
        return codes(pattern[2:-2].split("|"))
    return _FORMATS.get(field.get("format", ""), _PLAIN[field["type"]]) + _limits(field)


def default_text(field: dict[str, Any]) -> str:
    """The default; empty where there is none."""
    default = field.get("default")
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, list):
        return codes(default_text({**field["items"], "default": each}).strip("`") for each in default)
    return code(duration(parse_duration(default)) if _is_duration(field) else default)


def _is_duration(field: dict[str, Any]) -> bool:
    return any(part.get("pattern", "").endswith("(ms|s|m|h|d)$") for part in field.get("anyOf", ()))


def _limits(field: dict[str, Any]) -> str:
    if "exclusiveMinimum" in field:
        return f" over {field['exclusiveMinimum']:g}"
    least, most = field.get("minimum"), field.get("maximum")
    if least is None and most is None:
        return ""
    if least == most:
        return f" {least}"
    if most is None:
        return f" from {least}"
    return f" to {most}" if least is None else f", {least} to {most}"
