"""From the text of a condition to nodes, by the parser of cel-python; what CEL has and conditions lack is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from lark import Token, Tree

DEPTH_MAX = 40
"""Most levels of brackets and operators."""
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

Kind = Literal["literal", "list", "name", "select", "index", "call", "method", "operator", "not", "negative", "choice"]
_OPERATORS = {
    "relation_lt": "<",
    "relation_le": "<=",
    "relation_gt": ">",
    "relation_ge": ">=",
    "relation_eq": "==",
    "relation_ne": "!=",
    "relation_in": "in",
    "addition_add": "+",
    "addition_sub": "-",
    "multiplication_mul": "*",
    "multiplication_div": "/",
    "multiplication_mod": "%",
}
_HINTS = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write ! for not",
    "=": "compare with ==",
    "&": "write && for and",
    "|": "write || for or",
    "'": "a quote is not closed",
    '"': "a quote is not closed",
}
_NOT_OFFERED = {
    "map_lit": "a map {…} is not offered",
    "member_object": "a map {…} is not offered",
    "dot_ident": "a name does not begin with a dot",
    "dot_ident_arg": "a name does not begin with a dot",
    "UINT_LIT": "write a whole number without u",
    "BYTES_LIT": "write text without b",
    "NULL_LIT": "there is no null; ask has(…) whether something is known",
}

_MEANINGFUL = {"list_lit", *_NOT_OFFERED}
"""Levels of the grammar that mean something even with a single member."""


class ConditionError(ValueError):
    """A condition is not valid. The text is a clause without a full stop; ``column``: from 1; 0: not known."""

    def __init__(self, text: str, column: int) -> None:
        super().__init__(f"column {column}: {text}" if column else text)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression. ``value``: of a literal the value, else the name, field or operator."""

    kind: Kind
    value: Any
    args: tuple[Node, ...]
    column: int
    end: int
    """Where it stands: its text is ``text[column - 1 : end]``."""

    @property
    def path(self) -> str | None:
        """``customer.country`` of a chain of names; None for anything else."""
        if self.kind == "name":
            return str(self.value)
        inner = self.args[0].path if self.kind == "select" else None
        return None if inner is None else f"{inner}.{self.value}"


def parse(text: str) -> Node:
    """The nodes of an expression. Raises ConditionError with the column and, where it can be told, the way out."""
    from celpy.celparser import CELParseError, CELParser  # 0.15 s that only folders with conditions pay

    try:
        tree = CELParser().parse(text)
    except CELParseError as error:
        raise _unreadable(text, error.line or 1, error.column or 1) from error
    return _node(tree, 0)


def _unreadable(text: str, line: int, column: int) -> ConditionError:
    lines = text.split("\n")
    rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]]).strip()
    place = sum(len(one) + 1 for one in lines[: line - 1]) + column
    if len(rest) <= 1 and rest not in _HINTS:
        return ConditionError("something is missing at the end of it", place)
    word = rest.split()[0] if rest.split()[0] in _HINTS else rest[0]
    hint = _HINTS.get(word)
    return ConditionError(f"{rest[:20]!r} cannot be read here" + (f"; {hint}" if hint else ""), place)


def _node(tree: Tree[Token], depth: int) -> Node:
    """The node of a tree; levels of the grammar that say nothing are passed over."""
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree) and tree.data not in _MEANINGFUL:
        tree = tree.children[0]
    column, end = _place(tree)
    if depth > DEPTH_MAX:
        raise ConditionError(
            f"more than {DEPTH_MAX} levels of brackets and operators; make two campaigns of it", column
        )
    name, parts = str(tree.data), [part for part in tree.children if isinstance(part, Tree)]
    if name in _NOT_OFFERED:
        raise ConditionError(_NOT_OFFERED[name], column)
    if name == "literal":
        return Node("literal", _literal(cast(Token, tree.children[0]), column), (), column, end)
    if name == "ident":
        return Node("name", str(tree.children[0]), (), column, end)
    below = depth + 1
    if name == "expr":
        return Node("choice", None, tuple(_node(part, below) for part in parts), column, end)
    if name in ("conditionalor", "conditionaland"):
        symbol = "||" if name == "conditionalor" else "&&"
        return Node("operator", symbol, _same(tree, name, below), column, end)
    if name in ("relation", "addition", "multiplication"):
        symbol = _OPERATORS[str(parts[0].data)]
        left = cast("Tree[Token]", parts[0].children[0])
        return Node("operator", symbol, (_node(left, below), _node(parts[1], below)), column, end)
    if name == "unary":
        kind: Kind = "not" if parts[0].data == "unary_not" else "negative"
        return Node(kind, None, (_node(parts[1], below),), column, end)
    if name == "list_lit":
        return Node("list", None, _arguments(parts, below), column, end)
    if name == "ident_arg":
        return Node("call", str(tree.children[0]), _arguments(parts, below), column, end)
    holder = _node(parts[0], below)
    if name == "member_index":
        return Node("index", None, (holder, _node(parts[1], below)), column, end)
    field = str(tree.children[1])
    if name == "member_dot":
        return Node("select", field, (holder,), column, end)
    return Node("method", field, (holder, *_arguments(parts[1:], below)), column, end)


def _place(tree: Tree[Token]) -> tuple[int, int]:
    """Where a tree begins (from 1) and ends; (0, 0): it begins or ends with true or false, of which nothing is told."""
    start, end = getattr(tree.meta, "start_pos", None), getattr(tree.meta, "end_pos", None)
    return (0, 0) if start is None or end is None else (start + 1, end)


def _same(tree: Tree[Token], name: str, depth: int) -> tuple[Node, ...]:
    """The members of ``a || b || c``, however many: the grammar nests them to the left."""
    members: list[Node] = []
    while tree.data == name and len(tree.children) == 2:
        left, right = cast("list[Tree[Token]]", tree.children)
        members.append(_node(right, depth))
        while len(left.children) == 1 and left.children[0].data == name:  # type: ignore[union-attr]
            left = cast("Tree[Token]", left.children[0])
        tree = left
    return (_node(tree, depth), *reversed(members))


def _arguments(parts: list[Tree[Token]], depth: int) -> tuple[Node, ...]:
    return tuple(_node(cast("Tree[Token]", part), depth) for part in parts[0].children) if parts else ()


def _literal(token: Token, column: int) -> bool | int | float | str:
    if token.type in _NOT_OFFERED:
        raise ConditionError(_NOT_OFFERED[token.type], column)
    if token.type == "BOOL_LIT":
        return str(token) == "true"
    if token.type == "FLOAT_LIT":
        return float(token)
    if token.type == "INT_LIT":
        number = int(token, 16) if "0x" in token else int(token)
        if not INT_MIN <= number <= INT_MAX:
            raise ConditionError(f"{token} has more than 64 bits", column)
        return number
    from celpy.evaluation import celstr

    return "".join(celstr(token))
