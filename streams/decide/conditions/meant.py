"""What a mistaken condition may have meant."""

from __future__ import annotations

from difflib import get_close_matches

from streams.decide.conditions.syntax import ConditionError, Node
from streams.decide.conditions.types import Type

VALUES_LISTED_MAX = 20
COUNTRIES_MEANT = {"UK": "GB", "EN": "GB", "EL": "GR", "SW": "SE", "JA": "JP"}
"""Codes that are written for those of ISO 3166."""


def alike(one: Type, two: Type) -> bool:
    """Whether two types can be compared."""
    if "any" in (one.name, two.name):
        return True
    if one.item is not None and two.item is not None:
        return alike(one.item, two.item)
    return one.name == two.name


def expect_possible(literal: Node, other: Type, words: str) -> None:
    """A text that the other side can never be is a mistake, not a condition."""
    if literal.kind != "literal" or other.values is None or literal.value in other.values:
        return
    few = sorted(other.values) if len(other.values) < VALUES_LISTED_MAX else []
    meant = COUNTRIES_MEANT.get(str(literal.value))
    guess = f"; did you mean {meant}?" if meant else similar(str(literal.value), few)
    known = f" (it is one of {', '.join(few)})" if few and not guess else ""
    raise ConditionError(f"{words} is never {literal.value!r}{guess}{known}", literal.column)


def unknown_name(path: str, known: list[str]) -> str:
    """With the name that was meant: by its spelling, or by its last part (``country``)."""
    last = path.rsplit(".", 1)[-1]
    by_last = [name for name in known if name.rsplit(".", 1)[-1] == last]
    return f"{path!r} is unknown{similar(path, by_last or known)}"


def similar(name: str, known: list[str]) -> str:
    """``; did you mean x?``, or nothing."""
    close = get_close_matches(name, known, 1, 0.5) or (known if len(known) == 1 else [])
    return f"; did you mean {close[0]}?" if close else ""
