"""Arbitration: of the messages of one slot the best goes, and each other one is told why not.

Order: priority, then expected value, then earliest due, then campaign id, episode, step: total. A ghost stands in the
way of other ghosts only, since for everyone else it is not there. Rules: docs/semantics.md, "Slot".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.decide.experiments import expose
from streams.decide.gates import Standing
from streams.decide.gates.base import Answer
from streams.decide.gates.frequency_cap import frequency_cap
from streams.decide.ledger import reserve
from streams.decide.records import Episode
from streams.decide.rules import Compiled
from streams.decide.state import Send, Sent
from streams.decide.view import View

if TYPE_CHECKING:
    from streams.decide.customer import CustomerFold


class Runner(NamedTuple):
    """A candidate that passed all gates at the release."""

    campaign: Compiled
    episode: Episode
    asked: Standing


def rank(runner: Runner) -> tuple[int, int, int, str, str, int]:
    """Sorts the best first."""
    campaign, episode = runner.campaign, runner.episode
    return -campaign.priority, -campaign.worth, episode.due, episode.campaign, episode.episode, episode.step


def settle(fold: CustomerFold, view: View, brand: str, channel: str, runners: list[Runner]) -> None:
    """Decide about all, best first."""
    sent, ghost = "", ""
    for runner in runners:
        asked = runner.asked
        ahead = sent or (ghost if asked.ghost else "")
        if ahead:
            answer = Answer("arbitration", "outranked", f"{ahead} goes first")
            suppress(fold, view, runner, "outranked", [*asked.answers, answer])
            continue
        cap = frequency_cap(view, runner.campaign, brand, channel, bool(asked.ghost))
        answers = [*asked.answers, cap]
        if cap.reason:
            suppress(fold, view, runner, cap.reason, answers)
            continue
        if asked.ghost:
            ghost = runner.campaign.id
        else:
            sent = runner.campaign.id
        if fold.live_from is not None and view.now < fold.live_from:
            answers.append(Answer("go_live", "before_go_live", "due before the pipeline went live"))
            suppress(fold, view, runner, "before_go_live", answers)
            continue
        answers.append(Answer("arbitration", "", f"first of {len(runners)}"))
        _go(fold, view, runner, channel, answers)


def suppress(fold: CustomerFold, view: View, runner: Runner, reason: str, answers: list[Answer]) -> None:
    """Write that a candidate is not sent."""
    asked = runner.asked
    fold.decide(
        view,
        runner.campaign,
        runner.episode,
        "suppressed",
        reason,
        channel=asked.channel,
        language=asked.language,
        answers=answers,
        verdict=asked.verdict,
    )


def _go(fold: CustomerFold, view: View, runner: Runner, channel: str, answers: list[Answer]) -> None:
    """Send a message, or log the ghost of it, and take its place in the ledger."""
    campaign, episode, asked = runner
    state, now, verdict = view.state, view.now, asked.verdict
    rules, arm = view.brand(episode.brand), asked.arm
    of_brand = rules.rules.holdout if rules is not None and campaign.campaign.purpose != "service" else None
    mixed = expose(state, campaign, of_brand, episode.brand, asked.ghost, None if arm is None else arm.id)
    fold.decide(
        view,
        campaign,
        episode,
        "ghost" if asked.ghost else "sent",
        asked.ghost or "due",
        channel=channel,
        language=asked.language,
        answers=answers,
        verdict=verdict,
        arm=arm,
        mixed=mixed,
    )
    category = campaign.campaign.category or ""
    place = Send(channel, now, episode.id, campaign.id, category, ghost=bool(asked.ghost))
    reserve(state, episode.brand, place)
    if asked.ghost:
        return
    state.sent.append(
        Sent(
            episode.id,
            episode.brand,
            campaign.id,
            campaign.version,
            campaign.occasion,
            episode.episode,
            episode.step,
            channel,
            campaign.campaign.purpose,
            episode.due,
            now,
            episode.valid_until,
            verdict.since,
            list(verdict.items),
            list(verdict.wanted),
        )
    )
