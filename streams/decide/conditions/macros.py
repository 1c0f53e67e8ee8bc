"""``exists``, ``all``, ``exists_one``, ``filter``, ``map``: what is asked of each member of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.decide.conditions.operators import Read, Unknown
from streams.decide.conditions.types import Moment


def _each(place: int, moment: Moment, values: list[Any], read: Read) -> list[Any]:
    """What an expression says of each member; an Unknown stands for itself."""
    said: list[Any] = []
    variables = moment.variables
    variables.append(None)
    try:
        for value in values:
            variables[place] = value
            try:
                said.append(read(moment))
            except Unknown as error:
                said.append(error)
    finally:
        variables.pop()
    return said


def _quantifier(verdict: bool) -> Callable[[int, Read, Read], Read]:
    def make(place: int, holder: Read, asked: Read) -> Read:
        def read(moment: Moment) -> bool:
            said = _each(place, moment, holder(moment), asked)
            if verdict in said:
                return verdict
            return not _certain(said, verdict)

        return read

    return make


def _certain(said: list[Any], value: bool) -> bool:
    for one in said:
        if isinstance(one, Unknown):
            raise one
    return value


def _exists_one(place: int, holder: Read, asked: Read) -> Read:
    def read(moment: Moment) -> bool:
        said = _each(place, moment, holder(moment), asked)
        _certain(said, True)
        return said.count(True) == 1

    return read


def _filter(place: int, holder: Read, asked: Read) -> Read:
    def read(moment: Moment) -> list[Any]:
        values = holder(moment)
        said = _each(place, moment, values, asked)
        _certain(said, True)
        return [value for value, yes in zip(values, said, strict=True) if yes]

    return read


def mapped(place: int, holder: Read, made: Read) -> Read:
    """``map``."""

    def read(moment: Moment) -> list[Any]:
        said = _each(place, moment, holder(moment), made)
        _certain(said, True)
        return said

    return read


MACROS: dict[str, Callable[[int, Read, Read], Read]] = {
    "exists": _quantifier(True),
    "all": _quantifier(False),
    "exists_one": _exists_one,
    "filter": _filter,
}
