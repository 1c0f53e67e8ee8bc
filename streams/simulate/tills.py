"""Till receipts: with a loyalty card or cash, from stores that report at once and stores that send a file a night."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from schemas.base import from_ms, natural_key
from streams.replay.history import Line
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.people import Person
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS
from streams.simulate.world import HOME_MARKET, World, opening_hours

SOURCE = "pos-transactions"
FILE_SENT_MS = 1 * HOUR_MS + 30 * MINUTE_MS
"""When stores with a nightly file send it, after midnight UTC."""
NIGHTLY_STORES = frozenset(f"store-{number:02d}" for number in range(1, rates.STORES_WITH_NIGHTLY_FILE + 1))


@dataclass
class TillVisit:
    """A customer at a till. ``behind_ms``: how late the receipt arrives, if it is a late one."""

    at: int
    store: str
    lines: tuple[Line, ...]
    card: str | None = None
    customer_id: str | None = None
    behind_ms: int = 0
    status: str = "completed"
    returned: tuple[Line, ...] = ()
    truth: Event | None = None
    """The abandoned cart that this receipt buys; receipt and arrival are filled in."""


def store_visits(world: World, person: Person, feed: Feed) -> list[TillVisit]:
    """A customer's own store visits: now and then, and every week for those who went quiet online."""
    random = person.random
    if not person.visits_stores:
        return []
    years = (world.end - world.start) / (365 * DAY_MS)
    number = min(40, int(random.expovariate(1 / (rates.STORE_VISITS_PER_YEAR * max(years, 0.02)))))
    times: list[int] = sorted(random.randrange(world.start, world.end) for _ in range(number))
    times += _regular_times(world, person, feed)
    visits: list[TillVisit] = []
    for at in times:
        lines = world.basket(random, random.randint(1, 3), without=person.bought)
        if not lines:
            continue
        visit = TillVisit(opening_hours(at, random), person.store, lines, person.card)
        if visits and visit.at > visits[-1].at and random.random() < rates.RECEIPT_WITH_RETURN:
            visit.returned = (visits[-1].lines[0]._replace(quantity=1),)
        if person.card_linked_at and visit.at > person.card_linked_at:
            linked_by_till = random.random() < rates.RECEIPT_WITH_CUSTOMER_ID
            visit.customer_id = person.customer_id if linked_by_till else None
        visits.append(visit)
    return visits


def _regular_times(world: World, person: Person, feed: Feed) -> list[int]:
    """Weekly store visits after the last online order of a customer who had a rhythm; nothing for others."""
    random, orders = person.random, person.orders
    quiet = min(rates.REGULAR_QUIET_DAYS * DAY_MS, int(rates.REGULAR_QUIET_SHARE * (world.end - world.start)))
    if person.card is None or len(orders) < rates.REGULAR_ORDERS_MIN or orders[-1].at > world.end - quiet:
        return []
    if random.random() >= rates.REGULAR:
        return []
    times: list[int] = []
    at = orders[-1].at + random.randrange(5 * DAY_MS, 14 * DAY_MS)
    while at < world.end and len(times) < rates.REGULAR_RECEIPTS_MAX:
        times.append(at)
        at += random.randrange(5 * DAY_MS, 10 * DAY_MS)
    feed.tell(
        "till_regular",
        customer_id=person.customer_id,
        loyalty_card_id=person.card,
        card_linked_at=person.card_linked_at,
        last_order_at=orders[-1].at,
        first_receipt_at=times[0],
        last_receipt_at=times[-1],
        receipts=len(times),
    )
    return times


def cash_visits(world: World, customers: int) -> list[TillVisit]:
    """Receipts of people without a card, and those that are no sales: voided, or a cashier's training."""
    random = world.random("cash")
    years = (world.end - world.start) / (365 * DAY_MS)
    visits = []
    for _ in range(round(customers * rates.CASH_RECEIPTS_PER_CUSTOMER * years)):
        at = opening_hours(random.randrange(world.start, world.end), random)
        visit = TillVisit(at, world.store(random), world.basket(random, random.randint(1, 4)))
        dice = random.random()
        if dice < rates.RECEIPT_VOIDED + rates.RECEIPT_TRAINING:
            visit.status = "voided" if dice < rates.RECEIPT_VOIDED else "training"
        visits.append(visit)
    return visits


