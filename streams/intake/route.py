"""Where an event goes: to its customer, to identity, to every partition; and which links it makes.

Events are as ``streams.intake.normalise`` takes them: models or structs, told apart by ``type``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.envelope import Envelope
from streams.intake.normalise import Data

LINKING = frozenset({"customer.identified", "order.placed", "pos.receipt", "customer.registered", "customer.updated"})
"""Events whose identifiers, together with a customer id, are one person's."""
RETURNS = ("return.requested", "return.received", "return.rejected", "refund.issued")
BROADCAST_SOURCES = frozenset({"catalog", "campaigns"})
TO_ALL = "*"
"""Customer of a broadcast event: it goes to every partition. Of identity these are the CRM's merges and erasures."""

Routed = tuple[str, Envelope]
"""(topic, envelope); the key is the envelope's customer."""

_NATURAL_ID: dict[str, Callable[[Any, Data], str]] = {
    "order.placed": lambda event, data: f"order.placed/{event.order_id}",
    "pos.receipt": lambda event, data: f"receipt/{data['receipt']}",
    **dict.fromkeys(RETURNS, lambda event, data: f"{event.type}/{event.return_id}"),
}
"""Type -> the natural id by which copies are recognised (docs/semantics.md); of others the event id counts."""


def route(source: str, event: Any, data: Data, at: int, eff: int) -> list[Routed]:
    """The envelopes of one event: itself, then the links it makes. ``at``, ``eff``: its own and its effective time."""
    kind: str = event.type
    weaker = identifiers(source, event)
    natural_id = _NATURAL_ID.get(kind)
    envelope = Envelope(
        id=event.event_id,
        type=kind,
        source=source,
        customer=TO_ALL,
        at=at,
        eff=eff,
        brand=event.brand,
        market=event.market,
        currency=event.currency or "",
        nid="" if natural_id is None else natural_id(event, data),
        ids=dict(reversed(weaker)) if weaker else {},
        data=data,
    )
    if source in BROADCAST_SOURCES:
        return [("customer-events", envelope)]
    customer: str | None = event.customer_id
    if customer is None:
        return [_unknown(envelope, weaker)]
    if kind == "customer.erased":
        envelope.data = {"customer": customer}
        return [("identity-events", envelope)]
    envelope.customer = customer
    routed = [("customer-events", envelope)]
    if kind in LINKING:
        for name, value in weaker:
            routed.append(("identity-events", _order(envelope, "identity.link", f"{name}:{value}", customer)))
    elif kind == "customer.merged":
        order = _order(envelope, kind, TO_ALL, customer)
        order.data["merged"] = data["merged"]
        routed.append(("identity-events", order))
    elif kind == "customer.unlinked":
        routed.append(("identity-events", _order(envelope, "identity.unlinked", data["identifier"], customer)))
    return routed


def identifiers(source: str, event: Any) -> list[tuple[str, str]]:
    """The identifiers that an event carries besides the customer id, strongest first: (kind, value)."""
    if source in BROADCAST_SOURCES:
        return []
    if source == "customers":
        return _of_profile(event) if event.type in LINKING else []
    found = []
    if event.email_hash:
        found.append(("email", event.email_hash))
    if event.loyalty_card_id:
        found.append(("card", event.loyalty_card_id))
    if event.device_id:
        found.append(("device", event.device_id))
    if event.anonymous_id:
        found.append(("anon", event.anonymous_id))
    return found


def _of_profile(event: Any) -> list[tuple[str, str]]:
    addresses = [("email", point.hash) for point in event.contact_points if point.channel == "email" and point.hash]
    return addresses + [("card", card) for card in event.loyalty_cards]


def _unknown(envelope: Envelope, weaker: list[tuple[str, str]]) -> Routed:
    """Where an event without customer id goes: identity asks whose it is, unless it names nobody at all."""
    if weaker:
        envelope.customer = ":".join(weaker[0])
        return "identity-events", envelope
    envelope.customer = f"none:{envelope.nid or envelope.id}"
    return "customer-events", envelope


def _order(envelope: Envelope, kind: str, identifier: str, customer: str) -> Envelope:
    """An order to identity: this identifier belongs to this customer, or does not any more."""
    return Envelope(
        id=envelope.id,
        type=kind,
        source=envelope.source,
        customer=identifier,
        at=envelope.at,
        eff=envelope.eff,
        data={"customer": customer},
    )
