"""Events that name a merged customer are decided as the oracle does, however late they reach the survivor.

All input is there at once, so that clocks are at the end while states and events are still on their way.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import msgspec
import pytest

from streams.decide.forwarding import Forwarding
from streams.decide.state import STATE_VERSION, CustomerState
from streams.decide.task import DecideTask
from tests.decide.memory_log import MemoryLog, Runner, all_stages, input_log, make_task
from tests.e2e.kit import write_lines
from tests.e2e.retailer import BRAND, moment, small_campaigns
from tests.faults.kit import fault_settings
from tests.faults.retailer import Retailer, judged, outcomes
from tests.oracle.builders import HOUR, MINUTE, History

DAY_OF_MERGES, LAST_DAY, FAMILIES = 5, 30, 16
ORDERS = (
    "cb ba",
    "ba cb",
    "ca ba",
    "ba cb dc",
    "dc ba cb",
    "ba ab",
    "cb ba ac",
    "dc cb ba ad",
)
"""CRM orders of a family, (merged, kept) each: chains the right and the wrong way round, a star, circles."""
CUTS = [(40, 40, 0.0, 4), (500, 1_000, 0.0, 4), (15, 7, 0.2, 4), (100, 3, 0.1, 2)]
"""Records and steps of a round, share of crashes, partitions."""


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Retailer:
    """Core and oracle agree on it."""
    directory, told = tmp_path_factory.mktemp("merged"), History()
    told.count = 70_000
    for number in range(FAMILIES):
        family(told, number, ORDERS[number % len(ORDERS)])
    told.profile(moment(LAST_DAY, 9), "last", brand=BRAND)
    return judged(write_lines(directory / "history", told.sources), small_campaigns(), directory / "campaigns")


def family(told: History, number: int, orders: str) -> None:
    """Four customers and a visitor; each goes on to be named by his own id while they become one."""
    people, own = [f"{letter}-{number}" for letter in "abcd"], {"brand": BRAND}
    cookie, day = f"cookie-{number}", moment(DAY_OF_MERGES, 9) + number * MINUTE
    told.cart(day, {"pot": 1}, f"cart-{cookie}", anonymous_id=cookie, **own)
    for place, (gone, kept) in enumerate(orders.split()):
        ids = {"merged_id": f"{gone}-{number}", "customer_id": f"{kept}-{number}"}
        told.add("customers", "customer.merged", day + HOUR + place * 20 * MINUTE, **ids, **own)
    told.identified(day + HOUR * (1 + number % 3) // 2, people[number % 4], anonymous_id=cookie, **own)
    for place, who in enumerate(people):
        named = {"customer_id": who, **own}
        told.profile(moment(1, 9), who, time_zone="Europe/London", birth_date=f"1980-01-{10 + place}", **own)
        told.order(moment(2 + place, 10), {"cup": 1}, f"order-{who}", **named)
        told.of_order("delivered", moment(4, 10), f"order-{who}", **named)
        told.cart(day, {"mug": 2}, f"cart-{who}", **named)
        told.cart(day + HOUR + (7 * number + 13 * place) % 120 * MINUTE, {"pot": 1}, f"second-{who}", **named)
        told.order(day + 2 * HOUR + (11 * number + 29 * place) % 200 * MINUTE, {"mug": 1}, f"late-{who}", **named)
        neighbour = people[(place + 1) % 4]
        told.back(day + 3 * HOUR + place, {"cup": 1}, f"return-{who}", order_id=f"order-{neighbour}", **named)
        told.cart(moment(10, 10) + place * HOUR, {"pot": 1}, f"third-{who}", **named)
        buyer = people[(place + number) % 4]
        told.receipt(moment(10, 12) + place * HOUR, {"pot": 1}, 10_000 + number * 10 + place, customer_id=buyer, **own)


def worked_off(retailer: Retailer, directory: Path, cut: tuple[int, int, float, int]) -> tuple[MemoryLog, list[Runner]]:
    records_max, budget, crash_share, partitions = cut
    settings = fault_settings("unused", "memory", directory, partitions=partitions)
    log, chance = input_log(settings, retailer.content, retailer.history), Random(budget)
    runners = [
        Runner(stage, number, partial(make_task, stage, number, settings, tight=crash_share > 0), log)
        for stage, number in all_stages(settings)
    ]
    idle = 0
    while idle < 3 * len(runners):
        runner = chance.choice(runners) if idle == 0 else runners[idle % len(runners)]
        crash = chance.random() < crash_share
        idle = 0 if runner.round(chance, records_max, budget, crash=crash) else idle + 1
    return log, runners


@pytest.mark.parametrize("cut", CUTS)
def test_merged_ids_are_decided_as_the_oracle_does_at_any_cut_and_crash(
    retailer: Retailer, tmp_path: Path, cut: tuple[int, int, float, int]
) -> None:
    log, runners = worked_off(retailer, tmp_path, cut)
    assert outcomes([msgspec.json.decode(value) for value in log.values("decisions")]) == retailer.oracle
    tasks = [runner._task for runner in runners if isinstance(runner._task, DecideTask)]
    assert len(tasks) == cut[3]
    assert not any(task._fold.waiting for task in tasks)
    heights = [height for task in tasks for height in task._fold.forwarding.heights.values()]
    assert max(heights) > 1, "no chain of pointers was forwarded along"


def test_no_mark_is_written_where_nobody_was_merged(tmp_path: Path) -> None:
    told = History()
    told.profile(moment(1, 9), "a", brand=BRAND)
    told.cart(moment(2, 9), {"mug": 2}, "cart", customer_id="a", brand=BRAND)
    told.identified(moment(2, 9), "a", anonymous_id="cookie", brand=BRAND)
    history = write_lines(tmp_path / "history", told.sources)
    alone = judged(history, small_campaigns(), tmp_path / "campaigns")
    log, _ = worked_off(alone, tmp_path, CUTS[0])
    assert not any(b'"levels"' in value for value in log.values("customer-events"))


def test_a_mark_rests_on_lower_levels_of_others() -> None:
    here = Forwarding(lambda customer: int(customer[-1]), 0)
    here.heights = {1: 2}
    here.heard = {1: [50, 20], 2: [70]}
    assert here.levels(60) == [60, 50, 20]
    assert here.limit(CustomerState(STATE_VERSION, "a0", fed_by={1: 0, 2: 3})) == 50
    assert here.limit(CustomerState(STATE_VERSION, "a0", fed_by={1: 1})) == 20
    assert (here.least(), here.most()) == (20, 70)
