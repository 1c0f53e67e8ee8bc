"""CRM profiles: registered around the first order, updated when a card is linked or a consent withdrawn."""

from __future__ import annotations

from datetime import date
from random import Random

from schemas.base import identifier_hash, rfc3339
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.people import HASH_KEY, Person
from streams.simulate.rates import DAY_MS
from streams.simulate.world import World

SOURCE = "customers"

LANGUAGES: dict[str, str] = {
    "GB": "en-GB", "IE": "en-IE", "US": "en-US", "AU": "en-AU", "CA": "en-CA", "ZA": "en-ZA", "SG": "en-SG",
    "JE": "en-GB", "DE": "de-DE", "AT": "de-AT", "CH": "de-CH", "FR": "fr-FR", "BE": "nl-BE", "NL": "nl-NL",
    "ES": "es-ES", "PT": "pt-PT", "IT": "it-IT", "SE": "sv-SE", "NO": "nb-NO", "DK": "da-DK", "FI": "fi-FI",
    "PL": "pl-PL", "GR": "el-GR", "CY": "el-CY", "JP": "ja-JP", "IS": "is-IS", "CZ": "cs-CZ", "LT": "lt-LT",
    "BR": "pt-BR", "IL": "he-IL", "MT": "mt-MT", "HK": "zh-HK", "AE": "ar-AE", "SA": "ar-SA", "LB": "ar-LB",
    "BH": "ar-BH",
}  # fmt: skip
ZONES: dict[str, str] = {
    "GB": "Europe/London", "IE": "Europe/Dublin", "JE": "Europe/Jersey", "DE": "Europe/Berlin",
    "AT": "Europe/Vienna", "CH": "Europe/Zurich", "FR": "Europe/Paris", "BE": "Europe/Brussels",
    "NL": "Europe/Amsterdam", "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "IT": "Europe/Rome",
    "SE": "Europe/Stockholm", "NO": "Europe/Oslo", "DK": "Europe/Copenhagen", "FI": "Europe/Helsinki",
    "PL": "Europe/Warsaw", "GR": "Europe/Athens", "CY": "Asia/Nicosia", "IS": "Atlantic/Reykjavik",
    "CZ": "Europe/Prague", "LT": "Europe/Vilnius", "MT": "Europe/Malta", "IL": "Asia/Jerusalem", "JP": "Asia/Tokyo",
    "SG": "Asia/Singapore", "HK": "Asia/Hong_Kong", "AE": "Asia/Dubai", "SA": "Asia/Riyadh", "LB": "Asia/Beirut",
    "BH": "Asia/Bahrain", "ZA": "Africa/Johannesburg", "US": "America/New_York", "CA": "America/Toronto",
    "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
}  # fmt: skip
"""A usual zone of each country; countries that are absent have customers of unknown zone."""


def write_profiles(world: World, feed: Feed, person: Person) -> Event | None:
    """All profile events of a customer; returns the first profile, None if the CRM never hears of him."""
    if person.registered_at is None:
        return None
    profile = _first_profile(person)
    feed.add(SOURCE, f"profile-{person.customer_id}-1", "customer.registered", person.registered_at, profile)
    changes = _changes(world, person)
    current = profile
    for number, (at, change) in enumerate(changes, 2):
        current = {**current, **change}
        if "consents" in change:
            current["consents"] = _merged_consents(profile["consents"], change["consents"])
        feed.add(SOURCE, f"profile-{person.customer_id}-{number}", "customer.updated", at, current)
    if person.card:
        feed.tell("loyalty_card", loyalty_card_id=person.card, customer_id=person.customer_id, at=person.card_linked_at)
    return profile


def _merged_consents(first: list[Event], later: list[Event]) -> list[Event]:
    """The first profile's consents with later ones in their place."""
    by_key = {(consent["channel"], consent["purpose"]): consent for consent in [*first, *later]}
    return list(by_key.values())


