"""Slots: messages of one brand and channel that come due within the hold window compete for one moment.

Order: priority, then earliest due, then campaign id, episode, step: total. Rules: docs/semantics.md, "Gates".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.base import rfc3339
from streams.decide.gates import Standing, standing
from streams.decide.gates.base import Answer
from streams.decide.gates.frequency_cap import frequency_cap
from streams.decide.local_time import quiet_end
from streams.decide.occasions import OCCASIONS
from streams.decide.occasions.base import Verdict
from streams.decide.records import Episode, decision
from streams.decide.rules import Compiled
from streams.decide.state import LEDGER_KEPT_MS, Candidate, CustomerState, Sent, Slot
from streams.decide.view import View

if TYPE_CHECKING:
    from streams.decide.customer import CustomerFold

Runner = tuple[Compiled, Episode, Standing, Verdict]


def holds(state: CustomerState, brand: str, campaign: str, episode: str, step: int) -> bool:
    """Whether the step waits as a candidate in one of the customer's slots."""
    return any(
        c.campaign == campaign and c.episode == episode and c.step == step and c.brand == brand
        for slot in state.slots.values()
        for c in slot.candidates
    )


def enter(fold: CustomerFold, view: View, campaign: Compiled, due: Episode, asked: Standing, verdict: Verdict) -> None:
    """A message that passed its gates joins the slot of its channel, and opens it if it is the first."""
    name = f"{due.brand}|{asked.channel}"
    slot = view.state.slots.get(name)
    if slot is None:
        slot = view.state.slots[name] = _open(view, due.brand, str(asked.channel))
        fold.open_slot(view.state, slot.release)
    slot.candidates.append(Candidate(due.brand, due.campaign, due.episode, due.step, due.due, due.valid_until))
    if slot.moved:
        answers = [Answer("episode", "", verdict.value), *asked.answers, Answer("quiet_hours", "quiet_hours", "quiet")]
        fold.made.append(
            decision(
                view,
                campaign,
                due,
                "held",
                "quiet_hours",
                channel=asked.channel,
                language=asked.language,
                answers=answers,
                items=verdict.items,
                inputs=verdict.inputs,
            )
        )


def release(fold: CustomerFold, view: View, name: str) -> None:
    """Close a slot: ask everything again, send the best that no cap forbids, say of each other one why not."""
    slot = view.state.slots.pop(name)
    channel = name.split("|")[1]
    order = sorted(slot.candidates, key=lambda c: (c.due, c.campaign, c.episode, c.step))
    runners = [runner for candidate in order if (runner := _still(fold, view, candidate, channel)) is not None]
    runners.sort(key=lambda r: (-r[0].priority, r[1].due, r[1].campaign, r[1].episode, r[1].step))
    winner: str | None = None
    for campaign, episode, asked, verdict in runners:
        if winner is not None:
            answers = [*asked.answers, Answer("arbitration", "outranked", f"{winner} goes first")]
            _suppress(fold, view, campaign, episode, "outranked", asked, answers, verdict)
            continue
        cap = frequency_cap(view, campaign, episode.brand, channel)
        answers = [*asked.answers, cap]
        if cap.reason:
            _suppress(fold, view, campaign, episode, cap.reason, asked, answers, verdict)
            continue
        winner = campaign.id
        if fold.live_from is not None and view.now < fold.live_from:
            answers.append(Answer("go_live", "before_go_live", "due before the pipeline went live"))
            _suppress(fold, view, campaign, episode, "before_go_live", asked, answers, verdict)
            continue
        answers.append(Answer("arbitration", "", f"first of {len(runners)}"))
        _send(fold, view, campaign, episode, asked, answers, verdict)


def abandon(fold: CustomerFold, view: View, name: str, reason: str) -> None:
    """Close a slot without sending: every candidate is suppressed for ``reason``."""
    slot = view.state.slots.pop(name)
    for candidate in sorted(slot.candidates, key=lambda c: (c.due, c.campaign, c.episode, c.step)):
        verdict = Verdict("suppress", reason, value=reason)
        campaign = fold.rules.last_known(candidate.campaign)
        fold.decide(view, campaign, _episode(candidate), "suppressed", reason, verdict=verdict)


def _open(view: View, brand: str, channel: str) -> Slot:
    rules = view.brand(brand)
    if rules is None:
        return Slot(view.now, False)
    moment = view.now + rules.rules.hold_window
    quiet, zone_name = rules.quiet_hours(channel), view.zone(brand)
    end = quiet_end(moment, quiet, zone_name) if quiet is not None and zone_name is not None else None
    return Slot(moment, False) if end is None else Slot(end, True)


def _still(fold: CustomerFold, view: View, candidate: Candidate, channel: str) -> Runner | None:
    """The candidate if it may still go; else its record is written, or it waits again, or it ends."""
    episode = _episode(candidate)
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
    if asked.reason:
        _suppress(fold, view, campaign, episode, asked.reason, asked, asked.answers, verdict)
        return None
    return campaign, episode, asked, verdict


def _episode(candidate: Candidate) -> Episode:
    return Episode(
        candidate.brand,
        candidate.campaign,
        candidate.episode,
        candidate.step,
        candidate.due,
        candidate.valid_until,
    )


def _suppress(
    fold: CustomerFold,
    view: View,
    campaign: Compiled,
    episode: Episode,
    reason: str,
    asked: Standing,
    answers: list[Answer],
    verdict: Verdict,
) -> None:
    fold.decide(
        view,
        campaign,
        episode,
        "suppressed",
        reason,
        channel=asked.channel,
        language=asked.language,
        answers=answers,
        verdict=verdict,
    )


def _send(
    fold: CustomerFold,
    view: View,
    campaign: Compiled,
    episode: Episode,
    asked: Standing,
    answers: list[Answer],
    verdict: Verdict,
) -> None:
    channel, state, now = str(asked.channel), view.state, view.now
    fold.decide(
        view,
        campaign,
        episode,
        "sent",
        "due",
        channel=channel,
        language=asked.language,
        answers=answers,
        verdict=verdict,
    )
    state.ledger[episode.brand] = [
        *((where, at) for where, at in state.ledger.get(episode.brand, []) if at > now - LEDGER_KEPT_MS),
        (channel, now),
    ]
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
