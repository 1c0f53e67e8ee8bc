"""Everything that is held about one customer, as one document: the right of access.

It is read where ``explain`` reads: the profile, each consent with its source and time, identifiers, the state that
decisions rest on, decisions, segments, and every event (docs/privacy.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.base import from_ms, rfc3339
from schemas.customers import CRM
from schemas.envelope import Envelope
from streams.decide.state import ERASED
from streams.errors import InputError
from streams.explain.event_words import event_in_words
from streams.explain.recording import Recording
from streams.explain.story import moment

_NO_FACTS = frozenset(
    {"version", "customer", "profile", "registered", "consents", "consent_sources", "confirmed", "segments"}
)
"""Fields of the state that are told under other names, or are no fact about a person."""
_INTERNAL = frozenset({"recent_ids", "moved_to", "waits_for", "arrived", "parked", "fed_by", "returned", "passing"})


def refuse_erased(recording: Recording) -> None:
    """Raises InputError when the customer was erased: what topics still hold of him is told to nobody."""
    at = next((event.eff for event in reversed(recording.events) if event.type == "customer.erased"), None)
    if at is not None and recording.state.moved_to == ERASED:
        raise InputError(
            f"Customer {recording.asked!r} was erased on {moment(at)} UTC: nothing of him is told. What his topics "
            "still hold goes with their retention (docs/privacy.md)."
        )


def exported(recording: Recording) -> dict[str, Any]:
    """The document. Raises InputError when nothing is known of the customer, or he was erased."""
    refuse_erased(recording)
    if not recording.events:
        raise InputError(
            f"Nothing is known of customer {recording.asked!r} until {moment(recording.now)} UTC in "
            f"{recording.origin}. Ids are those of the CRM, or such as anon:…, card:…, device:…, email:…."
        )
    held: dict[str, Any] = _named(recording.state)
    return {
        "customer": recording.customer,
        "asked": recording.asked,
        "note": _note(recording),
        "as_of": rfc3339(recording.now),
        "source": recording.origin,
        "begins": None if recording.begins is None else rfc3339(recording.begins),
        "profile": _profile(recording),
        "consents": list(_consents(recording)),
        "identifiers": _identifiers(recording),
        "merged": [{"customer": old, "into": new} for old, new in sorted(recording.merged.items())],
        "segments": list(_segments(recording)),
        "state": {name: value for name, value in held.items() if name not in _NO_FACTS | _INTERNAL and value},
        "decisions": recording.shown,
        "events": [msgspec.to_builtins(event) for event in recording.events],
    }


def _named(value: Any) -> Any:
    """Rows of the state with the names of their fields; times in them are milliseconds since the epoch."""
    if isinstance(value, msgspec.Struct):
        return {name: _named(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {name: _named(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(inner) for inner in value]
    return value


def _note(recording: Recording) -> str | None:
    if recording.asked == recording.customer:
        return None
    return f"{recording.asked} became {recording.customer}: this is everything about the customer that they are now."


def _profile(recording: Recording) -> dict[str, Any] | None:
    """By its names, with the brands that the customer is registered with."""
    profile, registered = recording.state.profile, recording.state.registered
    if profile is None and not registered:
        return None
    told = {} if profile is None else {name: getattr(profile, name) for name in profile.__struct_fields__}
    return {**told, "registered_at": {brand: rfc3339(at) for brand, at in registered.items()}}


def _consents(recording: Recording) -> Iterator[dict[str, Any]]:
    """Each as it stands, and behind it every word that was ever said about it, as far as the source reaches."""
    state = recording.state
    words: dict[str, list[dict[str, Any]]] = {}
    for event in recording.events:
        for key, word in _words(event):
            words.setdefault(key, []).append({"event_id": event.id, "customer": event.customer, **word})
    for key, (granted, at) in sorted(state.consents.items()):
        brand, channel, purpose = key.split("|")
        confirmed = state.confirmed.get(key)
        yield {
            "brand": brand,
            "channel": channel,
            "purpose": purpose,
            "status": "granted" if granted else "withdrawn",
            "at": rfc3339(at),
            "source": state.consent_sources.get(key, CRM),
            "confirmed_at": None if confirmed is None else rfc3339(confirmed),
            "words": words.get(key, []),
        }


def _words(event: Envelope) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in event.data.get("consents", ()):
        status = "granted" if row["granted"] else "withdrawn"
        word = {"status": status, "at": rfc3339(row["at"]), "source": row.get("source", CRM)}
        if row.get("confirmed") is not None:
            word["confirmed_at"] = rfc3339(row["confirmed"])
        yield f"{event.brand}|{row['channel']}|{row['purpose']}", word
    if event.type == "feedback" and event.data["status"] in ("unsubscribed", "complained"):
        for purpose in ("marketing", "review"):
            word = {"status": "withdrawn", "at": rfc3339(event.at), "source": event.data["status"]}
            yield f"{event.brand}|{event.data['channel']}|{purpose}", word


def _identifiers(recording: Recording) -> list[dict[str, Any]]:
    """Every identifier under which he was seen, with the first and the last time."""
    seen: dict[tuple[str, str], list[int]] = {}
    for event in recording.events:
        kind, _, value = event.customer.rpartition(":")
        own = [(kind, value)] if kind else []
        for name in [*own, *event.ids.items()]:
            seen.setdefault(name, []).append(event.at)
    return [
        {"kind": kind, "value": value, "first_seen": rfc3339(min(times)), "last_seen": rfc3339(max(times))}
        for (kind, value), times in sorted(seen.items())
    ]


def _segments(recording: Recording) -> Iterator[dict[str, Any]]:
    for place, (since, inside) in sorted(recording.state.segments.items()):
        brand, segment = place.split("|")
        yield {
            "brand": brand,
            "segment": segment,
            "inside": inside,
            "since": None if since < 0 else rfc3339(since),
        }


def in_text(document: dict[str, Any], events: list[Envelope]) -> Iterator[str]:
    """The document for a reader: one fact a line."""
    yield f"Customer {document['customer']}, as of {document['as_of']}, from {document['source']}."
    for line in (document["note"], document["begins"] and f"Older records than {document['begins']} are gone."):
        if line:
            yield line
    yield from _part("Profile", [f"{name}: {value}" for name, value in (document["profile"] or {}).items() if value])
    yield from _part(
        "Consents",
        [
            f"{row['brand']} {row['channel']} {row['purpose']}: {row['status']} {row['at']} ({row['source']})"
            + (f", confirmed {row['confirmed_at']}" if row["confirmed_at"] else "")
            for row in document["consents"]
        ],
    )
    yield from _part(
        "Identifiers",
        [f"{row['kind']} {row['value']}, {row['first_seen']} to {row['last_seen']}" for row in document["identifiers"]],
    )
    yield from _part("Merged", [f"{row['customer']} became {row['into']}" for row in document["merged"]])
    yield from _part(
        "Segments",
        [f"{row['brand']} {row['segment']}: {'in' if row['inside'] else 'out'}" for row in document["segments"]],
    )
    yield from _part("State", [f"{name}: {value}" for name, value in document["state"].items()])
    yield from _part(
        "Decisions",
        [
            f"{row['decided_at']} {row['campaign']} step {row['step']} {row['outcome']} ({row['reason']})"
            for row in document["decisions"]
        ],
    )
    yield from _part(
        "Events",
        [f"{from_ms(event.at):%Y-%m-%d %H:%M} {event.type} {event_in_words(event)}".rstrip() for event in events],
    )


def _part(title: str, lines: list[str]) -> Iterator[str]:
    yield ""
    yield title
    yield from (f"  {line}" for line in lines or ["nothing"])
