"""Broken versions of a record: one for each way in which feeds go wrong, with the reason that intake should give.

A broken version has an id of its own: the good record is a fact of the simulation, the broken one a failed first try.
"""

from __future__ import annotations

from typing import Any

import msgspec

Event = dict[str, Any]
_encode = msgspec.json.encode
FAR_FUTURE = "2099-06-01T12:00:00.000Z"


def broken_versions(source: str, event: Event) -> list[tuple[str, bytes]]:
    """``(reason, line)`` of every way in which this record can be broken, in a fixed order."""
    copy = {**event, "event_id": f"{event['event_id']}-broken"}
    raw = _encode(copy)
    versions = [
        ("not_json", raw[: len(raw) * 2 // 3]),
        ("missing_field", _encode({name: value for name, value in copy.items() if name != "market"})),
        ("naive_time", _encode({**copy, "occurred_at": copy["occurred_at"].removesuffix("Z")})),
        ("in_the_future", _encode({**copy, "occurred_at": FAR_FUTURE})),
        ("unknown_brand", _encode({**copy, "brand": "no-such-brand"})),
    ]
    if "currency" in copy:
        versions.append(("unknown_currency", _encode({**copy, "currency": "XXQ"})))
    if copy.get("lines"):
        versions += _broken_lines(copy)
    versions += [
        ("unknown_type", _encode({**copy, "type": "something.else"})),
        ("unknown_market", _encode({**copy, "market": "XX"})),
        ("not_json", b"<html><body>502 Bad Gateway</body></html>"),
        ("invalid_field", _encode({**copy, "occurred_at": "yesterday"})),
    ]
    return versions


def _broken_lines(event: Event) -> list[tuple[str, bytes]]:
    """The record with a first line that cannot be: a negative quantity, a price too fine, a price that is a number."""
    first = event["lines"][0]

    def with_line(**changes: Any) -> bytes:
        return _encode({**event, "lines": [{**first, **changes}, *event["lines"][1:]]})

    versions = [("invalid_field", with_line(quantity=-2))]
    if "unit_price" in first:
        versions.append(("amount_too_fine", with_line(unit_price="1.005")))
        versions.append(("invalid_field", with_line(unit_price=1.5)))
    return versions
