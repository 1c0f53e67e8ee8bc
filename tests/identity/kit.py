"""Identity events by hand, and folds and tasks to feed them to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.identity.table import TO_ALL
from streams.identity.task import IdentityFold
from streams.task import Effects, Record
from streams.wire import Mark, decode_envelope, encode_envelope, encode_mark

END = 1 << 50
TOPIC = "identity-events"


def seen(identifier: str, at: int, event_id: str, eff: int | None = None, kind: str = "cart.updated") -> Envelope:
    """An event of somebody who is known by an identifier only."""
    return Envelope(event_id, kind, "web-sessions", identifier, at, at if eff is None else eff, brand="acme")


def link(identifier: str, customer: str, at: int, event_id: str, eff: int | None = None) -> Envelope:
    """A login: the identifier belongs to the customer."""
    return _order("identity.link", identifier, customer, at, event_id, eff)


def merged(old: str, survivor: str, at: int, event_id: str) -> Envelope:
    """A CRM order: two customers are one."""
    return _order("customer.merged", f"customer:{old}", survivor, at, event_id, None)


def unlinked(identifier: str, customer: str, at: int, event_id: str, eff: int | None = None) -> Envelope:
    """A CRM order: the identifier is not the customer's any more."""
    return _order("identity.unlinked", identifier, customer, at, event_id, eff)


def erased(customer: str, at: int, event_id: str = "x", eff: int | None = None) -> Envelope:
    """A CRM order: forget this customer."""
    when = at if eff is None else eff
    return Envelope(event_id, "customer.erased", "customers", TO_ALL, at, when, data={"customer": customer})


def _order(kind: str, identifier: str, customer: str, at: int, event_id: str, eff: int | None) -> Envelope:
    data: dict[str, Any] = {"customer": customer}
    return Envelope(event_id, kind, "web-sessions", identifier, at, at if eff is None else eff, data=data)


def resolved(*events: Envelope) -> list[tuple[str, str]]:
    """(event id or merge, customer) in the order in which they go on; all events known before the clock moves."""
    fold = IdentityFold()
    for offset, event in enumerate(events):
        fold.take(event, offset)
    fold.advance(END, END)
    return shown(fold.outgoing)


def shown(events: Iterable[Envelope]) -> list[tuple[str, str]]:
    """(event id or merge, customer)."""
    return [(event.type if event.type.startswith("merge.") else event.id, event.customer) for event in events]


def record(offset: int, event: Envelope) -> Record:
    """The event as a record."""
    return Record(TOPIC, 0, offset, 0, event.customer.encode(), encode_envelope(event), ())


def mark(offset: int, until: int, task: int = 0, of: int = 1) -> Record:
    """A mark of an intake task."""
    value = encode_mark(Mark("intake", task, of, {"web-sessions": until}))
    return Record(TOPIC, 0, offset, 0, MARK_KEY, value, ())


def sent(effects: Effects) -> list[Envelope]:
    """Events written to customer-events."""
    return [
        decode_envelope(out.value)
        for out in effects.records
        if out.topic == "customer-events" and out.key != MARK_KEY and out.value is not None
    ]
