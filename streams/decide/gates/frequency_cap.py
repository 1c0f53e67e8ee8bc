"""Frequency caps: rolling windows per brand, on one channel or all; exact, since one partition owns the customer."""

from __future__ import annotations

from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def frequency_cap(view: View, campaign: Compiled, brand: str, channel: str) -> Answer:
    """Each rule for the channel or ``*``: sends with time > now - per are fewer than max. Reason: frequency_cap."""
    rules = view.brand(brand)
    if campaign.campaign.exempt_from_caps:
        return Answer("frequency_cap", "", "exempt")
    sends = view.state.ledger.get(brand, [])
    seen: list[str] = []
    for cap in rules.rules.caps if rules is not None else []:
        if cap.channel not in (channel, "*"):
            continue
        since = view.now - cap.per
        count = len([at for where, at in sends if at > since and cap.channel in (where, "*")])
        seen.append(f"{cap.channel}: {count} of {cap.max} in {cap.per // 3_600_000}h")
        if count >= cap.max:
            return Answer("frequency_cap", "frequency_cap", seen[-1])
    return Answer("frequency_cap", "", "; ".join(seen) or "no cap")
