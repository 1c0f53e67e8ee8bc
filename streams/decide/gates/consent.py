"""Consent and reach: the first channel on which the customer agreed and can be reached. Unknown is no."""

from __future__ import annotations

from collections.abc import Sequence

from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def consent(view: View, campaign: Compiled, brand: str, channels: Sequence[str]) -> tuple[Answer, str | None]:
    """The answer and the channel. Reasons: unreachable, consent_withdrawn, no_consent."""
    purpose, state = campaign.campaign.purpose, view.state
    seen: list[str] = []
    granted = withdrawn = False
    for channel in channels:
        known = state.consents.get(f"{brand}|{channel}|{purpose}")
        if known is None:
            seen.append(f"{channel}: {purpose} not asked")
        elif not known[0]:
            withdrawn = True
            seen.append(f"{channel}: {purpose} withdrawn")
        elif state.reach.get(channel):
            return Answer("consent", "", f"{channel}: {purpose} granted, reachable"), channel
        else:
            granted = True
            seen.append(f"{channel}: {purpose} granted, not reachable")
    reason = "unreachable" if granted else "consent_withdrawn" if withdrawn else "no_consent"
    return Answer("consent", reason, "; ".join(seen)), None
