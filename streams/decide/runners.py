"""One message that is due: asked again whether it may go, sent, or told why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.base import rfc3339
from streams.decide.experiments import expose
from streams.decide.gates import Standing, standing
from streams.decide.gates.base import Answer
from streams.decide.ledger import reserve
from streams.decide.occasions import OCCASIONS
from streams.decide.occasions.base import Verdict
from streams.decide.records import Episode
from streams.decide.rules import Compiled
from streams.decide.state import Candidate, Send, Sent
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


def episode_of(candidate: Candidate) -> Episode:
    """Which message a candidate is."""
    return Episode(
        candidate.brand,
        candidate.campaign,
        candidate.episode,
        candidate.step,
        candidate.due,
        candidate.valid_until,
    )


def still(fold: CustomerFold, view: View, candidate: Candidate, channel: str) -> Runner | None:
    """The candidate if it may still go; else its record is written, or it waits again, or it ends."""
    episode = episode_of(candidate)
    campaign = view.rules.campaigns.get(candidate.campaign)
    if campaign is None or candidate.step > len(campaign.afters):
        gone = Verdict("suppress", "campaign_withdrawn", value="the campaign no longer exists")
        last = fold.rules.last_known(candidate.campaign)
        fold.decide(view, last, episode, "suppressed", gone.reason, channel=channel, verdict=gone)
        return None
    if view.now > candidate.valid_until:
        answer = Answer("validity", "expired", f"valid until {rfc3339(candidate.valid_until)}")
        waited = Verdict("go", value="waited in its slot")
        fold.decide(view, campaign, episode, "suppressed", "expired", channel=channel, answers=[answer], verdict=waited)
        return None
    after = campaign.afters[candidate.step - 1]
    verdict = OCCASIONS[campaign.occasion].check(view, campaign, candidate.brand, candidate.episode, after)
    if verdict.kind == "wait":
        fold.wait(view.state, episode, verdict.until)
        return None
    if verdict.kind == "end":
        return None
    if verdict.kind == "suppress":
        fold.decide(view, campaign, episode, "suppressed", verdict.reason, channel=channel, verdict=verdict)
        return None
    asked = standing(view, campaign, episode, verdict, channel)
    runner = Runner(campaign, episode, asked)
    if asked.reason:
        suppress(fold, view, runner, asked.reason, asked.answers)
        return None
    return runner


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


def go(fold: CustomerFold, view: View, runner: Runner, channel: str, answers: list[Answer]) -> None:
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
    fold.show(state, now)
