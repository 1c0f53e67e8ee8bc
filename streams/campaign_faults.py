"""What is wrong with a campaign or brand file, one sentence a fault: file, line, field, value, and the way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from schemas.campaigns import OPTIONS, BrandRules, Campaign
from schemas.generate import models_in
from schemas.meanings import meaning
from schemas.topics import DAY_MS
from streams.campaign_conditions import condition_faults
from streams.campaign_yaml import Place, YamlFile

VALUE_SHOWN_CHARACTERS = 60
WITHOUT_OPTIONS = "welcome"
"""An occasion that has none, to check the rest of a campaign whose options are wrong."""
_UNKNOWN = "extra_forbidden"
_BY_TYPE = {
    "string_type": "put it in quotes",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "list_type": "write a list: [one, two]",
    "dict_type": "write fields below it, indented",
    "model_type": "write fields below it, indented",
    "time_type": 'write a time of day with two digits each, such as "09:00"',
    "time_parsing": 'write a time of day with two digits each, such as "09:00"',
    "datetime_type": "write date, time and offset, such as 2026-03-01T00:00:00+01:00",
    "datetime_parsing": "write date, time and offset, such as 2026-03-01T00:00:00+01:00",
    "timezone_aware": "add the offset, such as 2026-03-01T00:00:00+01:00",
}
_BY_PATTERN = {"a-z0-9": "write lower case letters, digits and hyphens", "{1,12}": 'write an amount such as "5.00"'}


def check(file: YamlFile) -> tuple[Campaign | BrandRules | None, list[str]]:
    """The model of a file, or what is wrong with it. A file with ``brand`` is a brand's rules, else a campaign."""
    content = file.content
    if not isinstance(content, dict):
        return None, [f"{file.path.name} holds no fields; begin with 'id: …' (a campaign) or 'brand: …' (rules)."]
    if "brand" in content and "occasion" not in content:
        return _check(file, BrandRules)
    faults: list[str] = []
    options, occasion = content.get("options", {}), content.get("occasion")
    if isinstance(options, dict) and occasion in OPTIONS:
        faults = _faults(file, OPTIONS[occasion], options, ("options",))
        rest = {**content, "occasion": WITHOUT_OPTIONS, "options": {}} if faults else content
        faults += _faults(file, Campaign, rest, ())
    checked, found = (None, faults) if faults else _check(file, Campaign)
    found += condition_faults(file)
    return None if found else checked, found


def model_faults(file: YamlFile, model: type[BaseModel]) -> list[str]:
    """What is wrong with a file of any model."""
    return _faults(file, model, file.content, ())


def similar(name: str, known: Iterator[str] | list[str]) -> str:
    """``; did you mean 'x'?``, or nothing."""
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _check(file: YamlFile, model: type[Campaign] | type[BrandRules]) -> tuple[Campaign | BrandRules | None, list[str]]:
    faults = _faults(file, model, file.content, ())
    return (None, faults) if faults else (_read(model, file.content), [])


def _read(model: type[Any], content: object) -> Any:
    """Strictly, as JSON: a number is no text and no time. Raises ValidationError."""
    return model.model_validate_json(json.dumps(content, default=str), strict=True)


def _faults(file: YamlFile, model: type[BaseModel], content: object, base: Place) -> list[str]:
    try:
        _read(model, content)
    except ValidationError as error:
        errors: dict[Place, Any] = {}
        for one in error.errors(include_url=False):
            errors.setdefault(tuple(part for part in one["loc"] if not _is_technical(part)), one)
        meant = {(*place[:-1], _guess(model, place)) for place, one in errors.items() if one["type"] == _UNKNOWN}
        return [
            _sentence(file, model, place, one, base)
            for place, one in errors.items()
            if one["type"] != "missing" or place not in meant
        ]
    return []


def _guess(model: type[BaseModel], place: Place) -> str:
    """The field that an unknown one may have meant, or nothing."""
    known = list(_model_at(model, place[:-1]).model_fields)
    return next(iter(get_close_matches(str(place[-1]), known, 1)), "")


def _is_technical(part: str | int) -> bool:
    """Parts that pydantic adds: members of a union, keys of a table."""
    return isinstance(part, str) and (part == "[key]" or part.startswith("literal["))


def _sentence(file: YamlFile, model: type[BaseModel], place: Place, error: Any, base: Place) -> str:
    kind, full = error["type"], (*base, *place)
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in full)
    owner = _model_at(model, place[:-1])
    if kind == _UNKNOWN:
        return f"{file.where(full)}: field {name!r} is unknown{_way_out(file, owner, str(place[-1]), base)}"
    if kind == "missing":
        return f"{file.where(full)}: field {name!r} is missing. {meaning(owner, str(place[-1]))}"
    text = str(error["msg"]).removeprefix("Value error, ")
    if not place:
        return f"{file.where((text.split(' ')[0],))}: {text}."
    written = _written(file.content, full, error["input"])
    value = json.dumps(written, default=str, ensure_ascii=False)
    if len(value) > VALUE_SHOWN_CHARACTERS:
        value = value[:VALUE_SHOWN_CHARACTERS] + "…"
    if kind == "literal_error":
        allowed = _allowed(model, place)
        guess = similar(str(written), allowed) or "."
        return f"{file.where(full)}: field {name!r} = {value} is none of {', '.join(allowed)}{guess}"
    return f"{file.where(full)}: field {name!r} = {value}: {_advice(kind, text, error, written)}."


def _written(content: Any, place: Place, otherwise: object) -> object:
    """The value as the file has it (a duration is milliseconds when its limit is checked)."""
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return otherwise if isinstance(content, dict) else content


def _advice(kind: str, text: str, error: Any, written: object) -> str:
    if kind == "less_than_equal" and isinstance(written, str):
        return f"at most {error['ctx']['le'] // DAY_MS}d"
    if kind == "string_type" and isinstance(error["input"], int | float) and not isinstance(error["input"], bool):
        return f'put it in quotes: "{error["input"]}"'
    if kind == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return next((advice for part, advice in _BY_PATTERN.items() if part in pattern), text)
    return _BY_TYPE.get(kind, text)


def _way_out(file: YamlFile, owner: type[BaseModel], name: str, base: Place) -> str:
    """What to do about an unknown field: it is misspelled, it belongs elsewhere, or it has to go."""
    if guess := similar(name, list(owner.model_fields)):
        return guess
    if base:
        others = [occasion for occasion, options in OPTIONS.items() if name in options.model_fields]
        if others:
            return f"; it is an option of {', '.join(others)}, and this campaign's occasion is another."
    elif owner is Campaign:
        options = OPTIONS.get(str(file.content.get("occasion")))
        if options is not None and name in options.model_fields:
            return "; write it below 'options:'."
        if name in BrandRules.model_fields:
            return "; it belongs to the rules of a brand, which are a file of their own."
    known = ", ".join(owner.model_fields) or "none"
    return f"; remove it (fields here: {known})."


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    """The model that holds the fields below ``place``."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = next(models_in(model.model_fields[part].annotation), model)
    return model


def _allowed(model: type[BaseModel], place: Place) -> list[str]:
    """The closed list of the field at ``place`` (or of the list that it is in)."""
    names = [depth for depth, part in enumerate(place) if isinstance(part, str)]
    last = names[-1]
    field = _model_at(model, place[:last]).model_fields[str(place[last])]
    return list(_literals(field.annotation))


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _literals(part)
