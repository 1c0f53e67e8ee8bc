"""Everybody has to be told when rules change, and those who are interested when a product does: in slices, so that the
worker does other things in between. How far it got is in the position record; no event is applied before all are told.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from schemas.envelope import Envelope
from streams.decide import interests, product_news
from streams.decide.product_news import NEWS, News
from streams.decide.state import decode_state
from streams.decide.watchers import BUCKETS

if TYPE_CHECKING:
    from streams.decide.partition import Partition

REARM = "\x00rearm"
"""Event id of a note, parked with a customer, that rules have changed. It is in no log."""


class Telling:
    """Whom one partition still has to tell of what has changed."""

    def __init__(self, partition: Partition, scan: Callable[[str], Iterator[tuple[str, bytes]]]) -> None:
        """``scan``: customers in the table behind one, by name, with their states."""
        self.rearming: tuple[int, str] | None = None
        """Rules have changed: every customer behind this one still has to be armed as of this time."""
        self.news: News | None = None
        """A product has changed: customers of the index behind this place still have to be told."""
        self._partition = partition
        self._waiting = partition.waiting
        self._scan = scan

    @property
    def under_way(self) -> bool:
        """Whether somebody still has to be told."""
        return self.rearming is not None or self.news is not None

    def apply(self, event: Envelope) -> None:
        """Apply what goes to all partitions, or a note of it that was parked with a customer."""
        if event.id == REARM:
            self._rearm_later(event)
        elif event.id == NEWS:
            self._tell_one(event)
        else:
            self._apply_rules(event)

    def _apply_rules(self, event: Envelope) -> None:
        rules = self._partition.rules
        if event.type == "catalog.item" and rules.knows(event):
            self._partition.on_accepted(event, "duplicate")
            return
        if event.type == "catalog.item":
            self.news = product_news.of(rules, event)
        self._partition.planned.pop(event.id, None)
        changed = rules.apply(event)
        self._partition.kept_rules.append(event)
        self._partition.on_accepted(event, "accepted")
        if changed:
            self.rearming = (event.eff, "")

    def rearm(self, steps: int) -> int:
        """After new rules: arm the next customers, at most ``steps``; the steps taken (fewer: all done).

        The table may be larger than memory: customers that get no timer and change no segment are not kept.
        """
        assert self.rearming is not None
        now, behind = self.rearming
        states, fold = self._partition.states, self._partition.fold
        new = ((customer, b"") for customer in sorted(states.new) if customer > behind)
        taken = 0
        for customer, value in heapq.merge(self._scan(behind), new):
            if taken == steps:
                return taken
            taken += 1
            self.rearming = (now, customer)
            state = states.live.get(customer) or decode_state(value)
            if state.moved_to is not None:
                continue
            if self._waiting.must(state, now):
                self._waiting.park(state, Envelope(REARM, "campaign.published", "campaigns", customer, now, now))
                states.replace(state)
            else:
                known, wanted = dict(state.segments), interests.snapshot(state)
                fold.rearm(state, now)
                if fold.alarms or state.segments != known or interests.snapshot(state) != wanted:
                    states.replace(state)
                    self._partition.sound()
        self.rearming = None
        return taken

    def _rearm_later(self, event: Envelope) -> None:
        """Rules changed while the customer waited, and it is his turn now (unless he is another's by now)."""
        state = self._partition.states.change(event.customer)
        if state.moved_to is None:
            self._partition.fold.rearm(state, event.eff)

    def tell(self, steps: int) -> int:
        """After a product's change: tell the next customers, at most ``steps``; the steps taken (fewer: all done)."""
        assert self.news is not None
        taken, news = 0, self.news
        for number in range(news.bucket, BUCKETS):
            behind = news.behind if number == news.bucket else ""
            for customer in self._partition.watchers.of(news.place, number):
                if customer <= behind:
                    continue
                if taken == steps:
                    return taken
                taken += 1
                self.news = news.reached(number, customer)
                self._tell_one(news.note(customer))
                self._partition.sound()
        self.news = None
        return taken

    def _tell_one(self, note: Envelope) -> None:
        """Tell a customer of a product's change; when he waits, in his turn."""
        states, fold = self._partition.states, self._partition.fold
        state = states.get(note.customer)
        if state.moved_to is None and self._waiting.must(state, note.eff):
            self._waiting.park(states.change(note.customer), note)
        elif state.moved_to is None:
            fold.tell(state, note)
            if fold.alarms:
                states.change(note.customer)
