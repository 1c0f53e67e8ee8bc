"""The closures that conditions are made of: each reads a value at a moment, or raises Unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import copysign, inf, nan
from typing import Any

from streams.decide.conditions.syntax import INT_MAX, INT_MIN
from streams.decide.conditions.types import Moment

Read = Callable[[Moment], Any]


class Unknown(Exception):
    """A value is not known, or cannot be computed; the text says which."""


def constant(value: Any) -> Read:
    """Always the same."""
    return lambda moment: value


def named(path: str, read: Read, always: bool) -> Read:
    """A name of the vocabulary."""
    if always:
        return read

    def maybe(moment: Moment) -> Any:
        value = read(moment)
        if value is None:
            raise Unknown(f"{path} is not known")
        return value

    return maybe


def variable(place: int) -> Read:
    """The variable of a macro."""
    return lambda moment: moment.variables[place]


def field(words: str, name: str, holder: Read, always: bool) -> Read:
    """A field of an object."""
    if always:
        return lambda moment: holder(moment)[name]

    def maybe(moment: Moment) -> Any:
        value = holder(moment).get(name)
        if value is None:
            raise Unknown(f"{words} is not known")
        return value

    return maybe


def known(read: Read) -> Read:
    """``has``: whether a value is known."""

    def asked(moment: Moment) -> bool:
        try:
            read(moment)
        except Unknown:
            return False
        return True

    return asked


def listed(members: list[Read]) -> Read:
    """A list of expressions."""
    return lambda moment: [member(moment) for member in members]


def indexed(words: str, holder: Read, at: Read) -> Read:
    """``list[0]``."""

    def read(moment: Moment) -> Any:
        values, place = holder(moment), at(moment)
        if not 0 <= place < len(values):
            raise Unknown(f"{words} does not exist")
        return values[place]

    return read


def negation(read: Read) -> Read:
    """``!``."""
    return lambda moment: not read(moment)


def choice(condition: Read, yes: Read, no: Read) -> Read:
    """``a ? b : c``."""
    return lambda moment: yes(moment) if condition(moment) else no(moment)


def both(members: list[Read]) -> Read:
    """``&&`` of all: one no decides, even if another is unknown."""
    return _decided_by(members, False)


def either(members: list[Read]) -> Read:
    """``||`` of all: one yes decides, even if another is unknown."""
    return _decided_by(members, True)


def _decided_by(members: list[Read], verdict: bool) -> Read:
    def read(moment: Moment) -> bool:
        unknown: Unknown | None = None
        for asked in members:
            try:
                if asked(moment) == verdict:
                    return verdict
            except Unknown as error:
                unknown = unknown or error
        if unknown is not None:
            raise unknown
        return not verdict

    return read


def member(one: Read, many: Read) -> Read:
    """``in``."""
    return lambda moment: one(moment) in many(moment)


def size(read: Read) -> Read:
    """Members of a list, characters of a text."""
    return lambda moment: len(read(moment))


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Read, Read], Read]:
    def make(left: Read, right: Read) -> Read:
        return lambda moment: function(left(moment), right(moment))

    return make


def _whole(function: Callable[[int, int], int]) -> Callable[[Read, Read], Read]:
    """Whole numbers of 64 bits."""

    def make(left: Read, right: Read) -> Read:
        def read(moment: Moment) -> int:
            value = function(left(moment), right(moment))
            if not INT_MIN <= value <= INT_MAX:
                raise Unknown("a number has more than 64 bits")
            return value

        return read

    return make


def _divided(one: int, two: int) -> int:
    if two == 0:
        raise Unknown("a number is divided by zero")
    quotient = abs(one) // abs(two)
    return quotient if (one < 0) == (two < 0) else -quotient


def _rest(one: int, two: int) -> int:
    return one - two * _divided(one, two)


def _decimal_division(one: float, two: float) -> float:
    """As IEEE 754 has it."""
    if two:
        return one / two
    return nan if one == 0 or one != one else copysign(inf, one) * copysign(1, two)


COMPARISONS: dict[str, Callable[[Read, Read], Read]] = {
    "==": _binary(operator.eq),
    "!=": _binary(operator.ne),
    "<": _binary(operator.lt),
    "<=": _binary(operator.le),
    ">": _binary(operator.gt),
    ">=": _binary(operator.ge),
}
ARITHMETIC: dict[tuple[str, str], Callable[[Read, Read], Read]] = {
    ("+", "int"): _whole(operator.add),
    ("-", "int"): _whole(operator.sub),
    ("*", "int"): _whole(operator.mul),
    ("/", "int"): _whole(_divided),
    ("%", "int"): _whole(_rest),
    ("+", "double"): _binary(operator.add),
    ("-", "double"): _binary(operator.sub),
    ("*", "double"): _binary(operator.mul),
    ("/", "double"): _binary(_decimal_division),
    ("+", "string"): _binary(operator.add),
    ("+", "list"): _binary(operator.add),
}
TEXTS: dict[str, Callable[[Read, Read], Read]] = {
    "startsWith": _binary(str.startswith),
    "endsWith": _binary(str.endswith),
    "contains": _binary(operator.contains),
}
