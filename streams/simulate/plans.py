"""What a customer intends: for each order the way to it, and carts that are left behind and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streams.replay.history import Line, Order
from streams.simulate import rates
from streams.simulate.people import Person
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS
from streams.simulate.tills import TillVisit
from streams.simulate.world import World, opening_hours, weighted

Outcome = Literal["never_bought", "bought_in_store", "bought_online", "bought_by_phone"]
VISIT_CHANNELS = ("web", "app")


@dataclass
class OrderPlan:
    """How an order comes in. ``anonymous_id`` is filled in when its visit is played."""

    order: Order
    channel: str
    cart_id: str | None = None
    anonymous_id: str | None = None


@dataclass
class Abandoned:
    """A cart that is left, and what becomes of it."""

    outcome: Outcome
    order_id: str | None = None
    till: TillVisit | None = None


@dataclass
class Visit:
    """A visit to the shop that ends at ``end``: browsing, filling a cart, leaving one, or ordering."""

    end: int
    market: str
    lines: tuple[Line, ...] = ()
    cart_id: str | None = None
    held: int = 0
    """How many of the lines an earlier visit has put into the cart already."""
    plan: OrderPlan | None = None
    abandoned: Abandoned | None = None
    app: bool = False


@dataclass
class Intentions:
    """All that a customer does on the web, in order of time, and the store visits that come of it."""

    orders: list[OrderPlan] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    tills: list[TillVisit] = field(default_factory=list)


def intend(world: World, person: Person) -> Intentions:
    """Everything the customer sets out to do."""
    intentions = Intentions()
    for order in person.orders:
        _way_to_order(person, order, intentions)
        if person.random.random() < rates.ABANDONED_CART:
            _leave_cart(world, person, order, intentions)
        if person.random.random() < rates.BROWSING_PER_ORDER:
            _browse(world, person, order, intentions)
    intentions.visits.sort(key=lambda visit: (visit.end, visit.cart_id or ""))
    return intentions


def _channel(person: Person, order: Order) -> str:
    """How the order comes in; long ones are not typed into a web shop."""
    if len(order.lines) > rates.WEB_LINES_MAX:
        return weighted(person.random, rates.WHOLESALE_CHANNELS)
    channel = weighted(person.random, rates.ORDER_CHANNELS)
    return "web" if channel == "marketplace" and person.email_hash is None else channel


def _way_to_order(person: Person, order: Order, intentions: Intentions) -> None:
    """The visits that lead to an order, or the abandoned cart whose items it buys."""
    random = person.random
    plan = OrderPlan(order, _channel(person, order))
    intentions.orders.append(plan)
    if plan.channel in VISIT_CHANNELS and random.random() < rates.ORDER_AFTER_ABANDONED_CART:
        _leave_before(person, order, "bought_online", intentions)
    elif plan.channel == "phone" and random.random() < rates.PHONE_AFTER_ABANDONED_CART:
        _leave_before(person, order, "bought_by_phone", intentions)
    elif plan.channel in VISIT_CHANNELS and random.random() < rates.CART_BEFORE_ORDER:
        plan.cart_id = person.new_cart()
        app, held = plan.channel == "app", 0
        if len(order.lines) > 1 and random.random() < rates.CART_PAUSED:
            held = random.randint(1, len(order.lines) - 1)
            end = order.at - random.randrange(2 * HOUR_MS, 40 * HOUR_MS)
            intentions.visits.append(Visit(end, order.market, order.lines[:held], plan.cart_id, app=app))
        intentions.visits.append(Visit(order.at, order.market, order.lines, plan.cart_id, held, plan, app=app))


def _leave_before(person: Person, order: Order, outcome: Outcome, intentions: Intentions) -> None:
    """A cart left half an hour to two days before an order buys what lies in it, without the cart's id."""
    random = person.random
    end = order.at - random.randrange(30 * MINUTE_MS, 48 * HOUR_MS)
    lines = order.lines[: random.randint(1, 6)]
    visit = Visit(end, order.market, lines, person.new_cart(), abandoned=Abandoned(outcome, order.order_id))
    intentions.visits.append(visit)


def _leave_cart(world: World, person: Person, order: Order, intentions: Intentions) -> None:
    """A cart that no order takes up, some weeks around an order; store visitors buy some of them at the till."""
    random = person.random
    end = order.at + random.randrange(-12 * DAY_MS, 45 * DAY_MS)
    lines = world.basket(random, random.choice((1, 1, 2, 2, 3, 4, 6)), without=person.bought)
    if not world.start <= end <= world.end or not lines:
        return
    person.bought.update(line.product_id for line in lines)
    abandoned = Abandoned("never_bought")
    if person.visits_stores and random.random() < rates.ABANDONED_BOUGHT_IN_STORE:
        abandoned = Abandoned("bought_in_store", till=_rescue(person, end, lines))
        intentions.tills.extend([abandoned.till] if abandoned.till else [])
    intentions.visits.append(Visit(end, order.market, lines, person.new_cart(), abandoned=abandoned))


def _rescue(person: Person, left_at: int, lines: tuple[Line, ...]) -> TillVisit:
    """The receipt that buys an abandoned cart, minutes to a day later; some of these arrive days late."""
    random = person.random
    delay = random.choice((random.randrange(10 * MINUTE_MS, 3 * HOUR_MS), random.randrange(HOUR_MS, 24 * HOUR_MS)))
    bought = lines
    if len(lines) > 1 and random.random() < rates.RESCUED_IN_PART:
        bought = lines[: random.randint(1, len(lines) - 1)]
    dice, behind = random.random(), 0
    if dice < rates.RESCUE_RECEIPT_VERY_LATE:
        behind = random.randrange(49 * HOUR_MS, 120 * HOUR_MS)
    elif dice < rates.RESCUE_RECEIPT_VERY_LATE + rates.RESCUE_RECEIPT_LATE:
        behind = random.randrange(25 * HOUR_MS, 47 * HOUR_MS)
    at = opening_hours(left_at + delay, random)
    return TillVisit(at, person.store, bought, person.card, behind_ms=behind)


def _browse(world: World, person: Person, order: Order, intentions: Intentions) -> None:
    """A visit without a cart."""
    end = order.at + person.random.randrange(-10 * DAY_MS, 60 * DAY_MS)
    if world.start <= end <= world.end:
        intentions.visits.append(Visit(end, order.market, world.basket(person.random, person.random.randint(1, 4))))
