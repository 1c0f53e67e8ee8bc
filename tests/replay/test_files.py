"""Replay directories: all formats give equal lines, and lines come in the order in which they arrived."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.base import to_ms
from schemas.orders import OrderEvent
from streams.errors import InputError
from streams.replay.arrivals import JUMP_MS_MAX, arrivals
from streams.replay.files import WINDOW_LINES, merged, read_source

START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
START_MS = to_ms(START)
MINUTE_MS = 60_000


def _time(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def _line(name: str, occurred: float, arrived: float | None = None) -> bytes:
    event: dict[str, Any] = {"event_id": name, "occurred_at": _time(occurred)}
    if arrived is not None:
        event["arrived_at"] = _time(arrived)
    return json.dumps(event).encode()


def _order(number: int) -> dict[str, Any]:
    return {
        "event_id": f"o{number}",
        "type": "order.placed",
        "occurred_at": _time(number),
        "brand": "shop",
        "market": "GB",
        "currency": "GBP",
        "order_id": f"o{number}",
        "channel": "web",
        "lines": [{"line_id": "1", "product_id": "p", "quantity": 2, "unit_price": "2.50"}],
    }


def _write(directory: Path, source: str, *lines: bytes) -> None:
    (directory / f"{source}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def _names(directory: Path, as_is: bool = False) -> list[tuple[str, float]]:
    found = []
    for _, arrived, raw in merged(directory, as_is):
        name = json.loads(raw)["event_id"] if raw.startswith(b"{") and raw.endswith(b"}") else raw.decode()
        found.append((name, (arrived - START_MS) / MINUTE_MS))
    return found


def test_lines_of_all_sources_come_by_arrival(tmp_path: Path) -> None:
    _write(tmp_path, "orders", _line("late", 1, 9), _line("soon", 3, 4))
    _write(tmp_path, "web-sessions", _line("visit", 2), b"", b"  ", _line("second visit", 5))
    assert _names(tmp_path) == [("visit", 2), ("soon", 4), ("second visit", 5), ("late", 9)]


def test_many_lines_of_many_sources_come_by_arrival_and_by_source(tmp_path: Path) -> None:
    random, written = Random(1), []
    for source in ("returns", "web-sessions", "pos-transactions"):
        minutes = sorted(random.choice((3, random.randrange(500))) for _ in range(5 * WINDOW_LINES))
        _write(tmp_path, source, *(_line(f"{source}-{number}", minute) for number, minute in enumerate(minutes)))
        written += [(f"{source}-{number}", minute) for number, minute in enumerate(minutes)]
    assert _names(tmp_path) == sorted(written, key=itemgetter(1))


def test_lines_of_equal_arrival_keep_their_order_within_a_source(tmp_path: Path) -> None:
    _write(tmp_path, "orders", _line("z", 9), _line("b", 1), _line("a", 1))
    assert [name for name, _ in _names(tmp_path)] == ["b", "a", "z"]


def test_as_is_keeps_file_order_and_arrives_at_the_highest_time_so_far(tmp_path: Path) -> None:
    _write(tmp_path, "orders", _line("a", 5, 30), _line("b", 2, 31), _line("c", 7, 1))
    assert _names(tmp_path, as_is=True) == [("a", 5), ("b", 5), ("c", 7)]


def test_a_line_without_readable_time_arrives_with_the_line_before_it(tmp_path: Path) -> None:
    naive = b'{"event_id":"naive","occurred_at":"2025-03-01T09:00:00"}'
    _write(tmp_path, "orders", b"<html>", b"{bro", _line("a", 5), naive, b"\xff\xfe", _line("b", 6))
    assert [arrived for _, arrived, _ in merged(tmp_path)] == [START_MS + m * MINUTE_MS for m in (5, 5, 5, 5, 5, 6)]


def test_arrived_at_counts_when_occurred_at_is_unreadable() -> None:
    line = b'{"occurred_at": 17, "arrived_at": "%s"}' % _time(3).encode()
    odd = b'{"occurred_at": "yesterday", "arrived_at": "%s"}' % _time(4).encode()
    assert list(arrivals([line, odd], as_is=False)) == [START_MS + 3 * MINUTE_MS, START_MS + 4 * MINUTE_MS]


@pytest.mark.parametrize("as_is", [False, True])
def test_one_record_from_2099_does_not_move_the_time(as_is: bool) -> None:
    far = b'{"occurred_at":"2099-01-01T00:00:00Z"}'
    lines = [far, _line("a", 1), far, b"{", _line("b", 2), far]
    assert [(at - START_MS) / MINUTE_MS for at in arrivals(lines, as_is)] == [1, 1, 1, 1, 2, 2]


def test_a_leap_that_the_next_line_follows_is_real() -> None:
    later = JUMP_MS_MAX / MINUTE_MS + 10
    lines = [_line("a", 0), _line("b", later), _line("c", later + 1)]
    assert [(at - START_MS) / MINUTE_MS for at in arrivals(lines, as_is=False)] == [0, later, later + 1]


def test_a_time_outside_the_calendar_is_unreadable() -> None:
    out = b'{"arrived_at":"9999-12-31T23:59:59-12:00","occurred_at":"0001-01-01T00:00:00+12:00"}'
    assert list(arrivals([_line("a", 1), out], as_is=False)) == [START_MS + MINUTE_MS] * 2


def test_no_readable_line_at_all_arrives_at_zero() -> None:
    assert list(arrivals([b"{", b"x"], as_is=False)) == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 500), st.none() | st.integers(0, 500)), max_size=30), st.booleans())
def test_arrivals_equal_a_naive_reading(times: list[tuple[int, int | None]], as_is: bool) -> None:
    lines = [_line("x", occurred, arrived) for occurred, arrived in times]
    highest, expected = 0, []
    for occurred, arrived in times:
        highest = max(highest, occurred)
        expected.append(highest if as_is else occurred if arrived is None else arrived)
    assert [(at - START_MS) // MINUTE_MS for at in arrivals(lines, as_is)] == expected


def test_all_formats_give_equal_events(tmp_path: Path) -> None:
    plain, packed, value, columns = (tmp_path / name for name in ("plain", "packed", "value", "columns"))
    for directory in (plain, packed, value, columns):
        directory.mkdir()
    delivered = {name: text for name, text in _order(4).items() if name not in {"lines", "channel", "currency"}}
    events = [_order(1), _order(2), _order(3), delivered | {"type": "order.delivered"}]
    lines = [json.dumps(event).encode() for event in events]
    _write(plain, "orders", *lines)
    (packed / "orders.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE texts (value VARCHAR)")
        connection.executemany("INSERT INTO texts VALUES (?)", [[line.decode()] for line in lines])
        connection.execute(f"COPY texts TO '{value}/orders.parquet'")
        typed = (
            f"SELECT * REPLACE (occurred_at::TIMESTAMPTZ AS occurred_at) FROM read_json_auto('{plain}/orders.jsonl')"
        )
        connection.execute(f"COPY ({typed}) TO '{columns}/orders.parquet'")
    contract: TypeAdapter[Any] = TypeAdapter(OrderEvent)
    expected = [contract.validate_json(line) for line in lines]
    for directory in (plain, packed, value, columns):
        assert [contract.validate_json(line) for line in read_source(directory, "orders")] == expected
        assert [arrived for _, arrived, _ in merged(directory)] == [START_MS + n * MINUTE_MS for n in (1, 2, 3, 4)]


def test_an_absent_source_has_no_lines(tmp_path: Path) -> None:
    _write(tmp_path, "orders", _line("a", 1))
    assert list(read_source(tmp_path, "returns")) == []


def test_unknown_files_are_left_alone_when_there_is_something_usable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    _write(tmp_path, "orders", _line("a", 1))
    assert len(list(merged(tmp_path))) == 1


def test_a_directory_without_replay_files_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match=r"holds no replay file \(notes.txt\); name at least one of catalog"):
        list(merged(tmp_path))
    with pytest.raises(InputError, match="is not a directory"):
        list(merged(tmp_path / "missing"))


def test_two_files_of_one_source_get_a_sentence(tmp_path: Path) -> None:
    _write(tmp_path, "orders", _line("a", 1))
    (tmp_path / "orders.jsonl.gz").write_bytes(gzip.compress(_line("a", 1)))
    with pytest.raises(InputError, match="one source twice; keep one of them"):
        list(read_source(tmp_path, "orders"))


@pytest.mark.parametrize("name", ["orders.jsonl.gz", "orders.parquet"])
def test_a_broken_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is neither")
    with pytest.raises(InputError, match="cannot be read"):
        list(merged(tmp_path))
