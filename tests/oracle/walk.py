"""The walk through time: events, then timers, then slot releases of each moment, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.campaigns import BrandRules, Campaign
from tests.oracle import conditions
from tests.oracle.calendars import waits_until
from tests.oracle.caps import capped, settle
from tests.oracle.catalogue import is_news
from tests.oracle.catalogue_occasions import CATALOGUE_OCCASIONS
from tests.oracle.corrections import CORRECTABLE_MS, correction, undone
from tests.oracle.customer import Candidate, Customer, Items, Key, Listed, Send, Slot, World
from tests.oracle.experiments import ghost_reason
from tests.oracle.gates import Answer, refusal
from tests.oracle.history import DAY_MS, Event, arrival_ms, stamped
from tests.oracle.identity import Becomes, Step, resolved
from tests.oracle.kinds import OCCASIONS
from tests.oracle.lists import Lists, cutoff_after, list_of, pool_of
from tests.oracle.occasions import Birthday, Occasion

ALL_OCCASIONS = {**OCCASIONS, **CATALOGUE_OCCASIONS}
RUN_ON_MS = 30 * DAY_MS
"""How long a run goes on after the last arrival, unless told."""


@dataclass(frozen=True)
class Record:
    """One decision record with what is needed to understand it. Times are milliseconds since the epoch."""

    decision_id: str
    outcome: str
    reason: str
    customer: str
    key: Key
    occasion: str
    now: int
    due: int
    channel: str | None = None
    event_id: str | None = None
    """Of a correction: the event that undid the message."""

    @property
    def tuple(self) -> tuple[str, str, str]:
        return (self.decision_id, self.outcome, self.reason)


def decision_id(key: Key) -> str:
    """First 32 hex digits of SHA-256 of ``brand|campaign|episode|step``."""
    text = f"{key.brand}|{key.campaign}|{key.episode}|{key.step}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Walk:
    """One run over a history."""

    def __init__(self, campaigns: Sequence[Campaign], brands: Sequence[BrandRules]) -> None:
        self.world = World({c.id: c for c in campaigns}, {rules.brand: rules for rules in brands}, {})
        self.customers: dict[str, Customer] = {}
        self.lists = Lists()
        self.records: list[Record] = []
        self.now = 0

    def run(self, steps: Sequence[Step], until: int) -> list[Record]:
        """Go from moment to moment; at each: its events, then its timers, then its releases."""
        position = 0
        while True:
            moments = [moment for moment in (self._next_of_customers(),) if moment is not None]
            if position < len(steps):
                moments.append(_time_of(steps[position]))
            if not moments or min(moments) >= until:
                return self.records
            self.now = min(moments)
            self.lists.close(self.now)
            while position < len(steps) and _time_of(steps[position]) == self.now:
                self._take(steps[position])
                position += 1
            for name in sorted(self.customers):
                self._pop_timers(self.customers[name])
            for name in sorted(self.customers):
                self._release_slots(self.customers[name])

    def _next_of_customers(self) -> int | None:
        times = [due for customer in self.customers.values() for due in customer.timers.values()]
        times += [slot.release for customer in self.customers.values() for slot in customer.slots.values()]
        return min(times, default=None)

    # --- events -----------------------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        if isinstance(step, Becomes):
            source = self.customers.pop(step.source, None)
            if source is not None:
                target = self._customer(step.target)
                source.become_part_of(target, self.now)
                self._arm(target, None)
        elif step.event.type == "catalog.item":
            self._change_product(step.event)
        elif step.customer is not None:
            customer = self._customer(step.customer)
            if customer.apply(step.event):
                self._note_delivery(customer, step.event)
                self._correct(customer, step.event)
                if step.event.type == "customer.erased":
                    self._erase(customer)
                else:
                    self._arm(customer, step.event)

    def _change_product(self, event: Event) -> None:
        """A new version of a product; CRM customers with an interest in it hear of what it brings."""
        place, item = (event.brand, event.record["product_id"]), dict(event.record)
        before, versions = self.world.catalogue.get(place), self.world.versions.setdefault(place, [])
        if any(version["event_id"] == event.id for _, version in versions):
            return  # a copy
        self.world.catalogue[place] = item
        versions.append((self.now, item))
        for name in sorted(self.customers):
            customer = self.customers[name]
            for campaign in self.world.campaigns.values():
                if customer.is_known and event.brand in campaign.brands and is_news(campaign.occasion, before, item):
                    self._arm_of(customer, campaign, event.brand, event)

    def _customer(self, name: str) -> Customer:
        return self.customers.setdefault(name, Customer(name))

    def _note_delivery(self, customer: Customer, event: Event) -> None:
        """``delivered`` counts for the send with its decision id; without one for the latest of brand and channel."""
        record = event.record
        settle(customer.sends, event, [decision_id(send.candidate.key) for send in customer.sends])
        if event.type != "feedback" or record["status"] != "delivered":
            return
        named = record.get("decision_id")
        fitting = [
            send
            for send in customer.sends
            if send.candidate.ghost is None
            and (decision_id(send.candidate.key) == named if named else _went(send, event.brand, record["channel"]))
        ]
        if fitting:
            fitting[-1].delivered = True

    def _correct(self, customer: Customer, event: Event) -> None:
        for send in customer.sends:
            if send.candidate.ghost is not None or send.corrected or self.now > send.decided + CORRECTABLE_MS:
                continue
            occasion = self._occasion(customer, send.candidate.campaign, send.candidate.key.brand)
            reason = undone(send, event, customer, occasion)
            if reason is None:
                continue
            key = send.candidate.key
            outcome = correction(send, event, self.now, self.world.brands[key.brand])
            if outcome is not None:
                send.corrected = True
                self._record(customer, key, outcome, reason, send.candidate.due, send.candidate.channel, event.id)

    def _erase(self, customer: Customer) -> None:
        """Suppress what waits in slots, and forget the customer."""
        for slot in customer.slots.values():
            for candidate in slot.candidates:
                self._record(customer, candidate.key, "suppressed", "erased", candidate.due, candidate.channel)
        for key, listed in customer.listed.items():
            self._record(customer, key, "suppressed", "erased", listed.candidate.due, None)
        del self.customers[customer.name]

    # --- timers -----------------------------------------------------------------------------------------------------

    def _occasion(self, customer: Customer, campaign: Campaign, brand: str) -> Occasion:
        return ALL_OCCASIONS[campaign.occasion](self.world, campaign, brand, customer, self.now)

    def _arm(self, customer: Customer, event: Event | None) -> None:
        """Arm what an event brings (None: a merge): each step at anchor + after, but not before now."""
        for campaign in self.world.campaigns.values():
            for brand in campaign.brands:
                self._arm_of(customer, campaign, brand, event)

    def _arm_of(self, customer: Customer, campaign: Campaign, brand: str, event: Event | None) -> None:
        for episode, anchor in self._occasion(customer, campaign, brand).armed(event):
            self._arm_episode(customer, campaign, brand, episode, anchor)

    def _arm_episode(self, customer: Customer, campaign: Campaign, brand: str, episode: str, anchor: int) -> None:
        """A timer that waits already moves earlier, never later: when it pops, it waits for what has moved beyond."""
        for number, step in enumerate(campaign.steps, start=1):
            key = Key(campaign.id, episode, number, brand)
            due = anchor + step.after
            lapsed = due + campaign.valid_for < self.now and key not in customer.timers
            if not lapsed and not customer.is_settled(key):
                due = max(due, self.now)
                customer.timers[key] = min(due, customer.timers.get(key, due))

    def _pop_timers(self, customer: Customer) -> None:
        for key in sorted(key for key, due in customer.timers.items() if due <= self.now):
            due = customer.timers.pop(key)
            if key in customer.listed:
                self._answered(customer, key)
                continue
            self._come_due(customer, key, due)
            if self.world.campaigns[key.campaign].occasion in ("segment_changed", "anniversary", "calendar"):
                self._arm_of(customer, self.world.campaigns[key.campaign], key.brand, None)

    def _come_due(self, customer: Customer, key: Key, due: int) -> None:
        campaign = self.world.campaigns[key.campaign]
        occasion = self._occasion(customer, campaign, key.brand)
        anchor = occasion.anchor(key.episode)
        if anchor is None:
            self._arm_next_birthday(customer, key)
            return
        if anchor + campaign.steps[key.step - 1].after > self.now:
            customer.timers[key] = anchor + campaign.steps[key.step - 1].after
            return
        verdict = occasion.against(key.episode)
        if verdict is None:
            return
        if isinstance(verdict, str):
            self._decide(customer, key, "suppressed", verdict, due)
            return
        reason, channel, items = self._refusal(customer, campaign, key, verdict, campaign.channels)
        if reason is not None or channel is None:
            self._decide(customer, key, "suppressed", str(reason), due)
            return
        self._enter(customer, Candidate(key, campaign, due, channel, items))

    def _refusal(
        self, customer: Customer, campaign: Campaign, key: Key, items: Items, channels: Sequence[str]
    ) -> Answer:
        reason = conditions.refusal(campaign, key, customer, items, self.world, self.now)
        if reason is not None:
            return reason, None, items
        return refusal(campaign, key.brand, self.world, customer, items, channels, self.now)

    def _enter(self, customer: Customer, candidate: Candidate) -> None:
        key, rules = candidate.key, self.world.brands[candidate.key.brand]
        place = (key.brand, candidate.channel)
        if place not in customer.slots:
            release = candidate.due + rules.hold_window
            waits = self._waits(customer, *place, release)
            customer.slots[place] = Slot(release, None) if waits is None else Slot(*waits)
        slot = customer.slots[place]
        slot.candidates.append(candidate)
        if slot.moved is not None:
            self._record(customer, key, "held", slot.moved, candidate.due, candidate.channel)

    def _waits(self, customer: Customer, brand: str, channel: str, moment: int) -> tuple[int, str] | None:
        rules, profile = self.world.brands[brand], customer.facts.profile
        zone = profile.zone(brand, rules)
        return waits_until(
            moment, rules, channel, profile.market(brand), profile.last.get("region"), zone, profile.is_company
        )

    # --- releases ---------------------------------------------------------------------------------------------------

    def _release_slots(self, customer: Customer) -> None:
        for place in sorted(place for place, slot in customer.slots.items() if slot.release <= self.now):
            slot = customer.slots.pop(place)
            waits = self._waits(customer, *place, self.now)
            if waits is None:
                ordered = sorted(slot.candidates, key=lambda c: (c.due, c.key.campaign, c.key.episode, c.key.step))
                left = [again for candidate in ordered for again in self._look_again(customer, candidate)]
                waits = self._better_to_come(customer, place, sorted(left, key=_rank))
                if waits is None:
                    self._arbitrate(customer, place[0], sorted(left, key=_rank))
                    continue
                slot.candidates = left
            customer.slots[place] = Slot(*waits, slot.candidates)
            for candidate in () if slot.moved is not None else slot.candidates:
                self._record(customer, candidate.key, "held", waits[1], candidate.due, candidate.channel)

    def _better_to_come(
        self, customer: Customer, place: tuple[str, str], candidates: list[Candidate]
    ) -> tuple[int, str] | None:
        """Until when the slot waits for a message of higher priority than the one that would go; None: not at all."""
        rules = self.world.brands[place[0]]
        best = next((each for each in candidates if not self._is_capped(customer, rules, each)), None)
        if best is None:
            return None
        moments = []
        for key, timer in customer.timers.items():
            campaign = self.world.campaigns[key.campaign]
            if (
                key in customer.listed
                or key.brand != place[0]
                or place[1] not in campaign.channels
                or campaign.priority <= best.campaign.priority
            ):
                continue
            occasion = self._occasion(customer, campaign, key.brand)
            anchor = occasion.anchor(key.episode)
            if anchor is None:
                continue
            due = anchor + campaign.steps[key.step - 1].after
            if due <= self.now and not isinstance(occasion.against(key.episode), Items):
                continue
            moments.append(max(timer, due))
        latest = min(self.now + rules.look_ahead, best.valid_until)
        first = min((moment for moment in moments if self.now < moment <= latest), default=None)
        return None if first is None else (first, "look_ahead")

    def _look_again(self, customer: Customer, candidate: Candidate) -> list[Candidate]:
        """The gates once more with the channel fixed: the candidate as it is now, or nothing."""
        key, campaign = candidate.key, candidate.campaign
        if self.now > candidate.valid_until:
            self._decide(customer, key, "suppressed", "expired", candidate.due, candidate.channel)
            return []
        occasion = self._occasion(customer, campaign, key.brand)
        anchor = occasion.anchor(key.episode)
        if anchor is None:
            self._arm_next_birthday(customer, key)
            return []
        due = anchor + campaign.steps[key.step - 1].after
        if due > self.now:
            customer.timers[key] = due
            return []
        verdict = occasion.against(key.episode)
        if verdict is None:
            return []
        if isinstance(verdict, str):
            self._decide(customer, key, "suppressed", verdict, candidate.due, candidate.channel)
            return []
        reason, _, items = self._refusal(customer, campaign, key, verdict, [candidate.channel])
        if reason is not None:
            self._decide(customer, key, "suppressed", reason, candidate.due, candidate.channel)
            return []
        ghost = ghost_reason(campaign, self.world.brands[key.brand], customer)
        return [Candidate(key, campaign, candidate.due, candidate.channel, items, ghost)]

    def _arbitrate(self, customer: Customer, brand: str, candidates: list[Candidate]) -> None:
        """By rank, the first that no cap forbids goes. Ghosts are in the way of ghosts only."""
        rules = self.world.brands[brand]
        gone: list[Candidate] = []
        for candidate in candidates:
            key, due, channel = candidate.key, candidate.due, candidate.channel
            if any(before.ghost is None or candidate.ghost is not None for before in gone):
                self._decide(customer, key, "suppressed", "outranked", due, channel)
            elif self._is_capped(customer, rules, candidate):
                self._decide(customer, key, "suppressed", "frequency_cap", due, channel)
            elif self._goes_to_a_list(customer, candidate, []):
                gone += [candidate] if key in customer.listed else []
            else:
                gone.append(candidate)
                self._go(customer, candidate)

    def _go(self, customer: Customer, candidate: Candidate) -> None:
        customer.sends.append(Send(candidate, self.now, customer.name))
        outcome = ("sent", "due") if candidate.ghost is None else ("ghost", candidate.ghost)
        self._decide(customer, candidate.key, *outcome, candidate.due, candidate.channel)

    # --- lists ------------------------------------------------------------------------------------------------------

    def _goes_to_a_list(self, customer: Customer, candidate: Candidate, passed: list[str]) -> bool:
        """Whether a list takes the message: it waits for a place, or is suppressed, since the answer comes too late."""
        key = candidate.key
        pool = pool_of(candidate.campaign, key.step, customer)
        wanted = list_of(candidate, self.world.brands[key.brand], pool, passed)
        if wanted is None or candidate.ghost is not None:
            return False
        cutoff = cutoff_after(wanted, self.now)
        answer = cutoff + wanted.answer_after
        if answer > candidate.valid_until:
            self._decide(customer, key, "suppressed", "expired", candidate.due, candidate.channel)
            return True
        listed = customer.listed[key] = Listed(candidate, wanted, cutoff, answer, passed)
        customer.timers[key] = answer
        self.lists.add(listed, _rank(candidate), customer.name)
        self._record(customer, key, "held", "capacity", candidate.due, candidate.channel)
        return True

    def _answered(self, customer: Customer, key: Key) -> None:
        """The time of a list's answer has come."""
        listed = customer.listed[key]
        candidate = listed.candidate
        assert listed.chosen is not None
        if not listed.chosen:
            del customer.listed[key]
            self._decide(customer, key, "suppressed", "capacity_full", candidate.due, candidate.channel)
            return
        again = self._look_again(customer, candidate)
        del customer.listed[key]
        if not again or self._goes_to_a_list(customer, again[0], [*listed.passed, listed.wanted.id]):
            return
        waits = self._waits(customer, key.brand, candidate.channel, self.now)
        if waits is None:
            self._go(customer, again[0])
            return
        customer.listed[key], customer.timers[key], listed.at = listed, waits[0], waits[0]
        self._record(customer, key, "held", waits[1], candidate.due, candidate.channel)

    def _is_capped(self, customer: Customer, rules: BrandRules, candidate: Candidate) -> bool:
        zone = customer.facts.profile.zone(rules.brand, rules)
        return capped(customer, rules, candidate, zone, self.now)

    # --- records ----------------------------------------------------------------------------------------------------

    def _decide(
        self, customer: Customer, key: Key, outcome: str, reason: str, due: int, channel: str | None = None
    ) -> None:
        """A final word on a step. After a birthday the next is armed."""
        customer.decided[key] = self.now
        self._record(customer, key, outcome, reason, due, channel)
        self._arm_next_birthday(customer, key)

    def _arm_next_birthday(self, customer: Customer, key: Key) -> None:
        campaign = self.world.campaigns[key.campaign]
        occasion = self._occasion(customer, campaign, key.brand)
        if isinstance(occasion, Birthday):
            for episode, anchor in occasion.next_one():
                self._arm_episode(customer, campaign, key.brand, episode, anchor)

    def _record(
        self,
        customer: Customer,
        key: Key,
        outcome: str,
        reason: str,
        due: int,
        channel: str | None,
        event_id: str | None = None,
    ) -> None:
        occasion = self.world.campaigns[key.campaign].occasion
        record = Record(
            decision_id(key), outcome, reason, customer.name, key, occasion, self.now, due, channel, event_id
        )
        self.records.append(record)