def _first_profile(person: Person) -> Event:
    """What the CRM writes when a customer registers."""
    random, at = person.random, person.registered_at
    assert at is not None
    onsite = Random(f"onsite {person.customer_id}")
    country = person.orders[0].market if person.orders else person.market
    lines_mean = sum(len(order.lines) for order in person.orders) / max(1, len(person.orders))
    profile: Event = {
        "market": country,
        "customer_id": person.customer_id,
        "registered_at": rfc3339(at),
        "country": country,
        "email_domain": "example.edu" if onsite.random() < rates.ACADEMIC else "example.com",
        "consents": _consents(random, at) + _onsite_consent(onsite, at),
        "contact_points": _contact_points(random, person),
        "company": lines_mean > rates.COMPANY_LINES_MEAN and random.random() < 0.5,
        "loyalty_cards": [person.card] if person.card and person.card_linked_at == at else [],
    }
    if country in LANGUAGES and random.random() < rates.LANGUAGE_KNOWN:
        profile["language"] = LANGUAGES[country]
    if country in ZONES and random.random() < rates.ZONE_KNOWN:
        profile["time_zone"] = ZONES[country]
    if random.random() < rates.BIRTH_DATE_KNOWN:
        profile["birth_date"] = _birth_date(random)
    if person.store:
        profile["home_store"] = person.store
    return profile


def _consents(random: Random, at: int) -> list[Event]:
    """Consents given or refused at registration."""
    granted: list[tuple[str, str, str]] = []
    dice = random.random()
    if dice < rates.EMAIL_CONSENT:
        granted.append(("email", "marketing", "granted"))
        if random.random() < rates.REVIEW_CONSENT:
            granted.append(("email", "review", "granted"))
    elif dice < rates.EMAIL_CONSENT + rates.EMAIL_REFUSED:
        granted += [("email", "marketing", "withdrawn"), ("email", "review", "withdrawn")]
    for channel, share in (("push", rates.PUSH_CONSENT), ("sms", rates.SMS_CONSENT)):
        if random.random() < share:
            granted.append((channel, "marketing", "granted"))
    return [_consent(channel, purpose, status, at) for channel, purpose, status in granted]


def _onsite_consent(random: Random, at: int) -> list[Event]:
    """Whether the shop may greet him by what is known of him."""
    dice = random.random()
    if dice >= rates.ONSITE_CONSENT + rates.ONSITE_REFUSED:
        return []
    return [_consent("onsite", "marketing", "granted" if dice < rates.ONSITE_CONSENT else "withdrawn", at)]


def _consent(channel: str, purpose: str, status: str, at: int) -> Event:
    return {"channel": channel, "purpose": purpose, "status": status, "at": rfc3339(at), "source": "crm"}


def _contact_points(random: Random, person: Person) -> list[Event]:
    """Where the CRM can reach the customer."""
    points: list[Event] = [
        {"channel": "email", "reachable": random.random() >= rates.EMAIL_UNREACHABLE, "hash": person.email_hash}
    ]
    if random.random() < 0.4:
        phone = identifier_hash(f"+44 7700 {person.customer_id}", HASH_KEY)
        points.append({"channel": "sms", "reachable": True, "hash": phone})
    if random.random() < 0.25:
        points.append({"channel": "push", "reachable": True})
    points.append({"channel": "onsite", "reachable": True})
    return points


def _birth_date(random: Random) -> str:
    """A birth date; some on the 29th of February."""
    if random.random() < rates.BORN_ON_LEAP_DAY:
        return date(random.choice(range(1936, 1993, 4)), 2, 29).isoformat()
    return date.fromordinal(random.randrange(date(1935, 1, 1).toordinal(), date(1993, 1, 1).toordinal())).isoformat()


def _changes(world: World, person: Person) -> list[tuple[int, Event]]:
    """Later changes of the profile in order of time."""
    random, registered = person.random, person.registered_at
    assert registered is not None
    changes: list[tuple[int, Event]] = []
    if person.card and person.card_linked_at is not None and person.card_linked_at > registered:
        changes.append((person.card_linked_at, {"loyalty_cards": [person.card]}))
    if random.random() < rates.CONSENT_WITHDRAWN:
        at = registered + random.randrange(5 * DAY_MS, 200 * DAY_MS)
        withdrawn = [_consent("email", purpose, "withdrawn", at) for purpose in ("marketing", "review")]
        changes.append((at, {"consents": withdrawn}))
    moved = next((order for order in person.orders if order.market != person.orders[0].market), None)
    if moved is not None and moved.at > registered:
        place = {"market": moved.market, "country": moved.market, "time_zone": ZONES.get(moved.market)}
        changes.append((moved.at, place))
    return sorted(((at, change) for at, change in changes if at <= world.end), key=lambda item: item[0])
