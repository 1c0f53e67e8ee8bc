"""The simulated traits of a customer: what the shop, the CRM and the tills know of him, and from when on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from schemas.base import identifier_hash
from streams.replay.history import Order, Return
from streams.simulate import rates
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS
from streams.simulate.world import HOME_MARKET, World

HASH_KEY = "simulation"
"""Key of the simulated address hashes: the addresses themselves are made up."""


@dataclass
class Person:
    """A customer of the history with everything that is simulated about him."""

    customer_id: str
    market: str
    orders: list[Order]
    returns: list[Return]
    random: Random
    registered_at: int | None = None
    email_hash: str | None = None
    visits_stores: bool = False
    store: str = ""
    card: str | None = None
    card_linked_at: int | None = None
    """When the CRM learns of the card; None: never."""
    logs_in: bool = True
    bought: set[str] = field(default_factory=set)
    """Products of his orders: abandoned carts that nobody buys must not hold them. Only asked, never iterated."""
    cookies: int = 0
    carts: int = 0
    sessions: int = 0

    @property
    def device_id(self) -> str:
        """The installation of the app."""
        return f"app-{self.customer_id}"

    def new_cookie(self) -> str:
        """A browser's cookie that nobody has seen."""
        self.cookies += 1
        return f"cookie-{self.customer_id}-{self.cookies}"

    def new_cart(self) -> str:
        """An id for a new cart."""
        self.carts += 1
        return f"cart-{self.customer_id}-{self.carts}"

    def new_session(self) -> str:
        """An id for a new visit."""
        self.sessions += 1
        return f"visit-{self.customer_id}-{self.sessions}"


def make_people(world: World) -> list[Person]:
    """All customers who ordered or returned something, in the order of their ids."""
    markets = world.history.markets()
    orders: dict[str, list[Order]] = {customer: [] for customer in markets}
    returns: dict[str, list[Return]] = {customer: [] for customer in markets}
    for order in world.history.orders:
        if order.customer_id is not None:
            orders[order.customer_id].append(order)
    for back in world.history.returns:
        if back.customer_id is not None:
            returns[back.customer_id].append(back)
    return [
        _person(world, customer, markets[customer], orders[customer], returns[customer]) for customer in sorted(markets)
    ]


def _person(world: World, customer: str, market: str, orders: list[Order], returns: list[Return]) -> Person:
    """One customer with drawn traits."""
    random = world.random("person", customer)
    person = Person(customer, market, orders, returns, random)
    person.bought = {line.product_id for order in orders for line in order.lines}
    person.logs_in = random.random() >= rates.NEVER_LOGS_IN
    if random.random() < rates.REGISTERED:
        person.registered_at = _registration(random, orders[0].at if orders else returns[0].at)
        person.email_hash = identifier_hash(f"{customer}@example.com", HASH_KEY)
    if market == HOME_MARKET and random.random() < rates.VISITS_STORES:
        person.visits_stores = True
        person.store = world.store(random)
        _give_card(world, person)
    return person


def _registration(random: Random, first_order_at: int) -> int:
    """Shortly before the first order, or within hours after it."""
    if random.random() < rates.REGISTERED_BEFORE_ORDER:
        return first_order_at - random.randrange(2 * MINUTE_MS, 40 * MINUTE_MS)
    return first_order_at + random.randrange(MINUTE_MS, 3 * HOUR_MS)


def _give_card(world: World, person: Person) -> None:
    """A loyalty card for most store visitors; the CRM knows it at once, later or never."""
    random = person.random
    if random.random() >= rates.LOYALTY_CARD / rates.VISITS_STORES:
        return
    person.card = f"card-{person.customer_id}"
    dice = random.random()
    if person.registered_at is None or dice >= rates.CARD_LINKED_AT_REGISTRATION + rates.CARD_LINKED_LATER:
        return
    later = 0 if dice < rates.CARD_LINKED_AT_REGISTRATION else random.randrange(5 * DAY_MS, 150 * DAY_MS)
    person.card_linked_at = person.registered_at + later
