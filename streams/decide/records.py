"""The records that decide writes: decisions and triggers as the contracts in ``schemas.decisions`` say."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from schemas.base import rfc3339
from schemas.campaigns import Arm, Content, Offer
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.state import Sent
from streams.decide.view import View

Record = dict[str, Any]


class Made(msgspec.Struct):
    """A decision record, and the trigger that goes with it."""

    decision: Record
    trigger: Record | None = None


class Episode(msgspec.Struct, frozen=True):
    """Which message it is about."""

    brand: str
    campaign: str
    episode: str
    step: int
    due: int
    valid_until: int

    @property
    def key(self) -> str:
        """``brand|campaign|episode|step``: key of timers and of what is decided."""
        return f"{self.brand}|{self.campaign}|{self.episode}|{self.step}"

    @property
    def id(self) -> str:
        """The decision id: first 32 hex digits of SHA-256 of ``key``."""
        return sha256(self.key.encode()).hexdigest()[:32]


def decision(
    view: View,
    campaign: Compiled,
    episode: Episode,
    outcome: str,
    reason: str,
    *,
    channel: str | None = None,
    language: str | None = None,
    answers: Iterable[Answer] = (),
    items: Iterable[tuple[str, int]] = (),
    inputs: Iterable[str] = (),
    arm: Arm | None = None,
    mixed: bool = False,
) -> Made:
    """A first record of a decision: sent, ghost, suppressed or held. A ghost says what would have been sent."""
    sends = outcome in ("sent", "ghost")
    record: Record = {
        "decision_id": episode.id,
        "outcome": outcome,
        "reason": reason,
        "brand": episode.brand,
        "customer_id": view.state.customer,
        "campaign": campaign.id,
        "campaign_version": campaign.version,
        "occasion": campaign.occasion,
        "episode": episode.episode,
        "step": episode.step,
        "channel": channel,
        "market": view.market(episode.brand),
        "due_at": rfc3339(episode.due),
        "decided_at": rfc3339(view.now),
        "valid_until": rfc3339(episode.valid_until),
        "handed_over": False,
        "late": False,
        "gates": [answer.record() for answer in answers],
        "items": [{"product_id": product, "quantity": quantity} for product, quantity in items],
        "offer": _offer(campaign, episode.step, arm, view.now) if sends else None,
        "content_key": _content(campaign, arm).key if sends else None,
        "language": language,
        "inputs": list(inputs),
        "arm": None if arm is None else arm.id,
        "mixed": mixed,
    }
    return Made(record, _trigger(record, "send") if outcome == "sent" else None)


def correction(view: View, sent: Sent, outcome: str, reason: str, *, event_id: str, late: bool) -> Made:
    """A later record of a sent decision: cancelled or regretted. Its trigger has the customer of the send, and with it
    the key, so that it cannot overtake the send, although a merge has given the decision to another customer."""
    record: Record = {
        "decision_id": sent.id,
        "outcome": outcome,
        "reason": reason,
        "brand": sent.brand,
        "customer_id": view.state.customer,
        "campaign": sent.campaign,
        "campaign_version": sent.version,
        "occasion": sent.occasion,
        "episode": sent.episode,
        "step": sent.step,
        "channel": sent.channel,
        "market": view.market(sent.brand),
        "due_at": rfc3339(sent.due),
        "decided_at": rfc3339(view.now),
        "valid_until": rfc3339(sent.valid_until),
        "handed_over": False,
        "late": late,
        "gates": [{"gate": "correction", "passed": False, "value": f"sent {rfc3339(sent.decided)}, event {event_id}"}],
        "items": [{"product_id": product, "quantity": quantity} for product, quantity in sent.items],
        "offer": None,
        "content_key": None,
        "language": None,
        "inputs": [event_id],
        "arm": None,
        "mixed": False,
    }
    if outcome != "cancelled":
        return Made(record)
    return Made(record, {**_trigger(record, "cancel"), "customer_id": sent.customer or view.state.customer})


def _trigger(record: Record, action: str) -> Record:
    return {
        "action": action,
        "decision_id": record["decision_id"],
        "brand": record["brand"],
        "market": record["market"],
        "customer_id": record["customer_id"],
        "campaign": record["campaign"],
        "occasion": record["occasion"],
        "step": record["step"],
        "reason": record["reason"],
        "content_key": record["content_key"],
        "language": record["language"],
        "items": record["items"],
        "offer": record["offer"],
        "valid_from": record["decided_at"],
        "valid_until": record["valid_until"],
    }


def _content(campaign: Compiled, arm: Arm | None) -> Content:
    own = None if arm is None else arm.content
    return own or campaign.campaign.content


def offer_of(campaign: Compiled, step: int, arm: Arm | None) -> Offer | None:
    """What a step's message offers: the arm's, else the step's, else the campaign's."""
    own = None if arm is None else arm.offer
    return own or campaign.campaign.steps[step - 1].offer or campaign.campaign.offer


def _offer(campaign: Compiled, step: int, arm: Arm | None, now: int) -> Record | None:
    offer = offer_of(campaign, step, arm)
    if offer is None:
        return None
    return {
        "kind": offer.kind,
        "value": offer.value,
        "code": offer.code,
        "pool": offer.pool,
        "valid_until": rfc3339(now + offer.valid_for),
    }
