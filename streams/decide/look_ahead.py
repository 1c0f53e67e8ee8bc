"""Look-ahead: a slot waits for a message of higher priority that already has its time.

Only the customer's own timers are looked at, and none of their gates is asked before its time. Rules:
docs/semantics.md, "Slot".
"""

from __future__ import annotations

from streams.decide.gates.frequency_cap import frequency_cap
from streams.decide.occasions import OCCASIONS
from streams.decide.runners import Runner
from streams.decide.sending_times import Wait
from streams.decide.view import View


def wait_for(view: View, brand: str, channel: str, runners: list[Runner]) -> Wait | None:
    """How long the slot waits; None: what would go now goes. It waits for the earliest, and never longer than the
    message that would go now is valid."""
    rules = view.brand(brand)
    span = 0 if rules is None else rules.rules.look_ahead
    if not span or not view.state.timers:
        return None
    best = _would_go(view, brand, channel, runners)
    if best is None:
        return None
    until, latest = None, min(view.now + span, best.episode.valid_until)
    for name, due in view.state.timers.items():
        if due > latest:
            continue
        moment = _moment(view, name, due, brand, channel, best.campaign.priority)
        if moment is not None and view.now < moment <= latest and (until is None or (moment, name) < until):
            until = moment, name
    if until is None:
        return None
    return Wait(until[0], "look_ahead", f"{until[1].split('|')[1]} is about to come due")


def _would_go(view: View, brand: str, channel: str, runners: list[Runner]) -> Runner | None:
    """The first that no cap forbids."""
    for runner in runners:
        if not frequency_cap(view, runner.campaign, brand, channel, bool(runner.asked.ghost)).reason:
            return runner
    return None


def _moment(view: View, name: str, due: int, brand: str, channel: str, priority: int) -> int | None:
    """When a timer comes due as things stand; None: it is of another slot or of no higher priority, or its episode is
    over already."""
    of_brand, campaign_id, episode, step = name.split("|")
    campaign = view.rules.campaigns.get(campaign_id)
    if name in view.state.listed:
        return None
    if of_brand != brand or campaign is None or campaign.priority <= priority or int(step) > len(campaign.afters):
        return None
    if channel not in campaign.campaign.channels or brand not in campaign.campaign.brands:
        return None
    verdict = OCCASIONS[campaign.occasion].check(view, campaign, brand, episode, campaign.afters[int(step) - 1])
    if verdict.kind in ("end", "suppress"):
        return None
    return max(due, verdict.until) if verdict.kind == "wait" else due
