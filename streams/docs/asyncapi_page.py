"""``docs/asyncapi.html``: the AsyncAPI document as one page that needs nothing else, made from the same document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from schemas.asyncapi import document

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.html"
DAY_MS = 86_400_000
NESTED_MAX = 6
"""How deep fields within fields are shown."""
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:auto;max-width:62rem;padding:1rem;color:#1c2430;background:#fff}
nav{columns:3 14rem}
h2{border-top:1px solid #ccd3dc;margin-top:2.5rem;padding-top:1rem}
code,pre{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #e3e7ec;padding:.25rem .5rem;text-align:left;vertical-align:top}
.wide{overflow-x:auto}
pre{background:#f4f6f8;overflow-x:auto;padding:.75rem}
.tag{background:#e8eef7;border-radius:.4rem;padding:.1rem .5rem}
@media print{details{display:block}nav{display:none}}
"""


def page() -> str:
    """The page."""
    found = document()
    body = "\n".join(_sections(found))
    links = "\n".join(
        f'<a href="#{escape(name)}">{escape(channel["title"])}</a><br>' for name, channel in found["channels"].items()
    )
    info = found["info"]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(info['title'])} {info['version']}: topics</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(info['title'])} {info['version']}</h1>\n<p>{escape(info['description'])}</p>\n"
        f"<p>Made from <code>schemas/asyncapi.json</code> (AsyncAPI {found['asyncapi']}).</p>\n<nav>\n{links}\n</nav>\n"
        f"{body}\n</body>\n</html>\n"
    )


def write() -> list[Path]:
    """Write the page if it differs; returns it then."""
    wanted = page()
    if PATH.exists() and PATH.read_text(encoding="utf-8") == wanted:
        return []
    PATH.write_text(wanted, encoding="utf-8")
    return [PATH]


def _sections(found: dict[str, Any]) -> Iterator[str]:
    shown: set[str] = set()
    for name, channel in found["channels"].items():
        verb = "Cuepoint reads" if f"receive-{name}" in found["operations"] else "Cuepoint writes"
        yield f'<h2 id="{escape(name)}">{escape(channel["title"])} <small class="tag">{verb}</small></h2>'
        yield _table(("", ""), _facts(channel))
        for key in channel["messages"]:
            message = found["components"]["messages"][key]
            if key in shown:
                yield f'<p>Message <a href="#message-{escape(key)}">{escape(key)}</a>, as above.</p>'
                continue
            shown.add(key)
            yield f'<h3 id="message-{escape(key)}">{escape(message["name"])}</h3>\n<p>{escape(message["summary"])}</p>'
            if "payload" in message:
                schemas = found["components"]["schemas"]
                yield _table(("field", "type", "meaning"), _fields(_resolved(message["payload"], schemas), schemas, ""))
            for example in message.get("examples", ()):
                code = escape(json.dumps(example["payload"], indent=2, ensure_ascii=False))
                yield f"<details><summary>Example</summary><pre>{code}</pre></details>"


def _facts(channel: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    configuration = channel["bindings"]["kafka"]["topicConfiguration"]
    yield "topic", channel["address"]
    yield "key", channel["x-key"]
    yield "written by", ", ".join(channel["x-producers"])
    yield "read by", ", ".join(channel["x-consumers"])
    kept = configuration.get("retention.ms")
    yield "kept", "last of each key" if kept is None else f"{kept // DAY_MS} days"


def _fields(schema: dict[str, Any], schemas: dict[str, Any], before: str) -> Iterator[tuple[str, ...]]:
    """Every field, those of objects within it behind it."""
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        place = f"{before}{name}"
        mark = "" if name in needed else " (may be missing)"
        yield place, _type(field, schemas) + mark, field.get("description", "")
        if place.count(".") < NESTED_MAX:
            for inner, mark in _objects(field, schemas):
                yield from _fields(inner, schemas, f"{place}{mark}.")


def _objects(field: dict[str, Any], schemas: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects in a field: itself, what a list or a table holds, each of several kinds."""
    resolved = _resolved(field, schemas)
    if "properties" in resolved:
        yield resolved, ""
    for part in resolved.get("anyOf", resolved.get("oneOf", ())):
        yield from _objects(part, schemas)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(resolved.get(key), dict):
            yield from ((inner, mark) for inner, _ in _objects(resolved[key], schemas))


def _type(field: dict[str, Any], schemas: dict[str, Any]) -> str:
    resolved = _resolved(field, schemas)
    if "const" in resolved:
        return json.dumps(resolved["const"])
    if "enum" in resolved:
        values = resolved["enum"]
        return f"one of {len(values)} codes" if len(values) > 40 else " | ".join(map(str, values))
    if "anyOf" in resolved:
        return " or ".join(dict.fromkeys(_type(part, schemas) for part in resolved["anyOf"]))
    if resolved.get("type") == "array":
        return f"list of {_type(resolved.get('items', {}), schemas)}"
    kind = resolved.get("format") or resolved.get("type") or "any"
    return resolved.get("title", kind) if kind == "object" else kind


def _resolved(node: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref") or next((part.get("$ref") for part in node.get("allOf", ())), None)
    return node if reference is None else schemas[reference.rsplit("/", 1)[1]]


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table>\n<tr>{first}</tr>\n{body}\n</table></div>'
