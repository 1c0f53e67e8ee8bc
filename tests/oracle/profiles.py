"""Section "Facts": profile, consents, reachability, market, zone and languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from schemas.campaigns import BrandRules, Content
from tests.oracle.history import PROFILE_TYPES, Absorbed, Event, parse_ms

WITHDRAWING = ("unsubscribed", "complained")


Word = tuple[int, str]
"""What was said about a consent: from when on it is meant, and ``granted`` or ``withdrawn``."""


class Profile:
    """What is known of one customer's person."""

    def __init__(self, history: Sequence[Event | Absorbed]) -> None:
        self.history = history
        last = _last_profile(history)
        self.last: dict[str, Any] = dict(last.record) if last else {}

    @property
    def is_company(self) -> bool:
        """Whether the last profile says so."""
        return bool(self.last.get("company", False))

    @property
    def birth_date(self) -> date | None:
        """The birth date of the last profile."""
        text = self.last.get("birth_date")
        return date.fromisoformat(text) if text else None

    def registered_at(self, brand: str) -> int | None:
        """The last ``registered_at`` that a profile of the brand gave."""
        return _registrations(self.history).get(brand)

    def registered_brands(self) -> set[str]:
        """Brands with a ``registered_at``."""
        return set(_registrations(self.history))

    def consent(self, brand: str, channel: str, purpose: str) -> str | None:
        """``granted``, ``withdrawn`` or None: nothing was said."""
        word = _consent(self.history, brand, channel, purpose)
        return word[1] if word else None

    def is_confirmed(self, brand: str, channel: str, purpose: str, now: int) -> bool:
        """Whether the grant that counts was confirmed after it was given, and before now."""
        word = _consent(self.history, brand, channel, purpose)
        confirmed = _confirmed(self.history, brand, channel, purpose)
        return word is not None and confirmed is not None and word[0] <= confirmed <= now

    def reachable(self, channel: str) -> bool:
        """Whether the customer can be reached; no word: not."""
        return bool(_reach(self.history, channel))

    def market(self, brand: str) -> str | None:
        """The profile's country, else the market of the customer's last event of the brand."""
        if self.last.get("country"):
            return str(self.last["country"])
        last = _last_event(self.history, brand)
        return str(last.record["market"]) if last else None

    def zone(self, brand: str, rules: BrandRules | None) -> str | None:
        """The profile's zone, else that of his home store, of his address, of the market, of the brand."""
        if self.last.get("time_zone"):
            return str(self.last["time_zone"])
        if rules is None:
            return None
        for zones, place in ((rules.stores, self.last.get("home_store")), (rules.regions, self.last.get("region"))):
            if place in zones:
                return str(zones[place])
        in_market = rules.markets.get(self.market(brand) or "")
        return (in_market.zone if in_market else None) or rules.zone

    def language(self, brand: str, rules: BrandRules, content: Content) -> str | None:
        """The first language of the chain in which the content exists."""
        in_market = rules.markets.get(self.market(brand) or "")
        wanted = [self.last.get("language")]
        if not wanted[0]:
            wanted = [in_market.language if in_market else None, rules.language]
        chain = [tag for language in wanted if language for tag in (language, language.split("-")[0])]
        return next((tag for tag in [*chain, *content.fallback] if tag in content.languages), None)


def _last_profile(history: Sequence[Event | Absorbed]) -> Event | None:
    """The last profile in order. At a merge the survivor's stays, if he has one."""
    last: Event | None = None
    for entry in history:
        if isinstance(entry, Absorbed):
            last = last or _last_profile(entry.history)
        elif entry.type in PROFILE_TYPES:
            last = entry
    return last


def _registrations(history: Sequence[Event | Absorbed]) -> dict[str, int]:
    """By brand the last ``registered_at`` given. At a merge the survivor's stay."""
    given: dict[str, int] = {}
    for entry in history:
        if isinstance(entry, Absorbed):
            given = _registrations(entry.history) | given
        elif entry.type in PROFILE_TYPES and entry.record.get("registered_at"):
            given[entry.brand] = parse_ms(entry.record["registered_at"])
    return given


