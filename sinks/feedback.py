"""What a channel answers about a trigger: a FeedbackEvent whose id is derived, so that an answer sent twice is one."""

from __future__ import annotations

import hashlib
from typing import get_args

from schemas.base import from_ms
from schemas.customers import Channel, FeedbackEvent
from schemas.decisions import Trigger
from streams.identity.names import identifier_of

_IDENTIFIERS = {"email": "email_hash", "card": "loyalty_card_id", "device": "device_id", "anon": "anonymous_id"}
CHANNELS: tuple[str, ...] = get_args(Channel)


def feedback_id(decision_id: str, status: str) -> str:
    """First 32 hex digits of SHA-256 over ``feedback|decision id|status``."""
    return hashlib.sha256(f"feedback|{decision_id}|{status}".encode()).hexdigest()[:32]


def answer(
    trigger: Trigger, channel: str, status: str, at_ms: int, detail: str | None = None, permanent: bool = True
) -> FeedbackEvent | None:
    """The feedback event of a trigger; None when it names no market, without which no event is valid.

    A customer who is not yet known (``anon:…``) is named by the identifier.
    """
    if trigger.market is None:
        return None
    kind, colon, value = identifier_of(trigger.customer_id).partition(":")
    customer = {_IDENTIFIERS[kind]: value} if colon else {"customer_id": trigger.customer_id}
    return FeedbackEvent.model_validate(
        {
            "event_id": feedback_id(trigger.decision_id, status),
            "type": "feedback",
            "occurred_at": from_ms(at_ms),
            "brand": trigger.brand,
            "market": trigger.market,
            "channel": channel,
            "status": status,
            "decision_id": trigger.decision_id,
            "permanent": permanent,
            "detail": detail,
            **customer,
        }
    )
