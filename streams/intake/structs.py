"""msgspec structs with the fields and limits of the models in ``schemas``, derived from them: they decode much faster.

A struct takes nothing that its model refuses, but for what it leaves out on purpose, since one pattern costs as much as
five fields: the patterns of identifiers and of the brand (``Unchecked``), and of amounts that ``normalise`` converts.
What cannot be derived is an error at import, so no limit of a model gets lost unseen.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from msgspec import UNSET, Meta, UnsetType
from pydantic import AfterValidator, AwareDatetime, BaseModel, Strict
from pydantic.fields import FieldInfo

from schemas.base import TIME_ZONES, Amount, Brand
from schemas.iso import COUNTRIES, CURRENCY_DIGITS
from streams.intake.normalise import CONVERTED

Extras = Mapping[type[BaseModel], tuple[str, ...]]
"""Model -> names of fields outside the contract that its struct takes too."""
Limits = list[Any]
"""What pydantic keeps beside a type: lengths, bounds, patterns, validators."""

_Scalar = None | bool | int | float | str
_Inner = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Outer = _Scalar | list[_Inner] | dict[str, _Inner]
_Extra = _Scalar | list[_Outer] | dict[str, _Outer] | UnsetType
"""A field outside the contract. What is nested deeper is left to the model, whose parser has its own limit of depth."""

_WORD = re.compile(r"\^\[\^\\s\|(.?)\]\+\$")
"""The patterns of identifiers: no white space, no ``|``, and perhaps one more character that they must not hold."""
_CLOSED_LISTS = sorted({*COUNTRIES, *CURRENCY_DIGITS, *TIME_ZONES})
_VALIDATORS = ("validators", "field_validators", "root_validators", "model_validators")


class NotDerivable(TypeError):
    """A model says something that its struct would not."""


class Unchecked(NamedTuple):
    """Identifiers of which a struct checks the length only."""

    words: Callable[[Any], tuple[str | None, ...]]
    """Their values in an instance."""
    barred: tuple[tuple[str, str], ...]
    """(field, character) that its value must not hold, besides white space and ``|``."""
    lists: tuple[tuple[str, Unchecked], ...]
    """(field, the same for the structs in its list)."""


def struct_of(model: type[BaseModel], extras: Extras, tag: str | None = None) -> type[msgspec.Struct]:
    """The struct of a model. Raises NotDerivable.

    ``tag``: the ``type`` by which it is told from the other structs of its source; an attribute of the class then.
    """
    if any(getattr(model.__pydantic_decorators__, kind) for kind in _VALIDATORS):
        raise NotDerivable(f"{model.__name__} has validators of its own")
    fields: list[Any] = []
    barred: dict[str, str] = {}
    lists: dict[str, Unchecked] = {}
    for name, field in model.model_fields.items():
        if name == "type" and tag is not None:
            continue
        base, limits, optional = _flat(field.annotation, field.metadata)
        if word := _WORD.fullmatch(_pattern(limits)):
            barred[name] = word[1]
        if word or _pattern(limits) == (_BRAND if name == "brand" else _AMOUNT if model in CONVERTED else None):
            limits = [limit for limit in limits if not _pattern([limit])]
        kind = _limited(_plain(base, extras), limits)
        if element := _struct_in(kind):
            lists[name] = element.unchecked
            if element.unchecked.barred or element.unchecked.lists:
                raise NotDerivable(f"{model.__name__}.{name}: identifiers in it would stay unchecked")
        fields.append((name, kind | None if optional else kind, *_default(field)))
    extra = {f"extra_{number}": name for number, name in enumerate(extras.get(model, ()))}
    fields += [(attribute, _Extra, UNSET) for attribute in extra]
    namespace: dict[str, Any] = {name: value for name, value in vars(model).items() if isinstance(value, property)}
    namespace["unchecked"] = Unchecked(
        _values(list(barred)), tuple((name, char) for name, char in barred.items() if char), tuple(lists.items())
    )
    namespace["model_extra"] = property(_present(extra)) if extra else None
    if tag is not None:
        namespace["type"] = tag
    return msgspec.defstruct(
        model.__name__,
        fields,
        namespace=namespace,
        tag_field=None if tag is None else "type",
        tag=tag,
        rename=extra,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _flat(annotation: Any, metadata: Limits) -> tuple[Any, Limits, bool]:
    """An annotation taken apart: (type, all its limits, whether it may be null)."""
    limits, optional = list(metadata), False
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation, *inner = arguments
            limits += inner
        elif get_origin(annotation) in (Union, types.UnionType) and arguments[1:] == (types.NoneType,):
            annotation, optional = arguments[0], True
        else:
            break
    parts = [limit.metadata if isinstance(limit, FieldInfo) else [limit] for limit in limits]
    return annotation, list(chain.from_iterable(parts)), optional


def _pattern(limits: Limits) -> str:
    """The pattern among the limits; none: empty."""
    return next((text for limit in limits if (text := getattr(limit, "pattern", None))), "")


_AMOUNT = _pattern(_flat(Amount, [])[1])
_BRAND = _pattern(_flat(Brand, [])[1])


def _plain(base: Any, extras: Extras) -> Any:
    """The msgspec type of a type without its limits."""
    if base in (str, int, bool, date) or get_origin(base) is Literal:
        return base
    if base is AwareDatetime:
        return Annotated[datetime, Meta(tz=True)]
    if get_origin(base) is list:
        element, limits, optional = _flat(get_args(base)[0], [])
        kind = _limited(_plain(element, extras), limits)
        return types.GenericAlias(list, (kind | None if optional else kind,))
    if isinstance(base, type) and issubclass(base, BaseModel):
        return struct_of(base, extras)
    raise NotDerivable(f"no struct has a field of type {base!r}")


def _limited(kind: Any, limits: Limits) -> Any:
    """The type with its limits."""
    meta: dict[str, Any] = {}
    for limit in limits:
        match limit:
            case MinLen(min_length):
                meta["min_length"] = min_length
            case MaxLen(max_length):
                meta["max_length"] = max_length
            case Ge(ge):
                meta["ge"] = ge
            case Le(le):
                meta["le"] = le
            case AfterValidator():
                kind = _closed_list(cast(Callable[[str], str], limit.func))
            case Strict(strict=True):
                pass
            case _ if pattern := _pattern([limit]):
                meta["pattern"] = _python_pattern(pattern)
            case _:
                raise NotDerivable(f"no struct has the limit {limit!r}")
    return Annotated[kind, Meta(**meta)] if meta else kind


def _closed_list(check: Callable[[str], str]) -> Any:
    """The values of our closed lists that a validator lets through."""
    allowed = [value for value in _CLOSED_LISTS if _passes(check, value)]
    if not allowed:
        raise NotDerivable(f"no value of a closed list passes {check}")
    return Literal[tuple(allowed)]


def _passes(check: Callable[[str], str], value: str) -> bool:
    try:
        return check(value) == value
    except ValueError:
        return False


def _python_pattern(pattern: str) -> str:
    """A pattern that takes no more in Python than the given one in Rust, where ``$`` is the very end of the text."""
    if not pattern.endswith("$") or re.search(r"\\[dDwWSbB]|(?<!\[\^)\\s", pattern):
        raise NotDerivable(f"the pattern {pattern} may mean something else in Python")
    return pattern[:-1] + r"\Z"


def _default(field: FieldInfo) -> tuple[Any, ...]:
    if field.is_required():
        return ()
    if field.default_factory is not None:
        return (msgspec.field(default_factory=field.default_factory),)  # type: ignore[arg-type]
    return (field.default,)


def _struct_in(kind: Any) -> Any:
    """The struct of which a type is a list; None: it is something else."""
    while get_args(kind):
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _values(names: list[str]) -> Callable[[Any], tuple[str | None, ...]]:
    """A function that gives these fields' values."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)


def _present(extra: Mapping[str, str]) -> Callable[[Any], list[str]]:
    """A function that gives the names of the fields outside the contract that an instance has."""
    return lambda instance: [name for attribute, name in extra.items() if getattr(instance, attribute) is not UNSET]
