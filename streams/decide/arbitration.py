"""Arbitration: of the messages of one slot the best goes, and each other one is told why not.

Order: priority, then expected value, then earliest due, then campaign id, episode, step: total. A ghost stands in the
way of other ghosts only, since for everyone else it is not there. Rules: docs/semantics.md, "Slot".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.decide import lists
from streams.decide.gates.base import Answer
from streams.decide.gates.frequency_cap import frequency_cap
from streams.decide.runners import Runner, go, suppress
from streams.decide.view import View

if TYPE_CHECKING:
    from streams.decide.customer import CustomerFold


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
        wanted = None if asked.ghost else lists.list_for(view, runner, channel)
        if wanted is not None and lists.is_too_late(view, runner, wanted):
            answers.append(Answer("validity", "expired", f"the list {wanted.id} answers later"))
            suppress(fold, view, runner, "expired", answers)
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
        if wanted is not None:
            lists.enlist(fold, view, runner, channel, answers, wanted)
        else:
            go(fold, view, runner, channel, answers)