def _time_of(step: Step) -> int:
    return step.now if isinstance(step, Becomes) else step.event.eff


def _went(send: Send, brand: str, channel: str) -> bool:
    return send.candidate.key.brand == brand and send.candidate.channel == channel


def _rank(candidate: Candidate) -> tuple[int, Decimal, int, str, str, int]:
    """(priority, highest first; expected value, highest first; due; campaign id; episode; step)."""
    key, campaign = candidate.key, candidate.campaign
    return (
        -campaign.priority,
        -Decimal(campaign.expected_value or 0),
        candidate.due,
        key.campaign,
        key.episode,
        key.step,
    )


def walked(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    campaigns: Sequence[Campaign],
    brands: Sequence[BrandRules],
    lateness_ms: Mapping[str, int],
    until_ms: int | None = None,
) -> tuple[Walk, int]:
    """The walk through a history, and its end; see ``oracle_details``."""
    if until_ms is None:
        until_ms = max((arrival_ms(r) for records in history.values() for r in records), default=0) + RUN_ON_MS
    known_brands = {rules.brand for rules in brands} | {brand for campaign in campaigns for brand in campaign.brands}
    events = stamped(history, lateness_ms, known_brands)
    walk = Walk(campaigns, brands)
    walk.run(list(resolved(events)), until_ms)
    return walk, until_ms


def oracle_details(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    campaigns: Sequence[Campaign],
    brands: Sequence[BrandRules],
    lateness_ms: Mapping[str, int],
    until_ms: int | None = None,
) -> list[Record]:
    """All decision records of a history in the order of their times, for tests and for finding out why.

    ``history``: records by source as in the files of a replay directory. ``lateness_ms``: by source. ``until_ms``: end
    of the run (exclusive), by default 30 days after the last arrival.
    """
    return walked(history, campaigns, brands, lateness_ms, until_ms)[0].records


def oracle_decisions(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    campaigns: Sequence[Campaign],
    brands: Sequence[BrandRules],
    lateness_ms: Mapping[str, int],
    until_ms: int | None = None,
) -> set[tuple[str, str, str]]:
    """(decision id, outcome, reason) of everything that is decided about a history; see ``oracle_details``."""
    return {record.tuple for record in oracle_details(history, campaigns, brands, lateness_ms, until_ms)}
