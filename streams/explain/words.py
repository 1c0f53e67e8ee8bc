"""A decision in words: what was due, what became of it, and every gate with what it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.decisions import REASONS

OCCASION_WORDS = {
    "cart_abandoned": "a reminder of the cart",
    "review_request": "a request to review the order",
    "second_purchase": "an offer after the first purchase",
    "reactivation": "a message that we miss the customer",
    "welcome": "a welcome",
    "birthday": "a birthday greeting",
    "segment_changed": "a message about entering or leaving a segment",
    "price_drop": "news of a lower price",
    "back_in_stock": "news that a product is back",
    "complementary_offer": "an offer that fits a purchase",
    "replenishment": "a reminder to buy something again",
    "product_browsed": "a reminder of the products looked at",
    "checkout_abandoned": "a reminder of the checkout",
    "after_return": "help after the return",
    "delivery_late": "a word about the late delivery",
    "anniversary": "an anniversary greeting",
    "channel_shift": "an invitation to the other channel",
    "returning_session": "a greeting at another visit",
    "calendar": "a planned message",
}


def in_words(decision: Mapping[str, Any]) -> str:
    """Sentences about a row of ``core.fct_decisions`` (or a decision record with the same fields)."""
    what = OCCASION_WORDS[decision["occasion"]]
    lines = [
        f"Customer {decision['customer_id']}, {_date(decision['due_at'])}: {what} was due "
        f"(campaign {decision['campaign']}, step {decision['step']}, episode {decision['episode']}).",
        outcome_in_words(decision),
    ]
    if decision.get("correction"):
        lines[-1] += " " + correction_in_words(
            decision["correction"], decision["correction_reason"], decision["corrected_at"]
        )
    lines += [f"  {gate_in_words(gate)}" for gate in decision["gates"]]
    if decision["inputs"]:
        lines.append(f"  It rests on {_listed(decision['inputs'])}.")
    return "\n".join(lines)


def outcome_in_words(decision: Mapping[str, Any]) -> str:
    """What became of a first record: sent, held or suppressed."""
    reason = REASONS[decision["reason"]]
    if decision["outcome"] == "sent":
        return f"It was sent by {decision.get('channel')} at {_date(decision['decided_at'])}."
    return f"It waits: {reason}" if decision["outcome"] == "held" else f"It was not sent: {reason}"


def correction_in_words(outcome: str, reason: str, at: datetime | str) -> str:
    """What became of a message that had been sent."""
    verb = "was cancelled" if outcome == "cancelled" else "could not be taken back"
    return f"It {verb} at {_date(at)}: {REASONS[reason]}"


def gate_in_words(gate: Mapping[str, Any]) -> str:
    """Whether a gate let the message pass, and what it looked at."""
    return f"{'yes' if gate['passed'] else 'NO '} {gate['gate']}: {gate['value']}"


def _date(moment: datetime | str) -> str:
    if isinstance(moment, str):
        return moment[:16].replace("T", " ")
    return f"{moment:%Y-%m-%d %H:%M}"


def _listed(values: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
