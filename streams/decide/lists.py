"""Lists: messages of a channel or voucher pool with a capacity wait for a place (``streams.capacity`` gives them).

The winner of a slot becomes a candidate of the list's next cut-off and has its place in the customer's caps at once, as
of the time of the answer. Chosen, its gates are asked again; not chosen, it gives the place in the caps back. Rules:
docs/semantics.md, "Lists".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.capacity import CapacityList
from schemas.envelope import Envelope
from streams.decide import ledger
from streams.decide.cutoffs import next_cutoff
from streams.decide.gates.base import Answer
from streams.decide.occasions.base import Verdict
from streams.decide.records import Made, decision, offer_of
from streams.decide.runners import Runner, episode_of, go, rank, still, suppress
from streams.decide.sending_times import wait_of
from streams.decide.state import Candidate, CustomerState, Listed, Send
from streams.decide.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.decide.customer import CustomerFold

ANSWER = "capacity.answer"
GATE = "capacity"


def list_for(view: View, runner: Runner, channel: str, passed: Sequence[str] = ()) -> CapacityList | None:
    """The first list of the brand, in the order of its rules, that takes the message and has not let it pass yet."""
    rules = view.brand(runner.episode.brand)
    for one in () if rules is None else rules.rules.lists:
        if one.id not in passed and (one.channel == channel if one.pool is None else one.pool == _pool(runner)):
            return one
    return None


def is_too_late(view: View, runner: Runner, wanted: CapacityList) -> bool:
    """Whether the answer would come after the message is valid."""
    return next_cutoff(wanted, view.now) + wanted.answer_after > runner.episode.valid_until


def enlist(
    fold: CustomerFold,
    view: View,
    runner: Runner,
    channel: str,
    answers: list[Answer],
    wanted: CapacityList,
    passed: Sequence[str] = (),
) -> None:
    """The message waits for a place from the next cut-off on, and has its place in the caps already."""
    campaign, episode, state = runner.campaign, runner.episode, view.state
    cutoff, name = next_cutoff(wanted, view.now), f"{episode.brand}|{wanted.id}"
    answer_at = cutoff + wanted.answer_after
    candidate = Candidate(
        episode.brand, episode.campaign, episode.episode, episode.step, episode.due, episode.valid_until
    )
    id_ = f"capacity/{name}/{cutoff}/{episode.key}/{state.customer}"
    state.listed[episode.key] = Listed(candidate, episode.id, channel, wanted.id, id_, answer_at, list(passed))
    fold.wait(state, episode, answer_at)
    category = campaign.campaign.category or ""
    ledger.give_back(state, episode.brand, episode.id)
    ledger.reserve(state, episode.brand, Send(channel, answer_at, episode.id, campaign.id, category))
    answers.append(Answer(GATE, GATE, f"waits for the list {wanted.id}"))
    fold.made.append(_held(view, runner, channel, GATE, answers))
    data = {
        "list": name,
        "key": episode.key,
        "answer_at": answer_at,
        "max": wanted.max,
        "total": wanted.total,
        "rank": list(rank(runner)),
    }
    fold.enlisted.append(
        Envelope(id_, "capacity.candidate", GATE, state.customer, view.now, cutoff, episode.brand, data=data)
    )


def hear(state: CustomerState, event: Envelope) -> bool:
    """Take an answer down; False: no message of the customer waits for it. It counts when its timer rings."""
    listed = state.listed.get(event.data["key"])
    if listed is None or listed.id != event.id:
        return False
    listed.word = "chosen" if event.data["chosen"] else "declined"
    listed.value = event.data["value"]
    return True


def end(fold: CustomerFold, view: View, key: str, reason: str) -> None:
    """A waiting message ends for a reason that concerns the customer."""
    listed = view.state.listed.pop(key)
    ledger.give_back(view.state, listed.candidate.brand, listed.decision)
    campaign, verdict = fold.rules.last_known(listed.candidate.campaign), Verdict("suppress", reason, value=reason)
    fold.decide(view, campaign, episode_of(listed.candidate), "suppressed", reason, verdict=verdict)


def answered(fold: CustomerFold, view: View, key: str) -> None:
    """The time of the answer has come, or of one that was put off."""
    listed = view.state.listed[key]
    candidate, channel = listed.candidate, listed.channel
    answer = Answer(GATE, "" if listed.word == "chosen" else "capacity_full", listed.value)
    runner = None
    if listed.word == "chosen":
        runner = still(fold, view, candidate, channel)
    else:
        campaign, episode = fold.rules.last_known(candidate.campaign), episode_of(candidate)
        waited = Verdict("go", value="waited for a place")
        fold.decide(
            view, campaign, episode, "suppressed", answer.reason, channel=channel, answers=[answer], verdict=waited
        )
    del view.state.listed[key]
    if runner is None:
        ledger.give_back(view.state, candidate.brand, listed.decision)
        return
    _chosen(fold, view, runner, listed, [*runner.asked.answers, answer])


def _chosen(fold: CustomerFold, view: View, runner: Runner, listed: Listed, answers: list[Answer]) -> None:
    """It has its place and passes its gates: on to the next list, at a better time, or now."""
    state, brand, channel = view.state, listed.candidate.brand, listed.channel
    passed = [*listed.passed, listed.name]
    wanted = None if runner.asked.ghost else list_for(view, runner, channel, passed)
    wait = wait_of(view, brand, channel, view.now)
    if wanted is not None and is_too_late(view, runner, wanted):
        ledger.give_back(state, brand, listed.decision)
        late = Answer("validity", "expired", f"the list {wanted.id} answers later")
        suppress(fold, view, runner, "expired", [*answers, late])
    elif wanted is not None:
        enlist(fold, view, runner, channel, answers, wanted, passed)
    elif wait is not None:
        state.listed[runner.episode.key] = listed
        ledger.move(state, brand, listed.decision, wait.until)
        fold.wait(state, runner.episode, wait.until)
        fold.made.append(
            _held(view, runner, channel, wait.reason, [*answers, Answer(wait.reason, wait.reason, wait.value)])
        )
    else:
        ledger.give_back(state, brand, listed.decision)
        go(fold, view, runner, channel, answers)


def _pool(runner: Runner) -> str | None:
    offer = offer_of(runner.campaign, runner.episode.step, runner.asked.arm)
    return None if offer is None else offer.pool


def _held(view: View, runner: Runner, channel: str, reason: str, answers: list[Answer]) -> Made:
    asked = runner.asked
    return decision(
        view,
        runner.campaign,
        runner.episode,
        "held",
        reason,
        channel=channel,
        language=asked.language,
        answers=[Answer("episode", "", asked.verdict.value), *answers],
        items=asked.verdict.items,
        inputs=asked.verdict.inputs,
    )
