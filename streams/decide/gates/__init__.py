"""Gates: may a message that is due go? Each is a small pure function that says yes, or no with a reason code.

``standing`` asks those that depend on the customer and the campaign alone, in the documented order; what depends on
other messages (slot, caps) is asked at the release (``streams.decide.slots``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from schemas.campaigns import Arm
from streams.decide.conditions.types import Moment
from streams.decide.gates.arm import arm
from streams.decide.gates.base import Answer
from streams.decide.gates.condition import condition
from streams.decide.gates.consent import consent
from streams.decide.gates.content import content
from streams.decide.gates.holdout import holdout
from streams.decide.gates.lifecycle import lifecycle
from streams.decide.gates.paused import paused
from streams.decide.gates.products import products
from streams.decide.gates.time_zone import time_zone
from streams.decide.occasions.base import Verdict
from streams.decide.rules import Compiled
from streams.decide.view import View

if TYPE_CHECKING:
    from streams.decide.records import Episode


class Standing(msgspec.Struct):
    """The answers so far, in order; the last one decides."""

    answers: list[Answer]
    verdict: Verdict
    """The occasion's, with the items that can be had."""
    channel: str | None = None
    language: str | None = None
    ghost: str = ""
    """The reason why it would be a ghost; empty: it may be sent."""
    arm: Arm | None = None

    @property
    def reason(self) -> str:
        """The reason code of the gate that stopped the message; empty when all let it pass."""
        return self.answers[-1].reason


def standing(view: View, campaign: Compiled, due: Episode, verdict: Verdict, channel: str | None = None) -> Standing:
    """Ask pause, condition, lifecycle, consent and reach, holdout, arm, content, products and zone, in this order, of
    an episode whose ``verdict`` is to go.

    ``channel``: already chosen, else the first that works.
    """
    result, brand = Standing([], verdict), due.brand
    channels: Sequence[str] = campaign.campaign.channels if channel is None else [channel]
    if view.pauses:
        stopped, channels = paused(view.pauses, campaign, brand, channels)
        if stopped is not None:
            result.answers.append(stopped)
            if result.reason:
                return result
    if campaign.condition is not None:
        moment = Moment(view, campaign, brand, due.episode, due.step, verdict.items)
        result.answers.append(condition(campaign.condition, moment))
        if result.reason:
            return result
    result.answers.append(lifecycle(view, campaign, brand))
    if result.reason:
        return result
    answer, result.channel = consent(view, campaign, brand, channels)
    result.answers.append(answer)
    if result.channel is not None:
        _of_the_message(view, campaign, brand, result.channel, result)
    return result


def _of_the_message(view: View, campaign: Compiled, brand: str, channel: str, result: Standing) -> None:
    """The gates that need a channel: until one stops the message, or to the end."""
    held_out = holdout(view, campaign, brand)
    if held_out is not None:
        result.answers.append(held_out)
        result.ghost = held_out.reason
    drawn, result.arm = arm(view, campaign)
    if drawn is not None:
        result.answers.append(drawn)
    own = None if result.arm is None else result.arm.content
    answer, result.language = content(view, own or campaign.campaign.content, brand)
    result.answers.append(answer)
    if result.language is None:
        return
    sold, result.verdict = products(view, campaign, brand, result.verdict)
    if sold is not None:
        result.answers.append(sold)
        if result.reason:
            return
    result.answers.append(time_zone(view, campaign, brand, channel))
