"""Whether a condition can ever be true, as far as that follows from comparisons with literals.

The condition is brought into cases (``a && b || c`` has two); a case is impossible when what it says of one name
contradicts itself or what the name can be. Anything else counts as possible: "never" is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import product
from math import inf
from typing import Any

from streams.decide.conditions.syntax import Node, parse
from streams.decide.conditions.types import Name
from streams.decide.conditions.vocabulary import VOCABULARY

CASES_MAX = 500
"""With more, a condition counts as possible."""
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

Claim = tuple[str, str, Any]
"""(name, operator, literal); operators are those of comparisons, ``in`` and ``not in`` lists, and ``has`` or not."""
Case = tuple[Claim, ...]


def can_hold(texts: Iterable[str], given: Mapping[str, frozenset[Any]] | None = None) -> bool:
    """Whether several valid conditions can hold together. ``given``: the only values that a name has here."""
    cases: list[Case] = [()]
    for text in texts:
        more = _cases(_parsed(text), True)
        if more is None or len(more) * len(cases) > CASES_MAX:
            return True
        cases = [(*one, *other) for one, other in product(cases, more)]
    return any(_possible(case, given or {}) for case in cases)


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> Node:
    return parse(text)


def _cases(node: Node, wanted: bool) -> list[Case] | None:
    """The cases in which a node is as wanted; None: too many."""
    if node.kind == "not":
        return _cases(node.args[0], not wanted)
    if node.kind == "literal":
        return [()] if node.value is wanted else []
    if node.kind == "operator" and node.value in ("&&", "||"):
        parts = [_cases(arg, wanted) for arg in node.args]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if (node.value == "||") == wanted:
            return [case for part in known for case in part]
        cases: list[Case] = [()]
        for part in known:
            if len(cases) * len(part) > CASES_MAX:
                return None
            cases = [(*one, *other) for one, other in product(cases, part)]
        return cases
    return [_claims(node, wanted)]


def _claims(node: Node, wanted: bool) -> Case:
    if node.path is not None:
        return ((node.path, "==", wanted),)
    if node.kind == "call" and node.value == "has" and node.args[0].path is not None:
        return ((node.args[0].path, "has" if wanted else "has not", None),)
    if node.kind != "operator":
        return ()
    left, right = node.args[:2]
    symbol = str(node.value)
    if symbol == "in" and left.path is not None and right.kind == "list":
        if all(member.kind == "literal" for member in right.args):
            values = frozenset(member.value for member in right.args)
            return ((left.path, "in" if wanted else "not in", values),)
        return ()
    if left.kind == "literal" and right.path is not None and symbol in _MIRRORED:
        left, right, symbol = right, left, _MIRRORED[symbol]
    if symbol in _OPPOSITE and left.path is not None and right.kind == "literal":
        return ((left.path, symbol if wanted else _OPPOSITE[symbol], right.value),)
    return ()


def _possible(case: Case, given: Mapping[str, frozenset[Any]]) -> bool:
    names = {name for name, _, _ in case}
    return all(
        _value_left([(symbol, value) for claimed, symbol, value in case if claimed == name], name, given)
        for name in names
    )


def _value_left(claims: list[tuple[str, Any]], name: str, given: Mapping[str, frozenset[Any]]) -> bool:
    """Whether a name can have a value for which all claims are true."""
    symbols = {symbol for symbol, _ in claims}
    if "has not" in symbols:
        return symbols == {"has not"} and not (name in VOCABULARY and VOCABULARY[name].always)
    known = VOCABULARY.get(name)
    allowed = given.get(name) or (known.type.values if known is not None else None)
    if known is not None and known.type.name == "bool":
        allowed = frozenset({True, False})
    for symbol, value in claims:
        if symbol in ("==", "in"):
            values = frozenset({value}) if symbol == "==" else value
            allowed = values if allowed is None else allowed & values
    if allowed is not None:
        return any(_fits(value, claims, known) for value in allowed)
    return _range_left(claims, known)


def _fits(value: Any, claims: list[tuple[str, Any]], known: Name | None) -> bool:
    tests: dict[str, Callable[[Any], bool]] = {
        "==": lambda other: value == other,
        "!=": lambda other: value != other,
        "<": lambda other: value < other,
        "<=": lambda other: value <= other,
        ">": lambda other: value > other,
        ">=": lambda other: value >= other,
        "in": lambda other: value in other,
        "not in": lambda other: value not in other,
        "has": lambda other: True,
    }
    if known is not None and known.type.name == "int":
        least, most = _bounds(known)
        if not least <= value <= most:
            return False
    return all(tests[symbol](other) for symbol, other in claims)


def _range_left(claims: list[tuple[str, Any]], known: Name | None) -> bool:
    """Of a number that no claim pins down: whether its range is empty. Of text: always possible."""
    if known is None or known.type.name != "int":
        return True
    least, most = _bounds(known)
    for symbol, value in claims:
        if symbol in (">", ">="):
            least = max(least, value + (symbol == ">"))
        elif symbol in ("<", "<="):
            most = min(most, value - (symbol == "<"))
    return least <= most


def _bounds(known: Name) -> tuple[float, float]:
    return (-inf if known.least is None else known.least), (inf if known.most is None else known.most)
