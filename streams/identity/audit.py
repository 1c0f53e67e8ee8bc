"""Audit records of identity: every change of whose an identifier is, and of who is who, with the event behind it.

A link that only confirms what is known (each order and login of a customer who is known by his cookie) changes nothing
and leaves none.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.base import rfc3339
from schemas.envelope import Envelope

Change = dict[str, str | None]
"""The fields of ``schemas.identity.IdentityAudit``."""
Tell = Callable[[Change], None]


def change(
    event: Envelope,
    action: str,
    customer: str,
    *,
    identifier: str | None = None,
    merged: str | None = None,
    unknown: str | None = None,
) -> Change:
    """The record of what an order to identity changed for one customer."""
    return {
        "action": action,
        "customer_id": customer,
        "identifier": identifier,
        "merged": merged,
        "unknown": unknown,
        "source": event.source,
        "event_id": event.id,
        "occurred_at": rfc3339(event.at),
        "effective_at": rfc3339(event.eff),
    }
