"""The fast way into the pipeline and the contract alone: the same envelopes, rejections and reports for every record.

``CUEPOINT_PROPERTY_EXAMPLES=50000`` looks at so many new spoilt records instead of some hundred fixed ones.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, model_validator

from schemas import base
from schemas.base import MinorUnits, Wire
from schemas.generate import examples
from schemas.iso import CURRENCY_DIGITS
from schemas.orders import OrderChanged
from schemas.topics import RECORD_BYTES_MAX_INPUT
from schemas.web import CheckoutStarted
from streams.intake import fast, normalise, structs
from streams.intake.admit import Admission
from streams.intake.fast import EXTRAS_MAX, SOURCES, FastReader
from streams.intake.structs import NotDerivable, struct_of
from streams.intake.validate import Rejection
from streams.wire import encode_envelope
from tests.intake.kit import encoded, good_records
from tests.intake.odd_values import ALL, DEEP
from tests.oracle.builders import t

ARRIVED = t("2098-01-01T00:00")
"""Late, so that hardly a time is in the future."""
UNTIL = t("2020-01-01T00:00")
WANTED = int(os.environ.get("CUEPOINT_PROPERTY_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=WANTED or 250,
    derandomize=not WANTED,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Record = dict[str, Any]
Path = tuple[str | int, ...]
Result = list[tuple[str, bytes]] | Rejection | None

RECORDS: dict[str, list[Record]] = {
    source: [json.loads(value) for value in examples(source).values()] + [good_records()[source]] for source in SOURCES
}
"""Of each source a record of every type, and one with little in it."""


class Both:
    """Records read fast where that is possible, and by the contract alone."""

    def __init__(self) -> None:
        self.reader = FastReader()
        self.with_fast = Admission(fast=self.reader)
        self.contract = Admission(fast=None)

    def differ(self, source: str, value: bytes) -> bool:
        """Whether anything that becomes of a record differs."""
        return (
            result(self.with_fast, source, value) != result(self.contract, source, value)
            or self.with_fast.unknown_fields != self.contract.unknown_fields
        )


def result(admission: Admission, source: str, value: bytes) -> Result:
    """What becomes of a record, as bytes."""
    admitted = admission.admit(source, value, ARRIVED, UNTIL)
    if not isinstance(admitted, list):
        return admitted
    return [(topic, encode_envelope(envelope)) for topic, envelope in admitted]


def fields(source: str, record: Record) -> dict[str, Any]:
    """The fields of a record by its contract, with their types."""
    event, *_ = FastReader().read(source, encoded(record)) or pytest.fail(f"not read fast: {record}")
    return {field.name: field.type for field in msgspec.structs.fields(event)} | {"type": str}


def paths(record: Record) -> Iterator[Path]:
    """Where the fields are; of a list of objects, those of the first."""
    for name, value in record.items():
        yield (name,)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from ((name, 0, *path) for path in paths(value[0]))


def with_piece(record: Record, path: Path, piece: bytes | None) -> bytes:
    """The record with a piece of JSON as the value of a field; None: without the field."""
    changed = json.loads(json.dumps(record))
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    if piece is None:
        inner.pop(path[-1], None)
        return encoded(changed)
    inner[path[-1]] = "THE PIECE"
    return encoded(changed).replace(b'"THE PIECE"', piece)


def spoilt(source: str, pieces: Iterable[bytes | None]) -> Iterator[bytes]:
    """Records of a source with every piece in every field; a field that types share is spoilt in one of them."""
    pieces, seen = list(pieces), set()
    for record in RECORDS[source]:
        kinds = fields(source, record)
        for path in [*paths(record), *((name,) for name in kinds if name not in record)]:
            place = (path, str(kinds[str(path[0])]))
            if place not in seen:
                seen.add(place)
                yield from (with_piece(record, path, piece) for piece in pieces)


def first_difference(both: Both, source: str, values: Iterable[bytes]) -> bytes | None:
    """The first record of which something else becomes."""
    return next((value for value in values if both.differ(source, value)), None)


@pytest.mark.parametrize("source", SOURCES)
def test_usual_records_are_read_fast_however_they_are_written(source: str) -> None:
    for record in RECORDS[source]:
        for value in (encoded(record), json.dumps(record, indent=1).encode(), json.dumps(record).encode()):
            assert FastReader().read(source, value) is not None
            assert not Both().differ(source, value)


@pytest.mark.parametrize("source", SOURCES)
def test_odd_values_in_any_field_have_the_same_result(source: str) -> None:
    assert first_difference(Both(), source, spoilt(source, [None, *ALL])) is None


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["colour", 'col"our'])
def test_odd_values_in_unknown_fields_have_the_same_result(source: str, name: str) -> None:
    both, seen = Both(), set()
    for record in RECORDS[source]:
        for path in {(*path[:-1], name) for path in paths(record)} - seen:
            seen.add(path)
            values = (with_piece(record, path, piece) for piece in (b"1", *ALL, *DEEP))
            assert first_difference(both, source, values) is None


def test_a_source_that_always_sends_unknown_fields_is_read_fast_from_the_second_record_on() -> None:
    both, record = Both(), good_records()["orders"]
    lines = [{**record["lines"][0], "size": 1}, {**record["lines"][0], "größe": None}]
    first, second = (
        encoded({**record, "colour": {"name": "red", "tones": [number, {"x": None}]}, "lines": lines})
        for number in range(2)
    )
    assert both.reader.read("orders", first) is None
    assert not both.differ("orders", first)
    assert both.reader.read("orders", second) is not None
    assert not both.differ("orders", second)
    assert both.with_fast.unknown_fields == {("orders", "colour"): 2}


def test_names_that_are_learned_are_bounded() -> None:
    both, record = Both(), good_records()["orders"]
    for number in range(EXTRAS_MAX + 5):
        assert not both.differ("orders", encoded({**record, f"field{number}": number}))
    read = [both.reader.read("orders", encoded({**record, f"field{n}": n})) for n in range(EXTRAS_MAX + 5)]
    assert [one is not None for one in read] == [True] * EXTRAS_MAX + [False] * 5
    assert both.reader.read("orders", encoded(record)) is not None


@pytest.mark.parametrize("size", [RECORD_BYTES_MAX_INPUT, RECORD_BYTES_MAX_INPUT + 1, 4 << 20])
@pytest.mark.parametrize("name", ["note", "category"])
def test_records_of_any_size_have_the_same_result(size: int, name: str) -> None:
    record = next(record for record in RECORDS["web-sessions"] if record["type"] == "product.viewed")
    assert not Both().differ(
        "web-sessions", encoded({**record, name: "x" * (size - len(encoded({**record, name: ""})))})
    )


@pytest.mark.parametrize(
    "value", [None, b"", b"{}", b"[]", b"null", b"7", b'""', b"\xef\xbb\xbf{}", b"{", b"{}{}", b"\xff\xfe"]
)
@pytest.mark.parametrize("source", [*SOURCES, "campaigns"])
def test_what_is_no_event_has_the_same_result(source: str, value: bytes) -> None:
    assert not Both().differ(source, value)


BYTES = b'{}[],:"\\ \t\n\x00\x1f0-9eE.+tfnuZT|#\x7f\x80\xc3\xe2\xed\xff'
TIME = r"\d{4}-\d\d-[0-3]\d[Tt _]\d\d:[0-6]\d(:[0-6]\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?"


def spoil(source: str, record: Record, data: st.DataObject) -> bytes:
    """The text of a record with some things done to it."""

    def any_path() -> Path:
        return data.draw(st.sampled_from([*paths(record), ("colour",)]))

    def piece() -> bytes:
        text = st.text(max_size=140) | st.from_regex(TIME, fullmatch=True)
        quoted = st.tuples(text, st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1]))
        return data.draw(st.sampled_from(ALL) | quoted.map(lambda one: one.encode("utf-8", "surrogatepass")))

    value = with_piece(record, any_path(), piece()) if data.draw(st.booleans()) else encoded(record)
    for way in data.draw(st.lists(st.sampled_from(("again", "first", "byte", "cut", "written")), max_size=3)):
        place = data.draw(st.integers(0, len(value)))
        if way == "again":
            value = b'%s,"%s":%s}' % (value[:-1], str(any_path()[0]).encode(), piece())
        elif way == "first":
            value = b'{"%s":%s,%s' % (str(any_path()[0]).encode(), piece(), value[1:])
        elif way == "byte":
            one = bytes([data.draw(st.sampled_from(BYTES))])
            value = value[:place] + one + value[place + data.draw(st.integers(0, 1)) :]
        elif way == "cut":
            value = value[:place] + value[place + data.draw(st.integers(0, 40)) :]
        else:
            value = rewritten(value, data)
    return value


def rewritten(value: bytes, data: st.DataObject) -> bytes:
    """The same record in another order and with other escapes and spaces, if it is JSON."""
    try:
        fields = list(json.loads(value).items())
    except (ValueError, AttributeError, RecursionError):
        return value
    fields = data.draw(st.permutations(fields))
    text = json.dumps(dict(fields), ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from((None, 1))))
    return text.encode("utf-8", "surrogatepass")


@PROFILE
@given(st.data())
def test_spoilt_records_have_the_same_result(data: st.DataObject) -> None:
    both, source = Both(), data.draw(st.sampled_from(SOURCES))
    for record in data.draw(st.lists(st.sampled_from(RECORDS[source]), min_size=1, max_size=3)):
        value = spoil(source, record, data)
        assert not both.differ(source, value), value


NOTHING = re.compile(r"(?!)")
ANYTHING = re.compile(r".*", re.DOTALL)


@pytest.mark.parametrize(
    ("module", "check", "without"),
    [
        (fast, "_is_brand", lambda _: True),
        (fast, "_are_words", lambda *_: True),
        (fast, "_CARRIED", NOTHING),
        (fast, "_ESCAPED", NOTHING),
        (base, "_AMOUNT", ANYTHING),
    ],
)
def test_without_any_of_its_checks_the_fast_way_would_be_found_out(
    module: Any, check: str, without: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, check, without)
    monkeypatch.setattr(normalise, "MINOR_UNITS", {currency: MinorUnits(currency) for currency in CURRENCY_DIGITS})
    assert first_difference(Both(), "web-sessions", spoilt("web-sessions", ALL)) is not None


def test_without_the_characters_that_an_identifier_must_not_hold_the_fast_way_would_be_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(structs, "_WORD", re.compile(r"\^\[\^\\s\|.?()\]\+\$"))
    both = Both()
    both.reader.learn("web-sessions", CheckoutStarted.model_construct(colour=1))
    assert first_difference(both, "web-sessions", spoilt("web-sessions", ALL)) is not None


@pytest.mark.parametrize("lost", ["min_length", "max_length", "pattern", "ge", "le"])
def test_without_any_limit_in_the_structs_the_fast_way_would_be_found_out(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        structs, "Meta", lambda **limits: msgspec.Meta(**{k: v for k, v in limits.items() if k != lost})
    )
    both = Both()
    both.reader.learn("orders", OrderChanged.model_construct(colour=1))
    assert first_difference(both, "orders", spoilt("orders", ALL)) is not None


class Checked(Wire):
    """A model with a rule of its own."""

    name: str

    @model_validator(mode="after")
    def _rule(self) -> Checked:
        return self


class Digits(Wire):
    """A pattern that takes other digits in pydantic than in Python."""

    number: Annotated[str, Field(pattern=r"^\d+$")]


class Free(Wire):
    """A validator that no closed list explains."""

    name: Annotated[str, AfterValidator(lambda value: value.lower() + "!")]


class Multiple(Wire):
    """A limit that structs are not given."""

    number: int = Field(multiple_of=3)


class Table(Wire):
    """A type that structs are not given."""

    table: dict[str, int]


@pytest.mark.parametrize("model", [Checked, Digits, Free, Multiple, Table])
def test_what_a_struct_would_not_check_is_an_error(model: type[Wire]) -> None:
    with pytest.raises(NotDerivable):
        struct_of(model, {})
