"""One customer's fold: what an event or a timer does to the state, and which decisions come of it.

Pure: logical time comes with each call; nothing is written but to the state and to ``made`` and ``alarms``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from schemas.campaigns import Arm
from schemas.envelope import Envelope
from streams.decide import facts, interests, lists, slots, web_facts
from streams.decide.alarms import EPISODE_RANK, SLOT_RANK, Entry, wake_at
from streams.decide.gates import standing
from streams.decide.gates.base import Answer
from streams.decide.gates.source_fresh import Sources
from streams.decide.occasions import ARMED_BY, OCCASIONS, REMEMBERED_FOR, UNDONE_BY
from streams.decide.occasions.base import Occasion, Verdict
from streams.decide.occasions.cart_abandoned import ROUNDS
from streams.decide.pauses import NOTHING, Pauses, obey
from streams.decide.profiles import Profiles
from streams.decide.public_profile import VISIT, may_change
from streams.decide.records import Episode, Made, correction, decision
from streams.decide.rules import Compiled, Rules, RuleSet
from streams.decide.state import (
    CORRECTION_MS,
    DECIDED_KEPT_MS,
    RECENT_IDS_MAX,
    SENT_MAX,
    CustomerState,
    Sent,
)
from streams.decide.view import View
from streams.decide.watchers import Watchers

_NONE: dict[str, list[Compiled]] = {}
Armed = tuple[Occasion, str, list[Compiled]]
"""An occasion, a brand, and its campaigns of it."""
CONSENT_EVENTS = frozenset({"customer.registered", "customer.updated", "feedback"})
PROFILE_TIMER = "||/look|1"
"""Of the customer, not of a campaign: at its time a public profile may be another although nothing happens."""


class CustomerFold:
    """Folds events and timers into customer states. One per partition; holds no customer."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.live_from: int | None = None
        """What came due before it is not sent; None: not live, or always was."""
        self.pauses: Pauses = NOTHING
        self.made: list[Made] = []
        """Decisions made since it was last emptied, in order."""
        self.enlisted: list[Envelope] = []
        """Candidates for lists with a capacity since it was last emptied, in order."""
        self.alarms: list[Entry] = []
        """For each timer set since it was last emptied, when its customer has to be looked at."""
        self.sources: Sources | None = None
        """How far the sources are; None: each is complete until the clock."""
        self.watchers: Watchers | None = None
        """The partition's index of who wants to know of a product's changes; None: for copies of states."""
        self.profiles: Profiles | None = None
        """What shops know of the partition's customers; None: for copies of states."""

    def view(self, state: CustomerState, now: int) -> View:
        """The customer at a logical time."""
        return View(state, now, self.rules.at(now), self.rules, self.pauses)

    def obey(self, word: Mapping[str, Any]) -> None:
        """A control record, where it was read: from when on it is live, or what is paused."""
        if word["kind"] == "live":
            self.live_from = word["from"]
        elif word["kind"] == "pause":
            self.pauses = obey(self.pauses, word)

    def apply(self, state: CustomerState, event: Envelope) -> bool:
        """Apply a customer's event at its effective time; False when it is a copy of one seen before."""
        if is_copy(state, event):
            return False
        shown = self.rules.has_profiles and may_change(state, event)
        facts.apply(state, event)
        kind, view = event.type, self.view(state, event.eff)
        rules = view.rules
        if kind in interests.INTEREST_TYPES and rules.watched:
            interests.note(state, event, rules.watched, self.watchers)
        if kind in REMEMBERED_FOR and _is_remembered(rules, event):
            web_facts.remember(state, event)
        if state.sent:
            _forget_sent(state, event.eff)
            if kind in UNDONE_BY or kind in CONSENT_EVENTS:
                self._correct(view, event)
        for occasion, brand, campaigns in _armed_by(rules, kind, event.brand):
            self._arm(view, occasion, campaigns, brand, event)
        if shown:
            self.show(state, event.eff)
        return True

    def tell(self, state: CustomerState, change: Envelope) -> None:
        """A product that the customer is interested in has changed. ``change``: brand, product and the occasions that
        it concerns."""
        view = self.view(state, change.eff)
        for name in change.data["occasions"]:
            campaigns = view.rules.by_brand.get(change.brand, _NONE).get(name, ())
            self._arm(view, OCCASIONS[name], campaigns, change.brand, change)

    def show(self, state: CustomerState, now: int) -> None:
        """Tell shops what they may know of the customer, if it has changed, and look again when time changes it."""
        if self.profiles is None or not self.rules.has_profiles:
            return
        moment = self.profiles.show(self.view(state, now))
        if moment is not None and not now < state.timers.get(PROFILE_TIMER, now) <= moment:
            self._set_timer(state, PROFILE_TIMER, moment)

    def rearm(self, state: CustomerState, now: int) -> None:
        """Arm every campaign's episodes from the facts: after new campaigns, and after a merge.

        A brand of which the customer has had no event has no facts to arm from, but for occasions across brands.
        """
        view = self.view(state, now)
        interests.renew(state, view.rules.watched, self.watchers)
        for brand, by_occasion in view.rules.by_brand.items():
            known = brand in state.markets
            for name, campaigns in by_occasion.items():
                if known or OCCASIONS[name].across_brands:
                    self._arm(view, OCCASIONS[name], campaigns, brand, None)
        self.show(state, now)

    def pop(self, state: CustomerState, name: str, now: int) -> None:
        """An episode timer is due at ``now``."""
        del state.timers[name]
        if name == PROFILE_TIMER:
            self.show(state, now)
            return
        if name in state.listed:
            lists.answered(self, self.view(state, now), name)
            return
        brand, campaign_id, episode_key, step = name.split("|")
        view = self.view(state, now)
        campaign = view.rules.campaigns.get(campaign_id)
        number = int(step)
        if campaign is None or brand not in campaign.campaign.brands or number > len(campaign.afters):
            return
        occasion = OCCASIONS[campaign.occasion]
        verdict = occasion.check(view, campaign, brand, episode_key, campaign.afters[number - 1])
        if verdict.kind == "wait":
            self._set_timer(state, name, verdict.until)
        elif verdict.kind != "end":
            due = Episode(brand, campaign.id, episode_key, number, now, now + campaign.valid_for)
            self._came_due(view, campaign, due, verdict)
        if occasion.rearms_at_pop:
            self._arm(view, occasion, (campaign,), brand, None)

    def release(self, state: CustomerState, name: str, now: int) -> None:
        """A slot is released at ``now``."""
        slots.release(self, self.view(state, now), name)

    def decide(
        self,
        view: View,
        campaign: Compiled,
        episode: Episode,
        outcome: str,
        reason: str,
        *,
        channel: str | None = None,
        language: str | None = None,
        answers: Iterable[Answer] = (),
        verdict: Verdict,
        arm: Arm | None = None,
        mixed: bool = False,
    ) -> Made:
        """Write a final record (sent, ghost or suppressed) and remember that it is decided."""
        made = decision(
            view,
            campaign,
            episode,
            outcome,
            reason,
            channel=channel,
            language=language,
            answers=[Answer("episode", reason if verdict.kind == "suppress" else "", verdict.value), *answers],
            items=verdict.items,
            inputs=verdict.inputs,
            arm=arm,
            mixed=mixed,
        )
        self.made.append(made)
        state = view.state
        state.decided[episode.key] = view.now
        if len(state.decided) > 64:
            _forget_decided(state, view.now)
        if campaign.occasion in ROUNDS:
            name = f"{episode.brand}|{campaign.id}|{episode.episode.split('#')[0]}"
            number = state.rounds.get(name, (1, -1, False))[0]
            state.rounds[name] = (number, view.now, False)
        return made

    def wait(self, state: CustomerState, episode: Episode, until: int) -> None:
        """Put a candidate back to waiting."""
        self._set_timer(state, episode.key, until)

    def open_slot(self, state: CustomerState, release: int) -> None:
        """A slot was opened: it wants to be released."""
        self.alarms.append((wake_at(release, SLOT_RANK), state.customer))

    def _came_due(self, view: View, campaign: Compiled, due: Episode, verdict: Verdict) -> None:
        if verdict.kind == "suppress":
            self.decide(view, campaign, due, "suppressed", verdict.reason, verdict=verdict)
            return
        asked = standing(view, campaign, due, verdict)
        if asked.reason:
            self.decide(view, campaign, due, "suppressed", asked.reason, answers=asked.answers, verdict=asked.verdict)
            return
        slots.enter(self, view, campaign, due, asked)

    def _arm(
        self, view: View, occasion: Occasion, campaigns: Iterable[Compiled], brand: str, event: Envelope | None
    ) -> None:
        """Set a timer for each step of what the occasion arms, unless it waits, is decided, or its time is over."""
        state, now = view.state, view.now
        timers = state.timers
        for campaign in campaigns:
            for arming in occasion.arm(view, campaign, brand, event):
                episode, anchor, number = arming.episode, arming.anchor, 0
                start = f"{brand}|{campaign.id}|{episode}|"
                for after in campaign.afters:
                    number += 1
                    moment, name = anchor + after, f"{start}{number}"
                    armed = timers.get(name)
                    if armed is None:
                        if moment + campaign.valid_for < now or name in state.decided:
                            continue
                        if state.slots and slots.holds(state, brand, campaign.id, episode, number):
                            continue
                    elif armed <= moment or armed <= now:
                        continue
                    if name not in state.listed:
                        self._set_timer(state, name, max(moment, now))

    def _set_timer(self, state: CustomerState, name: str, due: int) -> None:
        state.timers[name] = due
        self.alarms.append((wake_at(due, EPISODE_RANK), state.customer))

    def _correct(self, view: View, event: Envelope) -> None:
        for sent in view.state.sent:
            if sent.corrected:
                continue
            reason = self._undone(view, sent, event)
            if reason is not None:
                self._take_back(view, sent, event, reason)

    def _undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        if event.type in CONSENT_EVENTS:
            known = view.state.consents.get(f"{sent.brand}|{sent.channel}|{sent.purpose}")
            withdrawn = known is not None and not known[0]
            by_this = withdrawn and facts.withdraws(event, sent.brand, sent.channel, sent.purpose)
            return "consent_withdrawn" if by_this else None
        if event.brand != sent.brand or sent.occasion not in UNDONE_BY[event.type]:
            return None
        return OCCASIONS[sent.occasion].undone(view, sent, event)

    def _take_back(self, view: View, sent: Sent, event: Envelope, reason: str) -> None:
        now, wrong = view.now, event.at <= sent.decided
        if wrong:
            outcome = "cancelled" if now <= sent.valid_until and not sent.delivered else "regretted"
        else:
            rules = view.brand(sent.brand)
            in_flight = rules.rules.in_flight if rules is not None else 0
            if sent.delivered or now >= sent.decided + in_flight:
                return
            outcome = "cancelled"
        sent.corrected = True
        late = event.eff > event.at
        self.made.append(correction(view, sent, outcome, reason, event_id=event.id, late=late))

    def end(self, state: CustomerState, event: Envelope) -> None:
        """An erasure: what waits is suppressed, what was sent is taken back. The state is of no use after it."""
        view = self.view(state, event.eff)
        for name in sorted(state.slots):
            slots.abandon(self, view, name, "erased")
        for key in sorted(state.listed):
            lists.end(self, view, key, "erased")
        for sent in state.sent:
            if not sent.corrected and view.now - sent.decided <= CORRECTION_MS:
                self._take_back(view, sent, event, "erased")
        if self.watchers is not None:
            interests.leave_all(state, self.watchers)
        self.hide(state)

    def hide(self, state: CustomerState) -> None:
        """No shop may know anything under this customer's id any more."""
        if self.profiles is not None and self.rules.has_profiles:
            self.profiles.forget(state.customer)


