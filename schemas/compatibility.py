"""What a change of the contracts would break for those who rely on the last release.

``schemas/released/<version>.json`` keeps the catalogue and the schemas of a release, descriptions left out. Of an input
everything that was accepted has to be accepted, and used, still. Of an output everything that is written has to be
what readers know: fields may come (readers ignore those that they do not know), and none may go. An open list of codes
(``reason``, ``occasion``) is plain text in the schema, so a new code breaks nothing; a closed one must not grow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from schemas.generate import contract_name, contracts, json_schema
from schemas.topics import ALL_INPUTS, OUTPUTS, Topic

DIRECTORY = Path(__file__).parent / "released"
RULES: dict[str, str] = {
    "topic removed": "A topic that others write or read is gone.",
    "topic key": "The key of a topic means something else: order and compaction change.",
    "topic partitions": "A topic has one partition instead of many, or the reverse.",
    "topic cleanup": "A topic is compacted that was not, or the reverse.",
    "topic retention": "A topic keeps records for a shorter time, or takes smaller ones.",
    "field removed": "A field is gone: of an input it would be ignored, of an output readers miss it.",
    "field required": "An input needs a field that it did not need.",
    "field optional": "An output may lack a field that it always had.",
    "type narrowed": "An input refuses values that it took.",
    "type widened": "An output may have values of a kind that it had not.",
    "codes grown": "An output may have a code that is not on its closed list.",
}
"""Every rule with its meaning."""
Direction = Literal["input", "output"]
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
NESTED_MAX = 12
"""How deep fields are compared; models that hold themselves end there."""


class Break(NamedTuple):
    """One breaking change."""

    rule: str
    place: str
    """Topic, or contract and field."""
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what} ({self.rule})"


def released() -> dict[str, Any]:
    """The contracts as they are now, in the form in which a release is kept."""
    topics = {topic.name: _topic(topic) for topic in (*ALL_INPUTS, *OUTPUTS)}
    kept = {contract_name(topic) for topic in (*ALL_INPUTS, *OUTPUTS)} & set(contracts())
    return {"topics": topics, "schemas": {name: _bare(json_schema(name)) for name in sorted(kept)}}


def release(version: str) -> Path:
    """Keep the contracts as those of a release. Raises ValueError for one that is kept already."""
    path = DIRECTORY / f"{version}.json"
    if path.exists():
        raise ValueError(f"release {version} is kept already, and what was released does not change")
    DIRECTORY.mkdir(exist_ok=True)
    now = released()
    lines = [f'"{name}":{json.dumps(schema, separators=(",", ":"))}' for name, schema in now["schemas"].items()]
    topics = [f'"{name}":{json.dumps(topic)}' for name, topic in now["topics"].items()]
    body = '{"topics":{\n' + ",\n".join(topics) + '\n},"schemas":{\n' + ",\n".join(lines) + "\n}}\n"
    path.write_text(body, encoding="utf-8")
    return path


def versions() -> list[str]:
    """The releases that are kept, oldest first."""
    return sorted((path.stem for path in DIRECTORY.glob("*.json")), key=lambda name: [int(n) for n in name.split(".")])


def load(version: str) -> dict[str, Any]:
    """The contracts of a release. Raises FileNotFoundError."""
    made: dict[str, Any] = json.loads((DIRECTORY / f"{version}.json").read_text(encoding="utf-8"))
    return made


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[Break]:
    """Every breaking change from one state of the contracts to another."""
    found = [
        one for name, topic in old["topics"].items() for one in _topic_breaks(name, topic, new["topics"].get(name))
    ]
    directions = {topic["contract"]: topic["direction"] for topic in old["topics"].values()}
    for contract, schema in old["schemas"].items():
        if contract in new["schemas"]:
            found += _Comparison(schema, new["schemas"][contract], directions[contract]).breaks(contract)
    return found


def _topic(topic: Topic) -> dict[str, Any]:
    return {
        "direction": "input" if topic in ALL_INPUTS else "output",
        "contract": contract_name(topic),
        "key": topic.key,
        "cleanup": topic.cleanup,
        "partitioned": topic.partitioned,
        "retention_ms": topic.retention_ms,
        "record_bytes_max": topic.record_bytes_max,
    }


def _topic_breaks(name: str, old: dict[str, Any], new: dict[str, Any] | None) -> Iterator[Break]:
    if new is None:
        yield Break("topic removed", name, "the topic is gone")
        return
    for field, rule in (("key", "topic key"), ("cleanup", "topic cleanup"), ("partitioned", "topic partitions")):
        if new[field] != old[field]:
            yield Break(rule, name, f"{field} was {old[field]!r} and is {new[field]!r}")
    for field in ("retention_ms", "record_bytes_max"):
        if new[field] < old[field]:
            yield Break("topic retention", name, f"{field} was {old[field]} and is {new[field]}")


class _Comparison:
    """Two schemas of one contract."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any], direction: Direction) -> None:
        self._old, self._new = old, new
        self._input = direction == "input"

    def breaks(self, contract: str) -> list[Break]:
        """What the new one breaks."""
        return list(self._values(contract, self._old, self._new, 0))

    def _values(self, place: str, old: dict[str, Any], new: dict[str, Any], depth: int) -> Iterator[Break]:
        """Branches of the same kind are compared; kinds that came or went are widened or narrowed."""
        before, after = _branches(old, self._old), _branches(new, self._new)
        if self._input and (gone := before.keys() - after.keys()):
            yield Break("type narrowed", place, f"took {', '.join(sorted(gone))}, and does not any more")
        if not self._input and (came := after.keys() - before.keys()):
            yield Break("type widened", place, f"may be {', '.join(sorted(came))}, which it was not")
        for kind in before.keys() & after.keys():
            yield from self._codes(place, before[kind], after[kind])
            yield from self._bounds(place, before[kind], after[kind])
            if depth < NESTED_MAX:
                yield from self._fields(place, before[kind], after[kind], depth + 1)

    def _fields(self, place: str, old: dict[str, Any], new: dict[str, Any], depth: int) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield Break("field removed", f"{place}.{name}", "the field is gone")
            else:
                yield from self._values(f"{place}.{name}", before[name], after[name], depth)
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            if self._input:
                yield Break("field required", f"{place}.{name}", "the field was not required, and is")
        for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
            if not self._input and name in after:
                yield Break("field optional", f"{place}.{name}", "the field was always there, and may be missing")
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
                yield from self._values(f"{place}{mark}", old[key], new[key], depth)

    def _codes(self, place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Break]:
        before, after = _codes(old), _codes(new)
        gone = (before or set()) - after if after is not None else set()
        if self._input and (gone or (before is None and after is not None)):
            yield Break("type narrowed", place, f"takes only {_shown(after)}")
        if not self._input and before is not None and (after is None or after - before):
            yield Break("codes grown", place, f"may be {_shown(None if after is None else after - before)}")

    def _bounds(self, place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Break]:
        """Of an input no bound may come or become tighter, of an output none may go or become looser."""
        tight, loose = (new, old) if self._input else (old, new)
        rule = "type narrowed" if self._input else "type widened"
        for keys, tighter in ((LOWER, float.__gt__), (UPPER, float.__lt__)):
            for key in keys:
                if key in tight and (key not in loose or tighter(float(tight[key]), float(loose[key]))):
                    yield Break(rule, place, f"{key} was {old.get(key)} and is {new.get(key)}")
        for key in ("pattern", "format"):
            if key in tight and tight[key] != loose.get(key):
                yield Break(rule, place, f"{key} was {old.get(key)!r} and is {new.get(key)!r}")


def _branches(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a value may be, by kind: the name of its model, or its JSON type."""
    if "$ref" in schema:
        return _branches(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts is None:
        kind = schema.get("title") if "properties" in schema else schema.get("type")
        if kind is None and (codes := _codes(schema)):
            kind = "string" if all(isinstance(code, str) for code in codes) else "code"
        return {str(kind or "anything"): schema}
    found: dict[str, dict[str, Any]] = {}
    for number, part in enumerate(parts):
        for kind, branch in _branches(part, root).items():
            found[kind if kind not in found else f"{kind} {number}"] = branch
    return found


def _codes(schema: dict[str, Any]) -> set[Any] | None:
    """The closed list of a value; None: it is open."""
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _shown(codes: set[Any] | None) -> str:
    return "anything" if codes is None else ", ".join(sorted(map(str, codes)))


def _bare(node: Any) -> Any:
    """A schema without what only people read. A field may be called ``description``, so properties keep all names."""
    if isinstance(node, list):
        return [_bare(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _bare(part) for name, part in value.items()} if key in ("properties", "$defs") else _bare(value)
        for key, value in node.items()
        if not re.fullmatch(r"description|default|examples|\$schema|discriminator", key)
    }
