"""Where an event goes: to its customer, to identity, to every partition; and which links it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.base import Event, to_ms
from schemas.envelope import Envelope
from streams.intake.normalise import identifiers, natural_id

LINKING = frozenset({"customer.identified", "order.placed", "pos.receipt", "customer.registered", "customer.updated"})
"""Events whose identifiers, together with a customer id, are one person's."""
BROADCAST_SOURCES = frozenset({"catalog", "campaigns"})
TO_ALL = "*"
"""Customer of a broadcast event: it goes to every partition."""

Routed = tuple[str, Envelope]
"""(topic, envelope); the key is the envelope's customer."""


def route(source: str, event: Event, data: dict[str, Any], eff: int) -> Iterator[Routed]:
    """The envelopes of one event: itself, then the links it makes."""
    kind: str = event.type  # type: ignore[attr-defined]
    customer: str | None = getattr(event, "customer_id", None)
    weaker = list(identifiers(event))
    envelope = Envelope(
        id=event.event_id,
        type=kind,
        source=source,
        customer="",
        at=to_ms(event.occurred_at),
        eff=eff,
        brand=event.brand,
        market=event.market,
        currency=event.currency or "",
        nid=natural_id(event),
        ids=dict(reversed(weaker)),
        data=data,
    )
    if source in BROADCAST_SOURCES:
        envelope.customer = TO_ALL
        yield "customer-events", envelope
    elif customer is not None:
        envelope.customer = customer
        yield "customer-events", envelope
        if kind in LINKING:
            for name, value in weaker:
                yield "identity-events", _order(envelope, "identity.link", f"{name}:{value}", customer)
        elif kind == "customer.merged":
            yield "identity-events", _order(envelope, kind, f"customer:{data['merged']}", customer)
    elif weaker:
        envelope.customer = ":".join(weaker[0])
        yield "identity-events", envelope
    else:
        envelope.customer = f"none:{envelope.nid or envelope.id}"
        yield "customer-events", envelope


def _order(envelope: Envelope, kind: str, identifier: str, customer: str) -> Envelope:
    """An order to identity: this identifier belongs to this customer."""
    return Envelope(
        id=envelope.id,
        type=kind,
        source=envelope.source,
        customer=identifier,
        at=envelope.at,
        eff=envelope.eff,
        data={"customer": customer},
    )
