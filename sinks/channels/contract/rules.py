"""The rules that a channel service has to keep, and how its answers are judged by them. No Kafka here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from pydantic import ValidationError

from schemas.customers import FeedbackEvent

RULES: dict[str, str] = {
    "answered": "Each send is answered in time: with items, offer and language, or without.",
    "feedback": "Answers keep to the contract, name brand, market, channel and customer, and are keyed by customer.",
    "identifier": "A visitor who is not known yet is named by his identifier (anonymous_id), not as customer_id.",
    "duplicates": "A send that comes again is not sent again; an answer that is repeated is the same.",
    "cancel-first": "A cancel that comes before its send holds it back: dropped.",
    "cancel-after": "A cancel after the answer changes nothing that has left: no other last word.",
    "expiry": "After valid_until a message does not go: dropped.",
    "order": "A customer's messages go in their order, whatever comes for others in between.",
    "unknown-field": "A field that a later version adds is ignored.",
    "committed": "Only committed records are read (isolation.level=read_committed).",
    "rebalance": "While the group is rebalanced nothing is lost, and nothing goes twice.",
    "unreadable": "A record that is no trigger stops nothing: what follows is answered.",
}
"""Every rule with its meaning, in the order in which they are shown."""

Expected = Literal["sent", "not sent", "nothing", "any"]
"""What the answers must say: taken or delivered; dropped; no answer at all; any answer."""


class Case(NamedTuple):
    """A decision that is played, and what has to become of it."""

    rule: str
    decision_id: str
    customer_id: str
    expected: Expected


class Heard(NamedTuple):
    """A record of ``channel-feedback`` about one of our decisions."""

    key: bytes | None
    fields: dict[str, Any]
    problem: str | None
    """Why it is no FeedbackEvent, if it is none."""

    @property
    def decision_id(self) -> str:
        """Which decision it is about."""
        return str(self.fields["decision_id"])

    @property
    def status(self) -> str:
        """What it says."""
        return str(self.fields.get("status"))


def heard(key: bytes | None, value: bytes | None) -> Heard | None:
    """A record that names a decision; None for one that does not (a mark, another producer's)."""
    try:
        fields = msgspec.json.decode(value or b"null")
    except msgspec.DecodeError:
        return None
    if not isinstance(fields, dict) or "decision_id" not in fields:
        return None
    try:
        FeedbackEvent.model_validate_json(value or b"")
    except ValidationError as error:
        first = error.errors()[0]
        return Heard(key, fields, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    return Heard(key, fields, None)


class Judge:
    """Answers against cases. ``effects``: how often each decision has left, if the service says so."""

    def __init__(
        self, cases: Sequence[Case], answers: Iterable[Heard], about: dict[str, str], effects: Counter[str] | None
    ) -> None:
        self._cases = cases
        self._about = about
        self._effects = effects
        self._answers: dict[str, list[Heard]] = defaultdict(list)
        self._order: dict[str, int] = {}
        for number, answer in enumerate(answers):
            self._answers[answer.decision_id].append(answer)
            self._order.setdefault(answer.decision_id, number)

    def waits_for(self) -> list[Case]:
        """Cases whose answer is still to come."""
        return [case for case in self._cases if case.expected != "nothing" and not self._settled(case)]

    def problems(self, rule: str) -> list[str]:
        """What speaks against a rule; none: it is kept."""
        cases = [case for case in self._cases if case.rule == rule]
        if rule == "feedback":
            return [problem for case in self._cases for problem in self._misnamed(case)]
        found = [problem for case in cases for problem in self._wrong(case)]
        if rule == "identifier":
            found += [problem for case in cases for problem in self._unidentified(case)]
        if rule == "order":
            found += self._disordered(cases)
        return found

    def _settled(self, case: Case) -> bool:
        said = {answer.status for answer in self._answers[case.decision_id]}
        if case.expected == "sent":
            return bool(said & {"accepted", "delivered", "dropped", "bounced"})
        return bool(said & {"delivered", "dropped", "bounced"}) or (case.expected == "any" and bool(said))

    def _wrong(self, case: Case) -> list[str]:
        said = {answer.status for answer in self._answers[case.decision_id]}
        name, left = f"decision {case.decision_id}", 0 if self._effects is None else self._effects[case.decision_id]
        found = []
        if case.expected == "nothing":
            found += [f"{name} was answered {sorted(said)}, but was never committed"] if said or left else []
        elif not said:
            found.append(f"{name} was not answered")
        elif case.expected == "sent" and said & {"dropped", "bounced"}:
            found.append(f"{name} was answered {sorted(said)}, but had to be sent")
        elif case.expected == "not sent" and ("dropped" not in said or "delivered" in said):
            found.append(f"{name} was answered {sorted(said)}, but had to be dropped")
        most = 0 if case.expected in ("nothing", "not sent") else 1
        if left > most:
            found.append(f"{name} has left {left} times, {most} would be right")
        return found + self._repeated(case)

    def _repeated(self, case: Case) -> list[str]:
        """A service that sends twice answers twice: by another id, or at another time."""
        times: dict[str, set[tuple[Any, Any]]] = defaultdict(set)
        for answer in self._answers[case.decision_id]:
            times[answer.status].add((answer.fields.get("event_id"), answer.fields.get("occurred_at")))
        return [
            f"decision {case.decision_id} was answered {status} {len(said)} times, not the same again: sent twice?"
            for status, said in times.items()
            if len(said) > 1
        ]

    def _misnamed(self, case: Case) -> list[str]:
        if case.rule == "identifier":
            return []
        wanted = {**self._about, "customer_id": case.customer_id}
        found = []
        for answer in self._answers[case.decision_id]:
            if answer.problem is not None:
                found.append(f"decision {case.decision_id}: {answer.problem}")
            found += [
                f"decision {case.decision_id}: {field} is {answer.fields.get(field)!r}, had to be {value!r}"
                for field, value in wanted.items()
                if answer.fields.get(field) != value
            ]
            if answer.key != case.customer_id.encode():
                found.append(f"decision {case.decision_id}: the key is {answer.key!r}, had to be the customer's id")
        return found

    def _unidentified(self, case: Case) -> list[str]:
        wanted = case.customer_id.partition(":")[2]
        return [
            f"decision {case.decision_id}: {answer.problem or 'anonymous_id'} (had to be anonymous_id {wanted!r})"
            for answer in self._answers[case.decision_id]
            if answer.problem is not None or answer.fields.get("anonymous_id") != wanted
        ]

    def _disordered(self, cases: Sequence[Case]) -> list[str]:
        last: dict[str, tuple[int, str]] = {}
        found = []
        for case in cases:
            number = self._order.get(case.decision_id)
            if number is None:
                continue
            before = last.get(case.customer_id, (-1, ""))
            if number < before[0]:
                found.append(f"decision {case.decision_id} was answered before {before[1]}, which was decided earlier")
            last[case.customer_id] = max(before, (number, case.decision_id))
        return found
