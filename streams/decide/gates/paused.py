"""Paused: somebody has stopped the campaign, or the channel, from where decide read it.

What comes due meanwhile is suppressed and does not come later. Rules: docs/semantics.md, "Pause".
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.decide.gates.base import Answer
from streams.decide.pauses import Pauses, is_stopped
from streams.decide.rules import Compiled


def paused(
    pauses: Pauses, campaign: Compiled, brand: str, channels: Sequence[str]
) -> tuple[Answer | None, Sequence[str]]:
    """The answer, and the channels that are left. Reasons: campaign_paused, channel_paused. None: nothing concerns the
    message."""
    if is_stopped(pauses, "campaign", campaign.id, brand):
        return Answer("paused", "campaign_paused", campaign.id), ()
    stopped = [channel for channel in channels if is_stopped(pauses, "channel", channel, brand)]
    if not stopped:
        return None, channels
    left = [channel for channel in channels if channel not in stopped]
    return Answer("paused", "" if left else "channel_paused", f"stopped: {', '.join(stopped)}"), left
