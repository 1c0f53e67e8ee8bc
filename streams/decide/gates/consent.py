"""Consent and reach: the first channel on which the customer agreed and can be reached. Unknown is no.

Where double opt-in is the rule, a grant counts from its confirmation on; for what is no service message.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.decide.facts import is_confirmed
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def consent(view: View, campaign: Compiled, brand: str, channels: Sequence[str]) -> tuple[Answer, str | None]:
    """The answer and the channel. Reasons: unreachable, consent_unconfirmed, consent_withdrawn, no_consent."""
    purpose, state = campaign.campaign.purpose, view.state
    seen: list[str] = []
    granted = unconfirmed = withdrawn = False
    confirms = purpose != "service" and double_opt_in(view, brand)
    for channel in channels:
        key = f"{brand}|{channel}|{purpose}"
        known = state.consents.get(key)
        if known is None:
            seen.append(f"{channel}: {purpose} not asked")
        elif not known[0]:
            withdrawn = True
            seen.append(f"{channel}: {purpose} withdrawn")
        elif confirms and not is_confirmed(state, key, view.now):
            unconfirmed = True
            seen.append(f"{channel}: {purpose} granted, not confirmed")
        elif state.reach.get(channel):
            return Answer("consent", "", f"{channel}: {purpose} granted, reachable"), channel
        else:
            granted = True
            seen.append(f"{channel}: {purpose} granted, not reachable")
    reasons = {"unreachable": granted, "consent_unconfirmed": unconfirmed, "consent_withdrawn": withdrawn}
    reason = next((reason for reason, holds in reasons.items() if holds), "no_consent")
    return Answer("consent", reason, "; ".join(seen)), None


def double_opt_in(view: View, brand: str) -> bool:
    """Whether the brand wants grants confirmed in the customer's market."""
    rules = view.brand(brand)
    if rules is None:
        return False
    market = rules.rules.markets.get(view.market(brand) or "")
    own = None if market is None else market.double_opt_in
    return rules.rules.double_opt_in if own is None else own
