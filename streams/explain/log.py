"""A customer out of the log: his partition of ``customer-events``, folded again as decide folded it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol

import msgspec

from schemas.base import to_ms
from schemas.campaigns import CampaignRecord
from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.decide.forwarding import Forwarding
from streams.errors import InputError
from streams.explain.recording import Decision, Recording, made_by, settled, until_of
from streams.explain.watched import Watched
from streams.intake.admit import Admission
from streams.intake.validate import Rejection
from streams.reorder import key_of
from streams.wire import Clock, decode_envelope, decode_mark, partition_of

TO_ALL = b"*"
_ALL_STEPS = 1 << 62


class Log(Protocol):
    """The topics as of one moment: reading them twice gives the same."""

    partitions: int

    def records(
        self, topic: str, partition: int, keys: frozenset[bytes] | None = None
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """(offset, key, value) of the records with these keys; of all."""

    def is_whole(self, topic: str, partition: int) -> bool:
        """Whether nothing has been deleted from its beginning."""

    def campaign_history(self) -> list[CampaignRecord]:
        """Every version of campaigns and brand rules that was ever published."""


def from_log(customer: str, log: Log, at: int | None) -> Recording:
    """The customer as the log tells him. ``at``: as of this time; else as far as everything is decided.

    Raises InputError: nothing has been decided.
    """
    decided: list[Decision] = []
    clocks: list[int | None] = []

    def read(wanted: frozenset[str]) -> Watched:
        fold, clock = _replayed(log, customer, wanted, at)
        decided[:] = made_by(fold)
        clocks.append(clock)
        return fold

    current, fold = settled(customer, read)
    if current != customer:
        return replace(from_log(current, log, at), asked=customer)
    until = clocks[-1]
    if until is None:
        raise InputError(
            f"Nothing of {customer} is decided yet: the log customer-events holds no time that all stages have "
            "passed. Start the stages (cuepoint up) and begin with cuepoint replay or go-live."
        )
    number = partition_of(customer, log.partitions)
    places = sorted({partition_of(each, log.partitions) for each in fold.wanted})
    keys = _keys(fold.wanted)
    rows = (msgspec.json.decode(value) for place in places for _, _, value in log.records("decisions", place, keys))
    origin = f"the log customer-events, partition {number}"
    recorded = until_of(rows, fold.wanted, until)
    return Recording(customer, customer, origin, until, fold, decided, recorded, _begins(log, number))


def _replayed(log: Log, customer: str, wanted: frozenset[str], at: int | None) -> tuple[Watched, int | None]:
    """The fold over the customer's partition as decide went over it, and the clock that it came to.

    Who became the customer in another partition came as ``merge.in``; his own events there are only told.
    """
    number = partition_of(customer, log.partitions)
    forwarding = Forwarding(partial(partition_of, partitions=log.partitions), number)
    here = frozenset(each for each in wanted if partition_of(each, log.partitions) == number)
    fold, clock, reached = Watched(wanted, here, forwarding), Clock(("intake", "identity")), None
    fold.fold.sources = clock
    begins = _begins(log, number)
    for event in () if begins is None else _rules_before(log.campaign_history(), begins):
        fold.take(event, 0)
    for offset, key, value in log.records("customer-events", number, _keys(here) | {MARK_KEY, TO_ALL}):
        if key != MARK_KEY:
            event = decode_envelope(value)
            if at is None or event.eff <= at:  # what a merge brings may stand far behind its time
                _take(fold, event, offset)
        else:
            mark = decode_mark(value)
            if mark.levels:
                fold.hear(mark.task, mark.levels)
            elif clock.take(mark) and clock.value is not None:
                reached = clock.value if at is None else min(clock.value, at + 1)
        if reached is not None:
            fold.advance(reached, _ALL_STEPS)
        fold.outgoing.clear()  # it is in the log
    for other in sorted(wanted - here):
        for _, _, value in log.records("customer-events", partition_of(other, log.partitions), _keys({other})):
            fold.note(decode_envelope(value))
    return fold, reached


def _take(fold: Watched, event: Envelope, offset: int) -> None:
    if event.type != "control":
        fold.take(event, offset)
    else:
        fold.fold.obey(event.data)


def _begins(log: Log, partition: int) -> int | None:
    """Effective time of the first event that is left, if older ones are gone."""
    if log.is_whole("customer-events", partition):
        return None
    rows = log.records("customer-events", partition)
    return next((decode_envelope(value).eff for _, key, value in rows if key not in (MARK_KEY, TO_ALL)), 0)


def _rules_before(history: list[CampaignRecord], begins: int) -> list[Envelope]:
    """The versions that counted before a moment."""
    admission, found = Admission(), []
    for record in history:
        value = record.model_dump_json(exclude_none=True).encode()
        published = to_ms(record.published_at or record.occurred_at)
        admitted = admission.admit("campaigns", value, published, published)
        found += [] if admitted is None or isinstance(admitted, Rejection) else [event for _, event in admitted]
    return sorted((event for event in found if event.eff < begins), key=key_of)


def _keys(names: frozenset[str] | set[str]) -> frozenset[bytes]:
    return frozenset(name.encode() for name in names)
