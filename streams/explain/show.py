"""An explanation as lines for a terminal, and as an object for tools (docs/explain.md)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from schemas.base import rfc3339, to_ms
from schemas.envelope import Envelope
from streams.explain.compare import Comparison
from streams.explain.event_words import event_in_words
from streams.explain.recording import Decision, Recording
from streams.explain.story import NEVER, STATUSES, Account, evidence, moment
from streams.explain.words import OCCASION_WORDS, correction_in_words, gate_in_words, outcome_in_words
from streams.identity.names import identifier_of


class Row(NamedTuple):
    """A row of the timeline."""

    at: int
    """When it counted."""
    kind: str
    """event, decision or ended."""
    name: str
    """Type of the event, or campaign."""
    what: str
    id: str
    """Of the event or decision; of what ended, the episode."""
    customer: str
    """Under which name it came."""
    occurred_at: int


CORRECTIONS = ("cancelled", "regretted")
DIFFERENCES_SHOWN = 10


def timeline(recording: Recording, accounts: Sequence[Account], campaign: str | None) -> list[Row]:
    """Events, decisions and silent ends in the order of their times. ``campaign``: decisions of this one only."""
    rows = [
        Row(event.eff, "event", event.type, event_in_words(event), event.id, event.customer, event.at)
        for event in recording.events
    ]
    for row in recording.shown:
        if campaign in (None, row["campaign"]):
            at, by = _ms(row["decided_at"]), f" by {row['channel']}" if row["channel"] else ""
            what = f"step {row['step']} {row['outcome']} ({row['reason']}){by}"
            rows.append(Row(at, "decision", row["campaign"], what, row["decision_id"], row["customer_id"], at))
    for ended in (ended for account in accounts for ended in account.ended):
        what = f"step {ended.step} ended, nothing was due: {ended.why}"
        rows.append(Row(ended.at, "ended", ended.campaign, what, ended.episode, ended.customer, ended.at))
    return sorted(rows, key=lambda row: row.at)


def in_lines(
    recording: Recording,
    accounts: Sequence[Account],
    comparison: Comparison | None,
    campaign: str | None,
    last: int,
    width: int,
) -> Iterator[str]:
    """The explanation for a terminal of ``width`` columns; of the timeline the ``last`` rows."""
    for line in _head(recording):
        yield from _wrapped(line, width, 2)
    rows = timeline(recording, accounts, campaign)
    yield ""
    yield f"Timeline (UTC{f', the last {last} of {len(rows)} rows' if len(rows) > last else ''})"
    for row in rows[-last:]:
        sign = {"event": "  ", "decision": "->", "ended": " x"}[row.kind]
        late = f" [late, of {moment(row.occurred_at)}]" if row.at > row.occurred_at else ""
        whose = "" if row.customer == recording.customer else f" [{row.customer}]"
        yield from _wrapped(f"  {moment(row.at)} {sign} {row.name:<20} {row.what}{late}{whose}".rstrip(), width, 22)
    for account in accounts:
        yield ""
        for line in _account(recording, account):
            yield from _wrapped(line, width, len(line) - len(line.lstrip()) + 4)
    if comparison is not None:
        yield ""
        for line in _comparison(comparison):
            yield from _wrapped(line, width, 4)


def _head(recording: Recording) -> Iterator[str]:
    now = "" if recording.asked == recording.customer else f" ({recording.asked} became this customer)"
    yield f"Customer {recording.customer}{now}, as of {moment(recording.now)} UTC, from {recording.origin}."
    for old, new in sorted(recording.merged.items()):
        yield f"{old} became {new}: what was his is told here."
    for identifier, since, unknown in recording.unlinked:
        yield (
            f"{identifier} was unlinked from this customer on {moment(since)}: what happened under it until then is "
            f"told here, what happened later under {unknown}."
        )
    if identifier_of(recording.asked) != recording.asked:
        yield f"{recording.asked} is who used {identifier_of(recording.asked)} after it was unlinked."
    if recording.begins is not None:
        yield f"It begins on {moment(recording.begins)}: what happened before is not in it, and is not explained."


def _account(recording: Recording, account: Account) -> Iterator[str]:
    version = f"version {account.version}" if account.version is not None else "not in force"
    yield f"{account.campaign} ({account.brand}, {version}): {account.status.replace('_', ' ')}"
    told = [(row[0]["due_at"], list(_decision(recording, account, row))) for row in account.decisions]
    told += [(rfc3339(at), [f"  {moment(at)} {text} {why}"]) for at, text, why in _ended(account)]
    for _, lines in sorted(told, key=lambda row: str(row[0])):
        yield from lines
    for episode, step, until, why in account.waiting:
        yield f"  step {step}, episode {episode}, waits until {moment(until)}, when {why}."
    if account.status == NEVER:
        yield f"  {account.never}"


def _ended(account: Account) -> Iterator[tuple[int, str, str]]:
    """Steps of one episode that ended for one reason are told together: (time of the first, which, why)."""
    for (episode, why), group in groupby(account.ended, key=lambda each: (each.episode, each.why)):
        ends = list(group)
        steps = "step " + " and ".join(str(each.step) for each in ends)
        yield ends[0].at, f"{steps}, episode {episode}: over before it came due.", why


def _decision(recording: Recording, account: Account, records: list[Decision]) -> Iterator[str]:
    first = next((row for row in reversed(records) if row["outcome"] not in CORRECTIONS), records[0])
    due, what = moment(_ms(first["due_at"])), OCCASION_WORDS[first["occasion"]]
    yield f"  {due} {what} was due: step {first['step']}, episode {first['episode']}."
    if first["outcome"] not in CORRECTIONS:
        yield f"    {outcome_in_words(first)}"
        yield from (f"      {gate_in_words(gate)}" for gate in first["gates"])
        yield from _evidence(recording, first)
        if first["campaign_version"] != account.version:
            yield f"      by version {first['campaign_version']}"
    for row in records:
        if row["outcome"] in CORRECTIONS:
            yield f"    {correction_in_words(row['outcome'], row['reason'], row['decided_at'])}"
            yield from _evidence(recording, row)


def _evidence(recording: Recording, decision: Decision) -> Iterator[str]:
    for name, event in evidence(recording, decision):
        known = "not in what was read" if event is None else f"{event.type} of {moment(event.at)}"
        yield f"      rests on {name}, {known}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    if comparison.agrees:
        yield f"Recomputed: the same {comparison.same} decision records."
        return
    yield (
        f"Recomputed: {comparison.same} decision records are the same, {len(comparison.only_recorded)} were recorded "
        f"only, {len(comparison.only_recomputed)} recomputed only. {comparison.excused}".rstrip()
    )
    for words, rows in (("recorded", comparison.only_recorded), ("recomputed", comparison.only_recomputed)):
        for row in rows[:DIFFERENCES_SHOWN]:
            yield (
                f"  only {words}: {row['decided_at']} {row['campaign']} step {row['step']} episode {row['episode']} "
                f"{row['outcome']} ({row['reason']})"
            )


def as_object(
    recording: Recording, accounts: Sequence[Account], comparison: Comparison | None, campaign: str | None
) -> dict[str, Any]:
    """The explanation for tools."""
    rows = timeline(recording, accounts, campaign)
    return {
        "customer": recording.customer,
        "asked": recording.asked,
        "as_of": rfc3339(recording.now),
        "source": recording.origin,
        "begins": None if recording.begins is None else rfc3339(recording.begins),
        "merged": [{"customer": old, "into": new} for old, new in sorted(recording.merged.items())],
        "unlinked": [
            {"identifier": identifier, "since": rfc3339(since), "now": unknown}
            for identifier, since, unknown in recording.unlinked
        ],
        "timeline": [{**row._asdict(), "at": rfc3339(row.at), "occurred_at": rfc3339(row.occurred_at)} for row in rows],
        "campaigns": [_account_object(recording, account) for account in accounts],
        "recomputed": None
        if comparison is None
        else {
            "agrees": comparison.agrees,
            "same": comparison.same,
            "only_recorded": comparison.only_recorded,
            "only_recomputed": comparison.only_recomputed,
            "excused": comparison.excused or None,
        },
    }


def _account_object(recording: Recording, account: Account) -> dict[str, Any]:
    return {
        "campaign": account.campaign,
        "brand": account.brand,
        "occasion": account.occasion,
        "version": account.version,
        "status": account.status,
        "meaning": STATUSES[account.status],
        "never": account.never or None,
        "decisions": [
            {**row, "events": [_event_object(*pair) for pair in evidence(recording, row)]}
            for records in account.decisions
            for row in records
        ],
        "waiting": [
            {"episode": episode, "step": step, "until": rfc3339(until), "why": why}
            for episode, step, until, why in account.waiting
        ],
        "ended": [
            {"at": rfc3339(each.at), "episode": each.episode, "step": each.step, "why": each.why}
            for each in account.ended
        ],
    }


def _event_object(name: str, event: Envelope | None) -> dict[str, Any]:
    if event is None:
        return {"input": name, "event_id": None, "type": None, "occurred_at": None}
    return {"input": name, "event_id": event.id, "type": event.type, "occurred_at": rfc3339(event.at)}


def _wrapped(line: str, width: int, indent: int) -> list[str]:
    """Ids stay whole, so that they can be copied."""
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
