"""What became of one customer in each campaign: the last word, the decisions, what waits, and why nothing began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from schemas.base import rfc3339
from schemas.envelope import Envelope
from streams.campaign_faults import similar
from streams.decide.occasions import OCCASIONS
from streams.decide.rules import Compiled
from streams.decide.state import decode_state, encode_state
from streams.decide.view import View
from streams.errors import InputError
from streams.explain.recording import Decision, Recording
from streams.explain.watched import LOOK, Ended

NEVER = "never_entered"
STATUSES: dict[str, str] = {
    "sent": "A message went, and stands.",
    "held": "Quiet hours keep the message back.",
    "suppressed": "A message came due and did not go.",
    "cancelled": "A message was taken back.",
    "regretted": "A message should not have gone, and could not be taken back.",
    "waiting": "An episode has begun, and nothing has come due yet.",
    "ended": "An episode had begun and was over before it came due.",
    NEVER: "No episode has begun; the precondition that does not hold is named.",
}
"""What the last word on a customer in a campaign may be."""


@dataclass
class Account:
    """One campaign and brand."""

    campaign: str
    brand: str
    occasion: str
    version: str | None
    """In force at the end; None: not in force."""
    status: str
    decisions: list[list[Decision]] = field(default_factory=list)
    """The records of each decision, in order."""
    waiting: list[tuple[str, int, int, str]] = field(default_factory=list)
    """(episode, step, until when, for what)."""
    ended: list[Ended] = field(default_factory=list)
    never: str = ""
    """Why nothing ever began."""


def accounts(recording: Recording, only: str | None) -> list[Account]:
    """Every campaign in force at the end or with a word on the customer, by name and brand.

    ``only``: one campaign. Raises InputError when nothing is known of it.
    """
    in_force = {(c.id, brand): c for c in recording.rules.campaigns.values() for brand in c.campaign.brands}
    spoken = {(row["campaign"], row["brand"]) for row in recording.shown}
    spoken |= {(ended.campaign, ended.brand) for ended in recording.ended}
    places = sorted(in_force.keys() | spoken)
    known = sorted({campaign for campaign, _ in places})
    if only is not None and only not in known:
        raise InputError(
            f"Campaign {only!r} was not in force on {rfc3339(recording.now)[:10]} and said nothing of "
            f"{recording.customer}{similar(only, known) or '.'}"
        )
    return [
        _account(recording, campaign, brand, in_force.get((campaign, brand)))
        for campaign, brand in places
        if only in (None, campaign)
    ]


def _account(recording: Recording, campaign: str, brand: str, compiled: Compiled | None) -> Account:
    rows = [row for row in recording.shown if (row["campaign"], row["brand"]) == (campaign, brand)]
    rows.sort(key=lambda row: (row["due_at"], row["episode"], row["step"]))
    decisions = [
        sorted(group, key=lambda row: str(row["decided_at"]))
        for _, group in groupby(rows, key=lambda row: (row["due_at"], row["episode"], row["step"]))
    ]
    ended = [each for each in recording.ended if (each.campaign, each.brand) == (campaign, brand)]
    occasion = compiled.occasion if compiled is not None else _occasion(recording, rows, campaign)
    account = Account(campaign, brand, occasion, None if compiled is None else compiled.version, NEVER, decisions)
    account.ended, account.waiting = ended, list(_waiting(recording, campaign, brand))
    if rows:
        account.status = max(rows, key=lambda row: (row["decided_at"], row["outcome"] != "held"))["outcome"]
    elif account.waiting:
        account.status = "waiting"
    elif ended:
        account.status = "ended"
    elif compiled is not None:
        account.never = why_never(recording, compiled, brand)
    return account


def _occasion(recording: Recording, rows: list[Decision], campaign: str) -> str:
    return str(rows[-1]["occasion"]) if rows else recording.fold.rules.last_known(campaign).occasion


def _waiting(recording: Recording, campaign: str, brand: str) -> Iterator[tuple[str, int, int, str]]:
    """Timers and slots; what looks at nothing but the clock is not told."""
    state = recording.state
    for name, due in sorted(state.timers.items(), key=lambda row: row[1]):
        place, of, episode, step = name.split("|")
        if (place, of) == (brand, campaign) and not episode.endswith(LOOK):
            yield episode, int(step), due, "it comes due"
    for name, slot in sorted(state.slots.items()):
        for c in slot.candidates:
            if (c.brand, c.campaign) == (brand, campaign):
                quiet = "quiet hours end" if slot.moved else "the hold window ends"
                yield c.episode, c.step, slot.release, f"{quiet} on {name.split('|')[1]}"


def why_never(recording: Recording, campaign: Compiled, brand: str) -> str:
    """Which precondition did not hold, in words. Nothing was armed, decided or ended."""
    state = decode_state(encode_state(recording.state))  # asking may leave notes in it
    if not recording.events:
        return f"Nothing is known of {recording.customer} here."
    view = View(state, recording.now, recording.rules, recording.fold.rules)
    occasion = OCCASIONS[campaign.occasion]
    missing = occasion.missing(view, campaign, brand)
    if missing:
        return missing
    over = [
        arming
        for arming in occasion.arm(view, campaign, brand, None)
        if arming.anchor + campaign.afters[-1] + campaign.valid_for < recording.now
    ]
    if over:
        return f"Episode {over[-1].episode} counts from {moment(over[-1].anchor)}: it was over when it became known."
    return "Its episode is decided, or over, under the name of a customer who became this one."


def evidence(recording: Recording, decision: Decision) -> list[tuple[str, Envelope | None]]:
    """The inputs of a decision, each with the event that it names (by event, order or receipt id)."""
    by_id: dict[str, Envelope] = {}
    for event in reversed(recording.events):
        names: tuple[Any, ...] = (event.id,)
        if event.type in ("order.placed", "pos.receipt"):
            names = (event.id, event.data.get("order"), event.data.get("receipt"))
        for name in names:
            if name is not None:
                by_id[name] = event
    return [(name, by_id.get(name)) for name in decision["inputs"]]


def moment(ms: int) -> str:
    """UTC to the minute."""
    return rfc3339(ms)[:16].replace("T", " ")
