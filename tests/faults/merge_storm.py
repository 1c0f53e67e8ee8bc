"""A history in which many customers become one on one day, and how many of them wait for each other right now."""

from __future__ import annotations

from pathlib import Path

from streams.decide.state import decode_state
from streams.decide.task import CUSTOMER
from streams.tools import latest_values
from tests.e2e.kit import write_lines
from tests.e2e.retailer import BRAND, moment, small_campaigns
from tests.faults.kit import Pipeline
from tests.faults.retailer import Retailer, judged
from tests.oracle.builders import HOUR, MINUTE, History

MERGE_DAY = 5
LAST_DAY = 30


def storm(directory: Path, families: int) -> Retailer:
    """Families of three customers and a visitor turn out to be one person each: chains and stars of CRM merges, logins.

    Core and oracle agree on it.
    """
    told = History()
    told.count = 70_000
    for number in range(families):
        _family(told, number)
    told.profile(moment(LAST_DAY, 9), "last", brand=BRAND)
    history = write_lines(directory / "history", told.sources)
    return judged(history, small_campaigns(), directory / "campaigns")


def _family(told: History, number: int) -> None:
    first, second, third = (f"{letter}-{number}" for letter in "abc")
    cookie, day = f"cookie-{number}", moment(MERGE_DAY, 9) + number % 60 * MINUTE
    own = {"brand": BRAND}
    for place, who in enumerate((first, second, third)):
        told.profile(moment(1, 9), who, time_zone="Europe/London", birth_date=f"1980-01-{10 + place}", **own)
        told.order(moment(2 + place, 10), {"cup": 1}, f"order-{who}", customer_id=who, **own)
        told.of_order("delivered", moment(4, 10), f"order-{who}", customer_id=who, **own)
        told.cart(day, {"mug": 2}, f"cart-{who}", customer_id=who, **own)
    told.cart(day, {"pot": 1}, f"cart-{cookie}", anonymous_id=cookie, **own)
    chain, star = ((third, second), (second, first)), ((third, first), (second, first))
    for place, (gone, kept) in enumerate(chain if number % 2 else star):
        told.add("customers", "customer.merged", day + HOUR + place, customer_id=kept, merged_id=gone, **own)
    login = day + HOUR + (1 if number % 3 == 0 else -1)
    told.identified(login, (first, second, third)[number % 3], anonymous_id=cookie, **own)
    if number % 4 == 0:
        told.order(day + 2 * HOUR, {"mug": 2}, f"late-order-{number}", customer_id=first, **own)
    if number % 4 == 1:
        told.back(day + 3 * HOUR, {"cup": 1}, f"return-{number}", order_id=f"order-{second}", customer_id=first, **own)
    told.cart(moment(MERGE_DAY + 5, 10), {"pot": 1}, f"cart-again-{number}", customer_id=first, **own)


def waiting(pipeline: Pipeline) -> int:
    """Customers who wait for another's state, with events parked, as committed by now."""
    values = latest_values(pipeline.client, pipeline.settings, "decide-changelog")
    states = (decode_state(value) for (_, key), value in values.items() if key.startswith(CUSTOMER))
    return sum(1 for state in states if state.waits_for and state.parked)
