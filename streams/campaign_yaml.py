"""YAML as marketers mean it, with the line of every field.

Only ``true`` and ``false`` are booleans, so ``NO`` stays Norway; ``21:00`` stays a time and ``007`` a text (YAML 1.1
reads them as false, 1260 and 7). A field that is written twice, and references within the file, are errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]
"""Way to a field: names and list positions."""
DEPTH_MAX = 20


class YamlError(ValueError):
    """A file cannot be read as YAML; the text is a sentence that begins after the file's name."""


@dataclass(frozen=True)
class YamlFile:
    """What a file says, and on which line each field stands."""

    path: Path
    content: Any
    lines: dict[Place, int]

    def where(self, place: Place) -> str:
        """``cart.yaml, line 7``: the line of the field, or of what it is missing in."""
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place)
        return f"{self.path.name}, line {line}" if line and place else self.path.name


class _Loader(yaml.SafeLoader):
    """The scalars of YAML 1.2, no references."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            place = self.get_mark()
            raise yaml.composer.ComposerError(None, None, "a reference (*); write the value out", place)
        return super().compose_node(parent, index)


for _kind, _pattern, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", "~|null|Null|NULL|", "~nN"),
    ("int", r"-?(0|[1-9]\d*)", "-0123456789"),
    ("float", r"-?(0|[1-9]\d*)\.\d+", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), [*_first, *([""] if _kind == "null" else [])]
    )


def read_yaml(path: Path) -> YamlFile:
    """Read a file. Raises YamlError with what is wrong, and the line where there is one."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is not None:
            _collect(node, (), lines)
        content = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise YamlError(f"is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8.") from error
    except yaml.YAMLError as error:
        raise YamlError(f"is not YAML: {_problem(error)}.") from error
    return YamlFile(path, content, lines)


def _collect(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    """Note the line of each field below ``node``. Raises YamlError for a field that is there twice."""
    lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > DEPTH_MAX:
        raise YamlError(f"line {lines[place]}: more than {DEPTH_MAX} levels; a campaign has four at most.")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            line = key.start_mark.line + 1
            if inner in lines:
                raise YamlError(
                    f"line {line}: field {key.value!r} is on line {lines[inner]} already; keep one of them."
                )
            lines[inner] = line
            _collect(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _collect(value, (*place, number), lines)


def _problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
