"""Section "Facts": profile, consents, reachability, market, zone and languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from schemas.campaigns import BrandRules, Content
from tests.oracle.history import PROFILE_TYPES, Event, parse_ms

WITHDRAWING = ("unsubscribed", "complained")


class Profile:
    """What is known of one customer's person from his events in order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        profiles = [event for event in events if event.type in PROFILE_TYPES]
        self.last: dict[str, Any] = dict(profiles[-1].record) if profiles else {}
        self.profiles = profiles

    @property
    def birth_date(self) -> date | None:
        """The birth date of the last profile."""
        text = self.last.get("birth_date")
        return date.fromisoformat(text) if text else None

    def registered_at(self, brand: str) -> int | None:
        """The last ``registered_at`` that a profile of the brand gave."""
        given = [p.record["registered_at"] for p in self.profiles if p.brand == brand and p.record.get("registered_at")]
        return parse_ms(given[-1]) if given else None

    def registered_brands(self) -> set[str]:
        """Brands with a ``registered_at``."""
        return {p.brand for p in self.profiles if p.record.get("registered_at")}

    def consent(self, brand: str, channel: str, purpose: str) -> str | None:
        """``granted``, ``withdrawn`` or None: the word with the latest time; at equal times ``withdrawn``."""
        words: list[tuple[int, str]] = []
        for event in self.events:
            if event.brand != brand:
                continue
            for consent in event.record.get("consents", ()) if event.type in PROFILE_TYPES else ():
                if (consent["channel"], consent.get("purpose", "marketing")) == (channel, purpose):
                    words.append((parse_ms(consent["at"]), consent["status"]))
            withdraws = event.type == "feedback" and event.record["status"] in WITHDRAWING
            if withdraws and event.record["channel"] == channel and purpose in ("marketing", "review"):
                words.append((event.at, "withdrawn"))
        return max(words)[1] if words else None

    def reachable(self, channel: str) -> bool:
        """The last word of contact points and permanent bounces; no word: not reachable."""
        word = False
        for event in self.events:
            if event.type in PROFILE_TYPES:
                for point in event.record.get("contact_points", ()):
                    word = point["reachable"] if point["channel"] == channel else word
            if event.type == "feedback" and event.record["status"] == "bounced" and event.record["channel"] == channel:
                word = word and not event.record.get("permanent", True)
        return word

    def market(self, brand: str) -> str | None:
        """The profile's country, else the market of the customer's last event of the brand."""
        if self.last.get("country"):
            return str(self.last["country"])
        markets = [event.record["market"] for event in self.events if event.brand == brand]
        return markets[-1] if markets else None

    def zone(self, brand: str, rules: BrandRules | None) -> str | None:
        """The profile's zone, else the brand's for the market, else the brand's."""
        if self.last.get("time_zone"):
            return str(self.last["time_zone"])
        if rules is None:
            return None
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


def withdraws_consent(event: Event) -> bool:
    """Whether an event may withdraw a consent."""
    return event.type in PROFILE_TYPES or (event.type == "feedback" and event.record["status"] in WITHDRAWING)
