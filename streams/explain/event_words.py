"""An event of the log on one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.envelope import Envelope

LINES_SHOWN = 4

_NAMED = (
    ("order", "order"),
    ("return", "return"),
    ("receipt", "receipt"),
    ("cart", "cart"),
    ("product", "product"),
    ("page", "page"),
    ("query", "search"),
)
"""Fields of an event's data that name it, with the word for each."""


def event_in_words(event: Envelope) -> str:
    """What happened: ``cart k1: 2 mug, 1 pen``. Late events say when they counted."""
    data = event.data
    if event.type == "merge.out":
        text = f"{event.customer} became {data['to']}"
    elif event.type == "customer.merged":
        text = f"{data['merged']} is to become {event.customer}"
    elif event.type == "customer.unlinked":
        text = f"{data['identifier']} is to be no longer {event.customer}'s"
    elif event.type == "identity.unlinked":
        text = f"{data['identifier']} was unlinked: what happens under it from now on is told under {data['unknown']}"
    elif event.type == "capacity.answer":
        text = str(data["value"])
    elif event.type == "feedback":
        text = f"{data['status']} ({data['channel']})"
    elif "consents" in data:
        text = _profile(data)
    else:
        named = [f"{word} {data[field]}" for field, word in _NAMED if data.get(field)] or _visit(data)
        text = ", ".join(named[:2]) + _lines(data.get("lines") or ())
    if event.source and data.get("channel") and event.type == "order.placed":
        text += f" ({data['channel']})"
    return text


def _visit(data: Mapping[str, Any]) -> list[str]:
    if not data.get("session"):
        return []
    device = f" on {data['device']}" if data.get("device") else ""
    return [f"visit {data['session']}{device}"]


def _lines(lines: Iterable[Mapping[str, Any]]) -> str:
    shown = []
    for line in lines:
        back = "-" if line.get("kind") == "return" else ""
        shown.append(f"{back}{line['qty']} {line.get('product') or 'of line ' + str(line.get('line'))}")
    if not shown:
        return ""
    more = f" and {len(shown) - LINES_SHOWN} more" if len(shown) > LINES_SHOWN else ""
    return ": " + ", ".join(shown[:LINES_SHOWN]) + more


def _profile(data: Mapping[str, Any]) -> str:
    said = ["registered"] if data["registered"] is not None else []
    granted = sorted({f"{row['channel']}/{row['purpose']}" for row in data["consents"] if row["granted"]})
    withdrawn = sorted({f"{row['channel']}/{row['purpose']}" for row in data["consents"] if not row["granted"]})
    for word, names in (("consents to", granted), ("withdraws", withdrawn)):
        if names:
            more = f" and {len(names) - LINES_SHOWN} more" if len(names) > LINES_SHOWN else ""
            said.append(f"{word} {', '.join(names[:LINES_SHOWN])}{more}")
    return "; ".join(said)