def _is_remembered(rules: RuleSet, event: Envelope) -> bool:
    """Whether a campaign of the brand asks for this kind of web event, or its shop is told of visits."""
    if event.type == VISIT and event.brand in rules.profiled:
        return True
    return not REMEMBERED_FOR[event.type].isdisjoint(rules.by_brand.get(event.brand, _NONE))


def _armed_by(rules: RuleSet, kind: str, of_brand: str) -> list[Armed]:
    """What an event of a kind and brand may arm, with the brand and the campaigns; looked up once for these rules."""
    known: list[Armed] | None = rules.armed_by.get((kind, of_brand))
    if known is None:
        known = rules.armed_by[kind, of_brand] = [
            (occasion, brand, campaigns)
            for occasion in ARMED_BY.get(kind, ())
            for brand in (rules.brands_of.get(occasion.name, ()) if occasion.across_brands else (of_brand,))
            if (campaigns := rules.by_brand.get(brand, _NONE).get(occasion.name)) is not None
        ]
    return known


def is_copy(state: CustomerState, event: Envelope) -> bool:
    """Whether an event was seen before; remembers it if not. 64-bit BLAKE2b of the natural id or event id."""
    name = f"{event.brand}|{event.nid}" if event.nid else event.id
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
    recent = state.recent_ids
    if number in recent or (event.type in facts.PURCHASE_TYPES and _seen_by_nature(state, event)):
        return True
    recent.append(number)
    if len(recent) > RECENT_IDS_MAX:
        del recent[0]
    return False


def _seen_by_nature(state: CustomerState, event: Envelope) -> bool:
    if event.type == "order.placed":
        known = state.purchases.get(f"{event.brand}|{event.data['order']}")
        return known is not None and known.at >= 0
    name = f"{event.brand}|{event.data['receipt']}"
    return name in state.purchases or name in state.returns


def _forget_sent(state: CustomerState, now: int) -> None:
    """Drop sent decisions that can be corrected no more."""
    if now - state.sent[0].decided > CORRECTION_MS or len(state.sent) > SENT_MAX:
        state.sent = [s for s in state.sent if now - s.decided <= CORRECTION_MS][-SENT_MAX:]


def _forget_decided(state: CustomerState, now: int) -> None:
    horizon = now - DECIDED_KEPT_MS
    if next(iter(state.decided.values())) < horizon:
        state.decided = {key: at for key, at in state.decided.items() if at >= horizon}