def _last_event(history: Sequence[Event | Absorbed], brand: str) -> Event | None:
    """The last event of a brand; of two customers that became one the later, at equal times the survivor's."""
    last: Event | None = None
    for entry in history:
        if isinstance(entry, Absorbed):
            other = _last_event(entry.history, brand)
            last = other if other is not None and (last is None or other.eff > last.eff) else last
        elif entry.brand == brand:
            last = entry
    return last


def _consent(history: Sequence[Event | Absorbed], brand: str, channel: str, purpose: str) -> Word | None:
    """The word with the latest time; at equal times ``withdrawn``. At a merge the more restrictive of two."""
    current: Word | None = None
    for entry in history:
        if isinstance(entry, Absorbed):
            words = [w for w in (current, _consent(entry.history, brand, channel, purpose)) if w is not None]
            current = max(words, key=lambda word: (word[1] == "withdrawn", word[0]), default=None)
        else:
            words = [*([current] if current else []), *_words(entry, brand, channel, purpose)]
            current = max(words, default=None)
    return current


def _confirmed(history: Sequence[Event | Absorbed], brand: str, channel: str, purpose: str) -> int | None:
    """The last confirmation of a grant. Of two who became one and both spoke of it, both have to have confirmed."""
    latest: int | None = None
    for number, entry in enumerate(history):
        if isinstance(entry, Absorbed):
            theirs = _confirmed(entry.history, brand, channel, purpose)
            if _consent(entry.history, brand, channel, purpose) is None:
                continue
            if _consent(history[:number], brand, channel, purpose) is None:
                latest = theirs
            else:
                latest = None if latest is None or theirs is None else max(latest, theirs)
        elif entry.type in PROFILE_TYPES and entry.brand == brand:
            for consent in entry.record.get("consents", ()):
                named = (consent["channel"], consent.get("purpose", "marketing")) == (channel, purpose)
                if named and consent["status"] == "granted" and consent.get("confirmed_at"):
                    moment = parse_ms(consent["confirmed_at"])
                    latest = moment if latest is None else max(latest, moment)
    return latest


def _reach(history: Sequence[Event | Absorbed], channel: str) -> bool | None:
    """The last word of contact points and permanent bounces. At a merge the more restrictive of two."""
    word: bool | None = None
    for entry in history:
        if isinstance(entry, Absorbed):
            said = [each for each in (word, _reach(entry.history, channel)) if each is not None]
            word = all(said) if said else None
        elif entry.type in PROFILE_TYPES:
            for point in entry.record.get("contact_points", ()):
                word = point["reachable"] if point["channel"] == channel else word
        elif entry.type == "feedback" and entry.record["status"] == "bounced" and entry.record["channel"] == channel:
            word = False if entry.record.get("permanent", True) else word
    return word


def withdraws_consent(event: Event, brand: str, channel: str, purpose: str) -> bool:
    """Whether an event says that a consent is withdrawn."""
    return "withdrawn" in [status for _, status in _words(event, brand, channel, purpose)]


def _words(event: Event, brand: str, channel: str, purpose: str) -> list[Word]:
    """What an event says about a consent, with the times from which it is meant."""
    if event.brand != brand:
        return []
    if event.type == "feedback" and event.record["status"] in WITHDRAWING:
        meant = event.record["channel"] == channel and purpose in ("marketing", "review")
        return [(event.at, "withdrawn")] if meant else []
    return [
        (parse_ms(consent["at"]), consent["status"])
        for consent in (event.record.get("consents", ()) if event.type in PROFILE_TYPES else ())
        if (consent["channel"], consent.get("purpose", "marketing")) == (channel, purpose)
    ]
