"""The retailer simulator: what a real data set lacks, or a whole retailer, from a seed.

The same seed and input give the same bytes on every run: no wall clock, no hash order, a random stream per purpose.
"""

from __future__ import annotations

from pathlib import Path

from streams.replay.history import History
from streams.replay.memory import cycle_collection_paused
from streams.replay.online_retail import BRAND, read_online_retail
from streams.simulate import rates
from streams.simulate.catalog import write_catalog
from streams.simulate.crm import write_profiles
from streams.simulate.feed import Feed
from streams.simulate.feedback import write_feedback
from streams.simulate.orders import OrderDesk
from streams.simulate.output import Simulation, write_files
from streams.simulate.people import Person, make_people
from streams.simulate.plans import intend
from streams.simulate.retailer import make_history
from streams.simulate.returns import ReturnDesk
from streams.simulate.tills import TillVisit, cash_visits, store_visits, write_receipts
from streams.simulate.web import Shop, anonymous_visitors, browse_as, shared_tablets
from streams.simulate.world import World

REAL_ORDERS = "real: placed orders of UCI Online Retail; synthetic: channel, cart, identifiers, changes, deliveries"
REAL_RETURNS = "real: refunds of UCI Online Retail; synthetic: requests, receipts, and returns that name an order"
REAL_CATALOG = "real: names, prices and co-purchases of UCI Online Retail; synthetic: availability, categories, updates"
SYNTHETIC_SOURCES = ("customers", "web-sessions", "pos-transactions", "channel-feedback")


def simulate_from_online_retail(source: Path, out_dir: Path, seed: int) -> Simulation:
    """Replay files around the real orders and cancellations of UCI Online Retail at ``source``.

    Raises InputError when the data cannot be read or the files not written.
    """
    labels = dict.fromkeys(SYNTHETIC_SOURCES, "synthetic")
    labels |= {"orders": REAL_ORDERS, "returns": REAL_RETURNS, "catalog": REAL_CATALOG}
    return _simulate(read_online_retail(source), out_dir, seed, "UCI Online Retail", labels)


def simulate_retailer(out_dir: Path, customers: int, days: int, seed: int) -> Simulation:
    """Replay files of a made-up retailer; 4,372 customers and 374 days are the scale of Online Retail.

    Raises InputError when a number makes no retailer or the files cannot be written.
    """
    history = make_history(customers, days, seed)
    labels = dict.fromkeys((*SYNTHETIC_SOURCES, "orders", "returns", "catalog"), "synthetic")
    return _simulate(history, out_dir, seed, "simulated retailer", labels)


def _simulate(history: History, out_dir: Path, seed: int, origin: str, labels: dict[str, str]) -> Simulation:
    """Everything that follows from orders and returns."""
    with cycle_collection_paused():
        feed = _all_events(history, seed)
    return write_files(out_dir, feed, seed, origin, labels, history.report)


def _all_events(history: History, seed: int) -> Feed:
    """The lines of all sources, and the truth."""
    world, feed = World(history, seed), Feed(seed, BRAND)
    people = make_people(world)
    write_catalog(world, feed)
    shop, tills = Shop(world, feed), cash_visits(world, len(people))
    for person in people:
        tills += _live(world, feed, shop, person)
    _nobody(world, feed, people)
    anonymous_visitors(shop, len(people))
    shared_tablets(shop, people)
    write_receipts(world, feed, tills)
    return feed


def _live(world: World, feed: Feed, shop: Shop, person: Person) -> list[TillVisit]:
    """All events of one customer but the receipts, which are returned: tills number them in order of time."""
    intentions = intend(world, person)
    browse_as(shop, person, intentions.visits)
    orders, returns = OrderDesk(world, feed), ReturnDesk(world, feed)
    for plan in intentions.orders:
        returns.simulated(person, orders.customer_order(person, plan))
    for back in person.returns:
        returns.from_history(person.random, back, person.orders)
    profile = write_profiles(world, feed, person)
    if profile is not None:
        write_feedback(world, feed, person, profile)
    return intentions.tills + store_visits(world, person, feed)


def _nobody(world: World, feed: Feed, people: list[Person]) -> None:
    """Guests' orders and returns, and returns of orders that nobody knows."""
    random = world.random("guests")
    orders, returns = OrderDesk(world, feed), ReturnDesk(world, feed)
    for order in world.history.orders:
        if order.customer_id is None:
            orders.guest_order(random, order)
    for back in world.history.returns:
        if back.customer_id is None:
            returns.from_history(random, back, [])
    for number in range(1, max(1, round(len(people) * rates.UNKNOWN_ORDER_RETURNS_PER_CUSTOMER)) + 1):
        returns.unknown_order(random, number, random.choice(people).customer_id)
