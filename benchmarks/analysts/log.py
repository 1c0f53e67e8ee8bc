"""A log of any length, made as fast as it is read: decisions with gates and items, and orders of the same customers."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from typing import NamedTuple

from schemas.base import rfc3339
from sinks.protocol import Batch

YEAR_MS = 365 * 86_400_000
BEGIN_MS = 1_293_840_000_000
"""1 January 2011."""
BATCH = 50_000
PER_CUSTOMER = 10
PER_ORDER = 20
CAMPAIGNS = 15
GATES = ("episode", "lifecycle", "consent", "holdout", "content", "zone", "frequency_cap", "arbitration")


class Made(NamedTuple):
    """A record as the sink takes it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


_PASSED = ",".join(f'{{"gate":"{gate}","passed":true,"value":"open lines 1 of 2"}}' for gate in GATES)
_STOPPED = (
    '{"gate":"episode","passed":true,"value":"open lines 1 of 2"},{"gate":"lifecycle","passed":true,"value":"runs"},'
    '{"gate":"consent","passed":false,"value":"no word"}'
)
_HELD_OUT = (
    '{"gate":"episode","passed":true,"value":"open"},{"gate":"holdout","passed":false,"value":"in the 10% of shop"}'
)
_KINDS = (("sent", "due", _PASSED), ("suppressed", "no_consent", _STOPPED), ("ghost", "campaign_holdout", _HELD_OUT))


def batches(decisions: int) -> Iterator[Batch]:
    """Batches of ``BATCH`` decisions and the orders among them; the time runs through a year."""
    for first in range(0, decisions, BATCH):
        numbers = range(first, min(decisions, first + BATCH))
        batch = Batch(count=len(numbers))
        batch.records["decisions"] = [_decision(number, decisions) for number in numbers]
        ordered = [number for number in numbers if number % PER_ORDER == 0]
        batch.records["customer-events"] = [_order(number, decisions) for number in ordered]
        batch.positions = {("decisions", 0): numbers[-1] + 1, ("customer-events", 0): numbers[-1] + 1}
        yield batch


def _at(number: int, of: int) -> int:
    return BEGIN_MS + number * YEAR_MS // of


def _customer(number: int, of: int) -> str:
    return f"c{number * 2_654_435_761 % max(1, of // PER_CUSTOMER)}"


def _decision(number: int, of: int) -> Made:
    """Of ten decisions four are sent, one is a ghost, five are stopped; one sent in 25 is regretted later."""
    outcome, reason, gates = _KINDS[0 if number % 10 < 4 else 2 if number % 10 == 4 else 1]
    name, at, customer = number, _at(number, of), _customer(number, of)
    late = "false"
    if number % 100 == 99:
        name, customer = number - 99, _customer(number - 99, of)
        outcome, reason, late = "regretted", "bought_in_store", "true"
        gates = '{"gate":"correction","passed":false,"value":""}'
    time = rfc3339(at)
    value = (
        f'{{"decision_id":"{md5(b"%d" % name).hexdigest()}","outcome":"{outcome}","reason":"{reason}","brand":"shop",'
        f'"customer_id":"{customer}","campaign":"campaign-{name % CAMPAIGNS}","campaign_version":"a1b2c3d4",'
        f'"occasion":"cart_abandoned","episode":"cart-{name}","step":1,"channel":"email","market":"GB",'
        f'"due_at":"{time}",'
        f'"decided_at":"{time}","valid_until":"{rfc3339(at + 86_400_000)}","handed_over":true,"late":{late},'
        f'"gates":[{gates}],"items":[{{"product_id":"p{name % 997}","quantity":1}}],"offer":null,'
        f'"content_key":"cart-1",'
        f'"language":"en","inputs":["e{name}"],"arm":null,"mixed":false}}'
    )
    return Made(0, number, at, customer.encode(), value.encode())


def _order(number: int, of: int) -> Made:
    at, customer = _at(number, of), _customer(number * 7 + 1, of)
    value = (
        f'{{"id":"o{number}","type":"order.placed","source":"orders","customer":"{customer}","at":{at},"eff":{at},'
        f'"brand":"shop","market":"GB","currency":"GBP","nid":"order.placed/{number}","data":{{"order":"o{number}",'
        f'"channel":"web","lines":[{{"line":"1","product":"p{number % 997}","category":"k{number % 9}","qty":1,'
        f'"price":1000,"discount":0,"tax":0}},{{"line":"2","product":"p{number % 499}","category":"k{number % 7}",'
        f'"qty":2,"price":500,"discount":0,"tax":0}}]}}}}'
    )
    return Made(0, number, at, customer.encode(), value.encode())
