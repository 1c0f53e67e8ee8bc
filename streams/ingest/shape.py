"""What is known of a vendor's object: which of its fields are mapped to what, and which are left out and why.

The same tables find unknown fields, strip personal data from what goes to quarantine, and make docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

PERSONAL = "names, addresses and phone numbers do not travel"
DERIVED = "follows from the lines"
INTERNAL = "the vendor's own bookkeeping"
FREE_TEXT = "free text, may name people"
NO_USE = "nothing in the contracts needs it"
UNKNOWN_PATHS_MAX = 100
"""Unknown fields listed of one payload; a payload with more is no object of the vendor's."""


class Shape:
    """One kind of object. ``mapped``: their field -> ours; ``hashed``: their field -> ours, only its hash travels;
    ``left``: reason -> their fields, separated by white space; ``inside``: objects (or lists of them) with own shapes.
    """

    def __init__(
        self,
        title: str,
        mapped: Mapping[str, str],
        *,
        hashed: Mapping[str, str] | None = None,
        left: Mapping[str, str] | None = None,
        inside: Mapping[str, Shape] | None = None,
    ) -> None:
        self.title = title
        self.mapped = dict(mapped)
        self.hashed = dict(hashed or {})
        self.left = {name: reason for reason, names in (left or {}).items() for name in names.split()}
        self.inside = dict(inside or {})

    @cached_property
    def known(self) -> frozenset[str]:
        """Every field that is known."""
        return frozenset((*self.mapped, *self.hashed, *self.left, *self.inside))

    def unknown(self, value: object, path: str = "") -> list[str]:
        """Paths of fields that are not known, such as ``line_items[].colour``; each once."""
        return list(dict.fromkeys(self._unknown(value, path)))[:UNKNOWN_PATHS_MAX]

    def _unknown(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            return
        for name in value.keys() - self.known:
            yield f"{path}{name}"
        for name, shape in self.inside.items():
            part = value.get(name)
            if type(part) is dict:
                yield from shape._unknown(part, f"{path}{name}.")
            elif type(part) is list:
                for each in part:
                    yield from shape._unknown(each, f"{path}{name}[].")

    def stripped(self, value: object) -> Any:
        """The object with nothing but mapped fields: no personal data, nothing unknown; None for what is no object."""
        if not isinstance(value, dict):
            return None
        kept = {name: value[name] for name in self.mapped if name in value and name not in self.inside}
        for name, shape in self.inside.items():
            part = value.get(name)
            if isinstance(part, dict):
                kept[name] = shape.stripped(part)
            elif isinstance(part, list):
                kept[name] = [shape.stripped(each) for each in part]
        return kept

    def rows(self, path: str = "") -> Iterator[tuple[str, str]]:
        """(their field, our field) of this object and of those in it."""
        for name, ours in (*self.mapped.items(), *self.hashed.items()):
            yield f"{path}{name}", ours
        for name, shape in self.inside.items():
            yield from shape.rows(f"{path}{name}.")

    def reasons(self, path: str = "") -> Iterator[tuple[str, str]]:
        """(reason, their field) of what is left out here and in the objects inside."""
        for name, reason in self.left.items():
            yield reason, f"{path}{name}"
        for name, shape in self.inside.items():
            yield from shape.reasons(f"{path}{name}.")
