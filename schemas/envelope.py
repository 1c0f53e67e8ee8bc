"""The record of the internal logs ``identity-events`` and ``customer-events``: validated, stamped, resolved.

A msgspec struct, not a pydantic model: it is decoded once per event and stage on the hot path, and only our own stages
write it. Amounts are integer minor units of ``currency``; times are milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Envelope(msgspec.Struct, omit_defaults=True):
    """One event of one customer. ``customer`` is the record key.

    A customer is a CRM id, or not yet known: ``anon:<anonymous id>``, ``card:…``, ``device:…``, ``email:…``
    (``anon~1:…`` after the identifier was unlinked once);
    ``none:<natural id>`` stands for nobody (a guest): it has no state and goes to the sink.
    """

    id: str
    """The event id."""
    type: str
    source: str
    """Input topic."""
    customer: str
    at: int
    """occurred_at: a fact."""
    eff: int
    """effective_at: what every stage orders by; later than ``at`` when the event was late."""
    brand: str = ""
    market: str = ""
    currency: str = ""
    nid: str = ""
    """Natural id for de-duplication, where there is one; else the event id counts."""
    ids: dict[str, str] = msgspec.field(default_factory=dict)
    """Weaker identifiers that the event carries: kind -> value."""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    """By type; see docs/contracts.md."""


KIND_RANK: dict[str, int] = {
    "control": 0,
    "brand.published": 1,
    "campaign.published": 1,
    "campaign.withdrawn": 1,
    "catalog.item": 2,
    "customer.registered": 3,
    "customer.updated": 3,
    "customer.merged": 4,
    "customer.unlinked": 4,
    "identity.link": 4,
    "identity.unlinked": 4,
    "merge.out": 5,
    "merge.expected": 5,
    "merge.in": 5,
    "order.placed": 6,
    "pos.receipt": 6,
    "order.changed": 7,
    "order.cancelled": 7,
    "order.shipped": 7,
    "order.delivered": 7,
    "return.requested": 8,
    "return.received": 8,
    "return.rejected": 8,
    "refund.issued": 8,
    "session.started": 9,
    "customer.identified": 9,
    "page.viewed": 9,
    "product.viewed": 9,
    "product.wished": 9,
    "search.performed": 9,
    "cart.updated": 9,
    "checkout.started": 9,
    "session.ended": 9,
    "feedback": 10,
    "capacity.candidate": 10,
    "capacity.answer": 10,
    "customer.erased": 11,
}
"""Order of kinds at the same effective time: what others build on goes first."""
