"""A mark that makes very many timers due at once, written straight into decide's log."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.campaigns import CampaignSet, records
from streams.intake.admit import Admission
from streams.intake.validate import Rejection
from streams.settings import Settings
from streams.task import Out
from streams.tools import producer
from streams.wire import Mark, encode_envelope, encode_mark, partition_of
from tests.decide.memory_log import MemoryLog, Runner, make_task
from tests.oracle.builders import DAY, HOUR, brand, campaign, t

START = t("2025-03-03T09:00")
CARTS_KNOWN = START + 2 * HOUR
"""Behind all carts and before the first reminder."""
DUE_BY = START + 2 * DAY
REACHABLE_EVERY = 20
"""One customer in so many gets his message; the others have given no consent."""


def rules() -> CampaignSet:
    """One reminder for carts, and slots that are released at once."""
    return CampaignSet((campaign("cart_abandoned", valid_for="3d"),), (brand(),))


def carts(customers: int, settings: Settings) -> Iterator[Out]:
    """Rules, a cart of each customer, and marks that let them apply."""
    partitions = settings.partitions
    admission = Admission()
    for _, record in records(rules(), 0, "test"):
        admitted = admission.admit("campaigns", msgspec.json.encode(record), 0, 0)
        assert admitted is not None
        assert not isinstance(admitted, Rejection)
        for topic, event in admitted:
            for number in range(partitions):
                yield Out(topic, number, b"*", encode_envelope(event))
    for number in range(customers):
        yield from _customer(f"m{number}", number, partitions)
    yield from marks(settings, CARTS_KNOWN)


def marks(settings: Settings, until: int = DUE_BY) -> Iterator[Out]:
    """One mark of each upstream task: nothing before ``until`` follows. By default, after all reminders."""
    partitions = settings.partitions
    for stage in ("intake", "identity"):
        for task in range(partitions):
            mark = encode_mark(Mark(stage, task, partitions, {"web-sessions": until}))
            for number in range(partitions):
                yield Out("customer-events", number, MARK_KEY, mark)


def _customer(name: str, number: int, partitions: int) -> Iterator[Out]:
    partition, at = partition_of(name, partitions), START + number % HOUR
    if number % REACHABLE_EVERY == 0:
        consents = [{"channel": "email", "purpose": "marketing", "granted": True, "at": START}]
        nothing = dict.fromkeys(("registered", "birth", "email_domain", "language", "country", "zone", "home_store"))
        data = nothing | {"preferred": [], "company": False, "consents": consents}
        data["reach"] = [{"channel": "email", "reachable": True}]
        yield _out(
            Envelope(f"p{number}", "customer.updated", "customers", name, START, START, "acme", data=data), partition
        )
    lines = [{"product": "mug", "qty": 1, "price": 1_000}]
    data = {"cart": f"k{number}", "session": "s", "lines": lines}
    event = Envelope(f"e{number}", "cart.updated", "web-sessions", name, at, at, "acme", "GB", "GBP", data=data)
    yield _out(event, partition)


def _out(event: Envelope, partition: int) -> Out:
    return Out("customer-events", partition, event.customer.encode(), encode_envelope(event))


def write(settings: Settings, outs: Iterable[Out]) -> None:
    """Put records on the broker."""
    with producer(settings) as client:
        for out in outs:
            client.send(settings.topic(out.topic), out.value, out.key, partition=out.partition)


def expected(customers: int, settings: Settings) -> dict[int, list[bytes]]:
    """Partition -> decisions of one uninterrupted task that does everything at once."""
    memory = MemoryLog()
    for out in chain(carts(customers, settings), marks(settings)):
        memory.append(out)
    found: dict[int, list[bytes]] = {}
    for number in range(settings.partitions):
        runner = Runner("decide", number, lambda n=number: make_task("decide", n, settings), memory)  # type: ignore[misc]
        while runner.round(random.Random(0), customers * 2, 1 << 60, crash=False):
            pass
        found[number] = [row.value or b"" for row in memory.records.pop(("decisions", number))]
        memory.records[("customer-events", number)] = []
    return found
