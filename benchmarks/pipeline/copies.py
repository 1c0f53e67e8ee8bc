"""Many customers from few: tables and logs of a dry run, copied with renamed customers.

Every identifier of a person, cart, order or till ends with ``TOKEN`` in the lines of the dry run, so it does in all
that comes of them; a copy has its number in its place. What belongs to nobody in particular (rules, products, marks)
is not copied. Copies stay on the partition of the original: a worker reads its partition and asks no more.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.pipeline.dry_run import Prepared
from benchmarks.pipeline.logs import Log, Place, Row, is_for_all
from benchmarks.pipeline.mix import Line
from schemas.topics import STAGES
from streams.decide.state import decode_state
from streams.decide.task import CUSTOMER

TOKEN = b"feedc0de"
"""Hexadecimal, so that it may end a hash, and unlikely in any value."""
_FIELD = re.compile(
    rb'"(?:customer_id|anonymous_id|device_id|loyalty_card_id|cart_id|order_id|return_id|workstation_id)":"[^"]+'
)
_HASH = re.compile(rb'("email_hash":"[0-9a-f]{24})[0-9a-f]{8}')
_CARDS = re.compile(rb'(?<="loyalty_cards":\[)[^\]]+')
_STATE = re.compile(rb'(?<="state":")[A-Za-z0-9+/=]+')
_ELEMENT = re.compile(rb'"[^",]+')


def renameable(lines: Iterable[Line]) -> list[Line]:
    """The same lines with ``TOKEN`` at the end of everybody's identifiers."""
    return [(source, arrived, _with_token(raw)) for source, arrived, raw in lines]


def name_of(number: int) -> bytes:
    """What stands in the place of ``TOKEN`` in copy ``number``."""
    return b"%08x" % number


def _with_token(raw: bytes) -> bytes:
    raw = _FIELD.sub(rb"\g<0>-" + TOKEN, raw)
    raw = _HASH.sub(rb"\g<1>" + TOKEN, raw)
    return _CARDS.sub(lambda cards: _ELEMENT.sub(rb"\g<0>-" + TOKEN, cards[0]), raw)


def copied_table(table: Mapping[bytes, bytes], copies: int) -> Iterator[tuple[bytes, bytes]]:
    """Rows of a table with ``copies`` of each customer; all rows of a copy together."""
    shared = {key: value for key, value in table.items() if TOKEN not in key}
    own = [(key, value) for key, value in table.items() if TOKEN in key]
    yield from shared.items()
    for number in range(copies):
        name = name_of(number)
        for key, value in own:
            yield key.replace(TOKEN, name), value.replace(TOKEN, name)


def customers_in(tables: Iterable[Mapping[bytes, bytes]]) -> int:
    """Customers of a dry run's tables, known or not: rows that are not mere pointers to another customer."""
    return sum(
        1
        for table in tables
        for key, value in table.items()
        if key.startswith(CUSTOMER) and decode_state(value).moved_to is None
    )


def _renamed(value: bytes, name: bytes) -> bytes:
    """An event of a copy; a merged state travels in base 64."""
    value = value.replace(TOKEN, name)
    if b'"merge.in"' not in value:
        return value
    return _STATE.sub(lambda state: b64encode(b64decode(state[0]).replace(TOKEN, name)), value)


def copied_log(log: Log, copies: int) -> dict[Place, Iterator[Row]]:
    """A log with ``copies`` of each customer's record, one after the other."""

    def rows(place: Place) -> Iterator[Row]:
        for record in log[place]:
            if is_for_all(record):
                yield record.key, record.value, record.headers
                continue
            for number in range(copies):
                name = name_of(number)
                value = None if record.value is None else _renamed(record.value, name)
                yield (record.key or b"").replace(TOKEN, name), value, record.headers

    return {place: rows(place) for place in log}


def copied_tables(stage: str, tables: Sequence[Mapping[bytes, bytes]], copies: int) -> dict[Place, Iterator[Row]]:
    """A stage's changelog with ``copies`` of each customer."""

    def rows(table: Mapping[bytes, bytes]) -> Iterator[Row]:
        for key, value in copied_table(table, copies):
            yield key, value, ()

    return {(STAGES[stage].changelog, number): rows(table) for number, table in enumerate(tables)}


def copied_events(given: Prepared, copies: int) -> int:
    """Events of ``copied_log`` of a prepared run."""
    own = sum(not is_for_all(record) for kept in given.log.values() for record in kept)
    return own * copies + (given.events - own)
