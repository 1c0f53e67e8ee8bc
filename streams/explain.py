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
        _outcome(decision),
    ]
    lines += [f"  {_gate(gate)}" for gate in decision["gates"]]
    if decision["inputs"]:
        lines.append(f"  It rests on {_listed(decision['inputs'])}.")
    return "\n".join(lines)


def _outcome(decision: Mapping[str, Any]) -> str:
    reason = REASONS[decision["reason"]]
    channel = decision.get("channel")
    if decision["outcome"] == "sent":
        text = f"It was sent by {channel} at {_date(decision['decided_at'])}."
    elif decision["outcome"] == "held":
        text = f"It waits: {reason}"
    else:
        text = f"It was not sent: {reason}"
    if decision.get("correction"):
        verb = "was cancelled" if decision["correction"] == "cancelled" else "could not be taken back"
        text += f" It {verb} at {_date(decision['corrected_at'])}: {REASONS[decision['correction_reason']]}"
    return text


def _gate(gate: Mapping[str, Any]) -> str:
    return f"{'yes' if gate['passed'] else 'NO '} {gate['gate']}: {gate['value']}"


def _date(moment: datetime | str) -> str:
    if isinstance(moment, str):
        return moment[:16].replace("T", " ")
    return f"{moment:%Y-%m-%d %H:%M}"


def _listed(values: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
