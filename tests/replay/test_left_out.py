"""A replay after an erasure leaves that person out, whatever his lines name him by."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.erasure import hasher
from streams.replay.left_out import LeftOut
from tests.oracle.builders import DAY, HASH, History, t

NOON = t("2011-03-01T12:00")
HASHED = hasher("a key of the tests")
ERASED = {HASHED(name): NOON for name in ("c1", "c2", "anon:A", "anon~:U", f"email:{HASH}")}
"""Of U somebody was erased who used it after it was unlinked."""


def left(history: History) -> list[str]:
    """Ids of the events that stay."""
    lines = [(s, 0, msgspec.json.encode(row)) for s, rows in history.sources.items() for row in rows]
    run = LeftOut(ERASED, HASHED)
    kept = [msgspec.json.decode(line[2])["event_id"] for line in run.without(lines)]
    assert run.lines + len(kept) == len(lines)
    return kept


@pytest.mark.parametrize(
    ("who", "at", "stays"),
    [
        ({"customer_id": "c1"}, NOON, False),
        ({"customer_id": "c2"}, NOON + DAY, False),
        ({"customer_id": "c3"}, NOON, True),
        ({"customer_id": "c3", "anonymous_id": "A"}, NOON, True),
        ({"anonymous_id": "A"}, NOON, False),
        ({"anonymous_id": "A"}, NOON + 1, True),
        ({"anonymous_id": "B"}, NOON, True),
        ({"anonymous_id": "U"}, NOON, False),
        ({"anonymous_id": "U"}, NOON + 1, True),
        ({"email_hash": HASH}, NOON, False),
    ],
)
def test_ids_are_left_out_for_good_and_identifiers_until_the_erasure(who: dict[str, Any], at: int, stays: bool) -> None:
    history = History()
    history.cart(at, "mug", **who)
    assert left(history) == (["e0001"] if stays else [])


def test_orders_of_the_crm_about_him_are_left_out_but_the_one_to_erase() -> None:
    history = History()
    history.profile(NOON)
    history.merged(NOON, "c1", "c3")
    history.merged(NOON, "c3", "c1")
    history.erased(NOON, "c1")
    assert left(history) == ["e0004"]


def test_what_cannot_be_read_is_left_to_intake() -> None:
    run, rows = (
        LeftOut(ERASED, HASHED),
        [b"{", b"[]", b'{"anonymous_id":"A","occurred_at":"soon"}', b'{"customer_id":7}'],
    )
    assert [line[2] for line in run.without([("orders", 0, row) for row in rows])] == rows
