"""The public view of a customer: what the shop of a brand may know of him, and when time alone changes it.

Only for a brand whose rules say ``profile: true``, and for a customer whose consent to marketing onsite counts. No
birth date, no address, no identifier is in it. Rules: docs/semantics.md, "Public profile".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schemas.base import rfc3339
from schemas.campaigns import Offer
from schemas.envelope import Envelope
from schemas.profiles import AFFINITIES_MAX, VISITS_SHOWN_MAX
from streams.decide.experiments import arm_name
from streams.decide.facts import TRADE_TYPES, is_confirmed
from streams.decide.gates.consent import double_opt_in
from streams.decide.lifecycle import life_changes, segments_of, stage, trade
from streams.decide.occasions import UNDONE_BY
from streams.decide.occasions.returning_session import DIRECT
from streams.decide.occasions.welcome import PROFILE_TYPES
from streams.decide.records import offer_of
from streams.decide.rules import Brand, Compiled
from streams.decide.state import CORRECTION_MS, LINES_KEPT_MS, CustomerState, Sent, Session
from streams.decide.view import View

CHANNEL, PURPOSE = "onsite", "marketing"
"""The consent that a profile needs."""
VISIT = "session.started"
CHANGED_BY = TRADE_TYPES | PROFILE_TYPES | UNDONE_BY.keys() | {"feedback", VISIT}
"""Events after which a profile may be another: what undoes a message takes its offer back."""


class OpenedOffer(NamedTuple):
    """An offer of a sent message. ``until``: it is shown before this time."""

    sent: Sent
    until: int
    record: dict[str, Any]


def may_change(state: CustomerState, event: Envelope) -> bool:
    """Whether a profile may be another after an event, which is not in the state yet: after one from another market
    too, since markets differ in whether a consent has to be confirmed."""
    if event.type in CHANGED_BY:
        return True
    market = state.markets.get(event.brand)
    return market is not None and market[0] != event.market


def public_view(view: View, brand: Brand) -> dict[str, Any] | None:
    """The fields of ``schemas.profiles.PublicProfile`` but ``as_of``; None: the shop may know nothing."""
    name = brand.rules.brand
    if not _is_allowed(view, name):
        return None
    visits = _visits(view, name)
    offers = sorted(_offers(view, name), key=_latest_first)
    return {
        "brand": name,
        "stage": stage(trade(view, brand).days, brand.rules.lifecycle, view.now),
        "segments": segments_of(view, brand),
        "affinities": _affinities(view, name),
        "visits": len(visits),
        "last_visit_at": rfc3339(visits[0].at) if visits else None,
        "devices": _first(visit.device for visit in visits),
        "origins": _first(visit.origin or DIRECT for visit in visits),
        "offers": [offer.record for offer in offers],
    }


def next_change(view: View, brand: Brand) -> int | None:
    """The first time after ``view.now`` at which the view may be another although nothing happens; None: never."""
    name = brand.rules.brand
    if not _is_allowed(view, name):
        confirmed = view.state.confirmed.get(_consent_of(name), -1)
        return confirmed if confirmed > view.now else None
    moments = [*life_changes(view, brand), *(offer.until for offer in _offers(view, name))]
    moments += [purchase.at + LINES_KEPT_MS for purchase in view.kept(name)]
    return min((moment for moment in moments if moment > view.now), default=None)


def _latest_first(offer: OpenedOffer) -> tuple[int, str, str, int]:
    sent = offer.sent
    return -sent.decided, sent.campaign, sent.episode, sent.step


def _consent_of(brand: str) -> str:
    return f"{brand}|{CHANNEL}|{PURPOSE}"


def _is_allowed(view: View, brand: str) -> bool:
    key = _consent_of(brand)
    known = view.state.consents.get(key)
    if known is None or not known[0]:
        return False
    return not double_opt_in(view, brand) or is_confirmed(view.state, key, view.now)


def _visits(view: View, brand: str) -> list[Session]:
    """The remembered visits of the brand, the last first."""
    start = f"{brand}|"
    found = [(visit.at, name, visit) for name, visit in view.state.sessions.items() if name.startswith(start)]
    return [visit for *_, visit in sorted(found, key=lambda row: row[:2], reverse=True)]


def _first(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))[:VISITS_SHOWN_MAX]


def _affinities(view: View, brand: str) -> list[str]:
    matched, found = view.matched(brand), Counter[str]()
    for purchase in view.kept(brand):
        for line in purchase.lines if purchase.at > view.now - LINES_KEPT_MS else ():
            if line.qty > matched.get((purchase.id, line.line), 0):
                item = view.item(brand, line.product)
                if item is not None and item.category is not None:
                    found[item.category] += 1
    return sorted(found, key=lambda category: (-found[category], category))[:AFFINITIES_MAX]


def _offers(view: View, brand: str) -> Iterator[OpenedOffer]:
    """What sent messages offer at ``view.now``, as the version of the campaign said that they were sent by."""
    for sent in view.state.sent:
        if sent.brand != brand or sent.corrected:
            continue
        campaign = view.catalogue.version_of(sent.campaign, sent.version)
        if campaign is None:
            continue
        offer = _offer_of(campaign, sent.step, view.state)
        if offer is None:
            continue
        until = min(sent.decided + offer.valid_for, sent.decided + CORRECTION_MS)
        if until > view.now:
            terms = {"kind": offer.kind, "value": offer.value, "code": offer.code, "pool": offer.pool}
            end = {"valid_until": rfc3339(sent.decided + offer.valid_for), "campaign": campaign.id}
            yield OpenedOffer(sent, until, terms | end)


def _offer_of(campaign: Compiled, step: int, state: CustomerState) -> Offer | None:
    """What a sent message offered. With an experiment: in the arm that the customer was exposed to; None when profiles
    that became his were exposed to others, since nobody can tell then which message said what."""
    experiment = campaign.campaign.experiment
    if experiment is None:
        return offer_of(campaign, step, None)
    known = state.exposures.get(arm_name(experiment, campaign.id))
    names = set() if known is None else {known.arm, *known.others} - {""}
    arms = [arm for arm in experiment.arms if arm.id in names]
    return offer_of(campaign, step, arms[0]) if len(names) == len(arms) == 1 else None
