"""Slots: messages of one brand and channel that come due within the hold window compete for one moment.

A slot opens with its first candidate, waits while nothing may go, and is settled at its release
(``streams.decide.arbitration``). Rules: docs/semantics.md, "Slot".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.decide import arbitration, look_ahead
from streams.decide.gates import Standing
from streams.decide.gates.base import Answer
from streams.decide.gates.source_fresh import WAITS, look_again_at, source_fresh
from streams.decide.occasions.base import Verdict
from streams.decide.records import Episode, decision
from streams.decide.rules import Compiled
from streams.decide.runners import Runner, episode_of, rank, still, suppress
from streams.decide.sending_times import Wait, wait_of
from streams.decide.state import Candidate, CustomerState, Slot
from streams.decide.view import View

if TYPE_CHECKING:
    from streams.decide.customer import CustomerFold


def holds(state: CustomerState, brand: str, campaign: str, episode: str, step: int) -> bool:
    """Whether the step waits as a candidate in one of the customer's slots."""
    return any(
        c.campaign == campaign and c.episode == episode and c.step == step and c.brand == brand
        for slot in state.slots.values()
        for c in slot.candidates
    )


def enter(fold: CustomerFold, view: View, campaign: Compiled, due: Episode, asked: Standing) -> None:
    """A message that passed its gates joins the slot of its channel, and opens it if it is the first."""
    name = f"{due.brand}|{asked.channel}"
    slot = view.state.slots.get(name)
    if slot is None:
        slot = view.state.slots[name] = _open(view, due.brand, str(asked.channel))
        fold.open_slot(view.state, slot.release)
    slot.candidates.append(Candidate(due.brand, due.campaign, due.episode, due.step, due.due, due.valid_until))
    if slot.moved:
        verdict, waits = asked.verdict, Answer(slot.why, slot.why, slot.value)
        fold.made.append(
            decision(
                view,
                campaign,
                due,
                "held",
                slot.why,
                channel=asked.channel,
                language=asked.language,
                answers=[Answer("episode", "", verdict.value), *asked.answers, waits],
                items=verdict.items,
                inputs=verdict.inputs,
            )
        )


def release(fold: CustomerFold, view: View, name: str, *, at_once: bool = False) -> None:
    """Close a slot: ask everything again, send the best that no cap forbids, say of each other one why not.

    It opens again when nothing may go now (the zone may have changed), for what waits for a source, or for a better
    message that is about to come due; the latter not ``at_once``.
    """
    slot = view.state.slots.pop(name)
    brand, channel = name.split("|")
    wait = wait_of(view, brand, channel, view.now)
    if wait is None:
        order = sorted(slot.candidates, key=lambda c: (c.due, c.campaign, c.episode, c.step))
        runners = [runner for candidate in order if (runner := still(fold, view, candidate, channel)) is not None]
        runners.sort(key=rank)
        runners, waiting, behind = _split(fold, view, runners)
        wait = None if at_once else look_ahead.wait_for(view, brand, channel, runners)
        if wait is None:
            arbitration.settle(fold, view, brand, channel, runners)
            runners, wait = [], behind
            if wait is None:
                return
        elif behind is not None:
            wait = min(wait, behind)
        left = {(one.episode.campaign, one.episode.episode, one.episode.step) for one in [*runners, *waiting]}
        slot.candidates = [c for c in slot.candidates if (c.campaign, c.episode, c.step) in left]
    _wait(fold, view, name, slot, wait)


def abandon(fold: CustomerFold, view: View, name: str, reason: str) -> None:
    """Close a slot without sending: every candidate is suppressed for ``reason``."""
    slot = view.state.slots.pop(name)
    for candidate in sorted(slot.candidates, key=lambda c: (c.due, c.campaign, c.episode, c.step)):
        verdict = Verdict("suppress", reason, value=reason)
        campaign = fold.rules.last_known(candidate.campaign)
        fold.decide(view, campaign, episode_of(candidate), "suppressed", reason, verdict=verdict)


def _open(view: View, brand: str, channel: str) -> Slot:
    rules = view.brand(brand)
    moment = view.now if rules is None else view.now + rules.rules.hold_window
    wait = wait_of(view, brand, channel, moment)
    return Slot(moment, False) if wait is None else Slot(wait.until, True, why=wait.reason, value=wait.value)


def _wait(fold: CustomerFold, view: View, name: str, slot: Slot, wait: Wait) -> None:
    """Open a slot again until a later moment; who has not been said to wait is now."""
    view.state.slots[name] = Slot(wait.until, True, slot.candidates, wait.reason, wait.value)
    fold.open_slot(view.state, wait.until)
    if slot.moved:
        return
    answer = Answer(wait.reason, wait.reason, wait.value)
    for candidate in sorted(slot.candidates, key=lambda c: (c.due, c.campaign, c.episode, c.step)):
        campaign, channel = fold.rules.last_known(candidate.campaign), name.split("|")[1]
        made = decision(view, campaign, episode_of(candidate), "held", wait.reason, channel=channel, answers=[answer])
        fold.made.append(made)


def _split(fold: CustomerFold, view: View, runners: list[Runner]) -> tuple[list[Runner], list[Runner], Wait | None]:
    """Ask of each whether its sources are fresh: (those that may go, those that wait, until when); stale ones are
    suppressed."""
    if fold.sources is None:
        return runners, [], None
    fresh, waiting, waits = list[Runner](), list[Runner](), list[Wait]()
    for runner in runners:
        campaign, due = runner.campaign, runner.episode.due
        answer = source_fresh(fold.sources, campaign, due, view.now)
        if answer is not None:
            runner.asked.answers.append(answer)
        if answer is None or not answer.reason:
            fresh.append(runner)
        elif answer.reason == WAITS:
            waiting.append(runner)
            waits.append(Wait(look_again_at(campaign, due, view.now), WAITS, answer.value))
        else:
            suppress(fold, view, runner, answer.reason, runner.asked.answers)
    return fresh, waiting, min(waits, default=None)
