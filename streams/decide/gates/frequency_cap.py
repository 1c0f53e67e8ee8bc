"""Frequency caps: so many messages a window, by channel, category and campaign, of one brand or of all.

Exact, since one partition owns the customer. What is exempt passes, and counts.
"""

from __future__ import annotations

from schemas.caps import Cap
from streams.decide.gates.base import Answer
from streams.decide.ledger import counted, window_start
from streams.decide.rules import Compiled
from streams.decide.view import View


def frequency_cap(view: View, campaign: Compiled, brand: str, channel: str, ghost: bool = False) -> Answer:
    """Each cap that fits: what was sent in its window is fewer than max. Reason: frequency_cap.

    ``ghost``: the message would be one, and other ghosts count for it.
    """
    if campaign.campaign.exempt_from_caps:
        return Answer("frequency_cap", "", "exempt")
    rules, seen = view.brand(brand), list[str]()
    for cap in () if rules is None else rules.caps(campaign.campaign, channel):
        zone_name = None if isinstance(cap.per, int) else view.zone(brand)
        count = counted(view.state, brand, cap, window_start(cap, view.now, zone_name), ghost)
        seen.append(f"{_name(cap)}: {count} of {cap.max} in {_window(cap)}")
        if count >= cap.max:
            return Answer("frequency_cap", "frequency_cap", seen[-1])
    return Answer("frequency_cap", "", "; ".join(seen) or "no cap")


def _name(cap: Cap) -> str:
    parts = [cap.channel, cap.category, cap.campaign, "all brands" if cap.all_brands else None]
    return " ".join(part for part in parts if part)


def _window(cap: Cap) -> str:
    return f"{cap.per // 3_600_000}h" if isinstance(cap.per, int) else f"the {cap.per}"