def write_receipts(world: World, feed: Feed, visits: list[TillVisit]) -> None:
    """All receipts in order of time, numbered by till and day; some files of a store's day are sent twice."""
    random = world.random("receipts")
    numbers: Counter[tuple[str, str, str]] = Counter()
    store_days: dict[tuple[str, int], list[Event]] = {}
    visits.sort(key=lambda visit: (visit.at, visit.store, visit.card or "", visit.lines))
    for visit in visits:
        day, workstation = from_ms(visit.at).date().isoformat(), f"till-{random.randint(1, 3)}"
        numbers[visit.store, workstation, day] += 1
        number = numbers[visit.store, workstation, day]
        event_id = f"receipt-{visit.store}-{workstation}-{day}-{number}"
        fields = _receipt(world, visit, workstation, day, number)
        arrived = feed.add(SOURCE, event_id, "pos.receipt", visit.at, fields, _arrival(random, visit))
        store_days.setdefault((visit.store, visit.at // DAY_MS), []).append(
            {"event_id": event_id, "at": visit.at, "fields": fields}
        )
        if visit.behind_ms:
            feed.counts["late_receipts"] += 1
        if visit.truth is not None:
            receipt = natural_key(visit.store, workstation, day, number)
            bought = [line.product_id for line in visit.lines]
            visit.truth.update(
                receipt_id=receipt, loyalty_card_id=visit.card, receipt_at=visit.at, receipt_arrived_at=arrived
            )
            visit.truth["bought"] = bought
    _resend_days(world, feed, store_days)


def _arrival(random: Random, visit: TillVisit) -> int | None:
    """Late receipts as planned; of nightly stores after midnight; of others at once, some of them late."""
    behind = visit.behind_ms
    if not behind and random.random() < rates.RECEIPT_LATE:
        behind = visit.behind_ms = random.randrange(25 * HOUR_MS, 72 * HOUR_MS)
    if behind:
        return visit.at + behind
    if visit.store in NIGHTLY_STORES:
        return (visit.at // DAY_MS + 1) * DAY_MS + FILE_SENT_MS + random.randrange(MINUTE_MS)
    return None


def _receipt(world: World, visit: TillVisit, workstation: str, day: str, number: int) -> Event:
    """The fields of a receipt."""
    sold = [
        {"product_id": code, "quantity": quantity, "unit_price": world.amount(price)}
        for code, quantity, price in visit.lines
    ]
    returned = [
        {"kind": "return", "product_id": code, "quantity": quantity, "unit_price": world.amount(price)}
        for code, quantity, price in visit.returned
    ]
    total = sum(line.quantity * line.unit_price for line in visit.lines)
    total -= sum(line.quantity * line.unit_price for line in visit.returned)
    fields: Event = {
        "market": HOME_MARKET,
        "store_id": visit.store,
        "workstation_id": workstation,
        "business_date": day,
        "sequence_number": number,
        "status": visit.status,
        "currency": world.currency,
        "lines": sold + returned,
        "tenders": [{"kind": "card" if visit.card else "cash", "amount": world.amount(total)}],
    }
    identifiers = {"loyalty_card_id": visit.card, "customer_id": visit.customer_id}
    return {**fields, **{name: value for name, value in identifiers.items() if value}}


def _resend_days(world: World, feed: Feed, store_days: dict[tuple[str, int], list[Event]]) -> None:
    """Nightly files that a store sends once more the night after: every receipt of a day again."""
    random = world.random("resent")
    nightly = [key for key in sorted(store_days) if key[0] in NIGHTLY_STORES]
    years = (world.end - world.start) / (365 * DAY_MS)
    wanted = min(len(nightly), max(1, round(rates.RESENT_TILL_FILES_PER_YEAR * years)))
    for key in random.sample(nightly, wanted):
        arrived = (key[1] + 2) * DAY_MS + FILE_SENT_MS
        for receipt in store_days[key]:
            feed.resend(SOURCE, receipt["event_id"], "pos.receipt", receipt["at"], receipt["fields"], arrived)
