"""From nodes to closures, with every name and type checked on the way; nothing is left to go wrong but the data.

Meaning is CEL's: whole numbers have 64 bits, ``/`` and ``%`` cut towards zero, and what is not known is an error that
``&&`` and ``||`` pass over when the other side decides (their order does not matter).
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.decide.conditions import macros, operators
from streams.decide.conditions.meant import alike, expect_possible, similar, unknown_name
from streams.decide.conditions.operators import Read, Unknown
from streams.decide.conditions.syntax import ConditionError, Node, parse
from streams.decide.conditions.types import ANY, BOOL, DOUBLE, INT, TEXT, Condition, Moment, Name, Type
from streams.decide.conditions.vocabulary import VOCABULARY

MACROS = ("exists", "all", "exists_one", "filter", "map")
TEXT_METHODS = ("startsWith", "endsWith", "contains")

Typed = tuple[Type, Read]


def compile_condition(text: str, vocabulary: Mapping[str, Name] = VOCABULARY) -> Condition:
    """Raises ConditionError with the column, what is wrong, and what was meant."""
    compiler = _Compiler(text, vocabulary)
    kind, read = compiler.compile(parse(text))
    if kind != BOOL:
        raise ConditionError(f"the condition is {kind}, not true or false; compare it with something", 0)
    return Condition(text, read, compiler.names)


def condition_or_refusal(text: str | None) -> Condition | None:
    """A condition for the core. One that this release cannot read holds for nobody: it never fails open."""
    if text is None:
        return None
    try:
        return compile_condition(text)
    except ConditionError as error:
        fault = str(error)

        def refuse(_: Moment) -> bool:
            raise Unknown(fault)

        return Condition(text, refuse, fault=fault)


class _Compiler:
    """Compiles one condition."""

    def __init__(self, text: str, vocabulary: Mapping[str, Name]) -> None:
        self.text, self.vocabulary = text, vocabulary
        self.names: dict[str, Name] = {}
        self.variables: list[tuple[str, Type]] = []

    def compile(self, node: Node) -> Typed:
        """The type of a node, and the closure that reads its value."""
        compiled: Typed = getattr(self, f"_{node.kind}")(node)
        return compiled

    def _literal(self, node: Node) -> Typed:
        kind = {bool: BOOL, int: INT, float: DOUBLE, str: TEXT}[type(node.value)]
        return kind, operators.constant(node.value)

    def _list(self, node: Node) -> Typed:
        members = [self.compile(arg) for arg in node.args]
        kind = members[0][0] if members else ANY
        for arg, (other, _) in zip(node.args, members, strict=True):
            self._expect_alike(node.args[0], kind, arg, other)
        plain = TEXT if kind.name == "string" else kind
        if all(arg.kind == "literal" for arg in node.args):
            return Type("list", plain), operators.constant([arg.value for arg in node.args])
        return Type("list", plain), operators.listed([read for _, read in members])

    def _name(self, node: Node) -> Typed:
        return self._path(node, str(node.value))

    def _path(self, node: Node, path: str) -> Typed:
        for place, (name, kind) in enumerate(self.variables):
            if name == path:
                return kind, operators.variable(place)
        known = self.vocabulary.get(path)
        if known is None:
            raise ConditionError(unknown_name(path, [*self.vocabulary, *dict(self.variables)]), node.column)
        self.names[path] = known
        return known.type, operators.named(path, known.read, known.always)

    def _select(self, node: Node) -> Typed:
        path = node.path
        root = path.split(".")[0] if path is not None else None
        if path is not None and root not in dict(self.variables) and node.args[0].path not in self.vocabulary:
            return self._path(node, path)
        holder, read = self.compile(node.args[0])
        known = self._field_of(node, holder)
        return known.type, operators.field(self._words(node), str(node.value), read, known.always)

    def _field_of(self, node: Node, holder: Type) -> Name:
        name = str(node.value)
        if holder.fields is None:
            hint = "; use exists, all, filter or an index to reach its members" if holder.item is not None else ""
            raise ConditionError(
                f"{self._words(node.args[0])} is {holder} and has no field {name!r}{hint}", node.column
            )
        if name not in holder.fields:
            raise ConditionError(f"{holder} has no field {name!r}{similar(name, list(holder.fields))}", node.column)
        return holder.fields[name]

    def _index(self, node: Node) -> Typed:
        (holder, read), (place, at) = self.compile(node.args[0]), self.compile(node.args[1])
        if holder.item is None or place != INT:
            raise ConditionError(f"{self._words(node)} takes a list and a whole number", node.column)
        return holder.item, operators.indexed(self._words(node), read, at)

    def _not(self, node: Node) -> Typed:
        return BOOL, operators.negation(self._expect(node.args[0], BOOL))

    def _negative(self, node: Node) -> Typed:
        kind, read = self.compile(node.args[0])
        if kind not in (INT, DOUBLE):
            raise ConditionError(f"{self._words(node.args[0])} is {kind}; only a number can be negative", node.column)
        return kind, operators.ARITHMETIC["-", kind.name](operators.constant(0 if kind == INT else -0.0), read)

    def _choice(self, node: Node) -> Typed:
        condition = self._expect(node.args[0], BOOL)
        (one, yes), (two, no) = self.compile(node.args[1]), self.compile(node.args[2])
        self._expect_alike(node.args[1], one, node.args[2], two)
        return (TEXT if one.name == "string" else one), operators.choice(condition, yes, no)

    def _operator(self, node: Node) -> Typed:
        symbol = str(node.value)
        if symbol in ("&&", "||"):
            members = [self._expect(arg, BOOL) for arg in node.args]
            return BOOL, operators.both(members) if symbol == "&&" else operators.either(members)
        (one, left), (two, right) = (self.compile(arg) for arg in node.args)
        if symbol == "in":
            return BOOL, self._membership(node, one, two, left, right)
        self._expect_alike(node.args[0], one, node.args[1], two)
        if symbol in ("==", "!="):
            expect_possible(node.args[1], one, self._words(node.args[0]))
            expect_possible(node.args[0], two, self._words(node.args[1]))
            return BOOL, operators.COMPARISONS[symbol](left, right)
        if symbol in operators.COMPARISONS:
            if one.name not in ("int", "double", "string"):
                raise ConditionError(
                    f"{symbol} compares numbers or text; {self._words(node)} compares {one}", node.column
                )
            return BOOL, operators.COMPARISONS[symbol](left, right)
        make = operators.ARITHMETIC.get((symbol, one.name))
        if make is None:
            raise ConditionError(f"{symbol} cannot be used on {one} ({self._words(node)})", node.column)
        return (TEXT if one.name == "string" else one), make(left, right)

    def _membership(self, node: Node, one: Type, two: Type, left: Read, right: Read) -> Read:
        if two.item is None:
            hint = f"; write {self._words(node.args[1])}.contains(…)" if two.name == "string" else ""
            raise ConditionError(f"in needs a list, and {self._words(node.args[1])} is {two}{hint}", node.column)
        if not alike(one, two.item):
            raise ConditionError(
                f"{self._words(node.args[0])} is {one}, and {self._words(node.args[1])} is {two}", node.column
            )
        expect_possible(node.args[0], two.item, f"a member of {self._words(node.args[1])}")
        for member in node.args[1].args if node.args[1].kind == "list" else ():
            expect_possible(member, one, self._words(node.args[0]))
        return operators.member(left, right)

    def _call(self, node: Node) -> Typed:
        if node.value == "has" and len(node.args) == 1 and node.args[0].kind == "select":
            return BOOL, operators.known(self.compile(node.args[0])[1])
        if node.value == "size" and len(node.args) == 1:
            return self._size(node, node.args[0])
        if node.value in ("has", "size"):
            what = "one name of which something may be unknown, as has(customer.country)"
            raise ConditionError(
                f"{node.value} takes {what if node.value == 'has' else 'a list or a text'}", node.column
            )
        raise ConditionError(
            f"function {node.value!r} is unknown{similar(str(node.value), ['has', 'size'])} (functions: has, size)",
            node.column,
        )

    def _size(self, node: Node, arg: Node) -> Typed:
        kind, read = self.compile(arg)
        if kind.item is None and kind.name != "string":
            raise ConditionError(f"size counts a list or a text, and {self._words(arg)} is {kind}", node.column)
        return INT, operators.size(read)

    def _method(self, node: Node) -> Typed:
        name, holder, args = str(node.value), node.args[0], node.args[1:]
        if name == "size" and not args:
            return self._size(node, holder)
        if name in TEXT_METHODS:
            if len(args) != 1:
                raise ConditionError(f"{name} takes one text", node.column)
            return BOOL, operators.TEXTS[name](self._expect(holder, TEXT), self._expect(args[0], TEXT))
        if name in MACROS:
            return self._macro(node, name, holder, args)
        known = ("size", *TEXT_METHODS, *MACROS)
        guess = similar(name, list(known))
        raise ConditionError(f"function {name!r} is unknown{guess} (functions: {', '.join(known)})", node.column)

    def _macro(self, node: Node, name: str, holder: Node, args: tuple[Node, ...]) -> Typed:
        kind, read = self.compile(holder)
        if kind.item is None:
            raise ConditionError(f"{name} goes through a list, and {self._words(holder)} is {kind}", node.column)
        if len(args) != 2 or args[0].kind != "name":
            raise ConditionError(f"{name} takes a name and what to ask of each: {name}(i, …)", node.column)
        variable = str(args[0].value)
        if variable in dict(self.variables) or any(path.split(".")[0] == variable for path in self.vocabulary):
            raise ConditionError(f"{variable!r} has a meaning already; take another name in {name}", args[0].column)
        place = len(self.variables)
        self.variables.append((variable, kind.item))
        try:
            if name == "map":
                inner, made = self.compile(args[1])
                return Type("list", inner), macros.mapped(place, read, made)
            asked = self._expect(args[1], BOOL)
        finally:
            self.variables.pop()
        return (kind if name == "filter" else BOOL), macros.MACROS[name](place, read, asked)

    def _expect(self, node: Node, wanted: Type) -> Read:
        kind, read = self.compile(node)
        if kind.name != wanted.name:
            hint = "; compare it with something" if wanted == BOOL else ""
            raise ConditionError(f"{self._words(node)} is {kind}, where {wanted} has to stand{hint}", node.column)
        return read

    def _expect_alike(self, one: Node, left: Type, two: Node, right: Type) -> None:
        if alike(left, right):
            return
        hint = ""
        if {left.name, right.name} == {"int", "double"}:
            hint = "; write both with decimals or both without"
        elif left.name == "int" and two.kind == "literal" and right.name == "string":
            hint = "; write the number without quotes"
        raise ConditionError(f"{self._words(one)} is {left}, and {self._words(two)} is {right}{hint}", two.column)

    def _words(self, node: Node) -> str:
        if isinstance(node.value, bool):
            return str(node.value).lower()
        return self.text[node.column - 1 : node.end] if node.column else "this"
