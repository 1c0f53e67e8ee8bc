"""Decide: each customer's entries go where he belongs; rules and the hashes of erased names go to all partitions.

The index of who watches a product, and who forwards to whom, are made anew for the new partitions.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import msgspec

from schemas.topics import STAGES
from streams.decide.alarms import CUSTOMER
from streams.decide.state import decode_state, encode_state
from streams.decide.task import ERASURE, PROFILE, RULE, WATCHER
from streams.decide.watchers import BUCKET_MAX, Bucket, bucket_name
from streams.ordered import POSITION_KEY, Position
from streams.progress import BEGINNING
from streams.repartition.borders import New, Old, RepartitionError
from streams.repartition.clocks import remade
from streams.repartition.forwards import Forwards
from streams.repartition.identity_state import unknown_entry
from streams.repartition.moved import move
from streams.repartition.rest import UPSTREAM, Rest, same, waiting
from streams.wire import partition_of

STAGE = "decide"
TOPIC = STAGES[STAGE].inputs[0]
ONCE = ("counts", "customers", "rearming", "news", "forwards", "heard", "told_lists", "erasures", "planned")
"""What a position says of its own partition; everything else is the same in all, and stays."""

_encoder = msgspec.msgpack.Encoder()
_buckets = msgspec.msgpack.Decoder(Bucket)


class _Tables:
    """The new partitions' tables, but for the customers, who are written as they come."""

    def __init__(self, new: New, forwards: Forwards, fed: set[str]) -> None:
        self.new = new
        self.customers = [0] * new.partitions
        self.rules: dict[bytes, bytes] = {}
        self.erased: dict[bytes, int] = {}
        self._forwards = forwards
        self._rewritten = fed | forwards.fed_by.keys()
        self._watchers: list[dict[bytes, Bucket]] = [{} for _ in range(new.partitions)]
        self._home = partial(partition_of, partitions=new.partitions)

    def take(self, key: bytes, value: bytes) -> None:
        """An entry of an old partition that is not a rule."""
        if key.startswith(CUSTOMER):
            self._take_customer(key, value)
        elif key.startswith(PROFILE):
            self.new.keep(STAGE, self._home(key[len(PROFILE) :].decode()), key, value)
        elif key.startswith(ERASURE):
            self.erased[key] = max(int(value), self.erased.get(key, BEGINNING))
        elif key.startswith(WATCHER):
            place = key[len(WATCHER) :].decode().rpartition("|")[0]
            for customer, day in _buckets.decode(value).items():
                name = WATCHER + bucket_name(place, customer).encode()
                self._watchers[self._home(customer)].setdefault(name, {})[customer] = day
        else:
            raise unknown_entry(STAGE, key)

    def _take_customer(self, key: bytes, value: bytes) -> None:
        customer = key[len(CUSTOMER) :].decode()
        if customer in self._rewritten:
            state = decode_state(value)
            state.fed_by = self._forwards.fed_by.get(customer, {})
            value = encode_state(state)
        home = self._home(customer)
        self.customers[home] += 1
        self.new.keep(STAGE, home, key, value)

    def take_rules(self, rules: dict[bytes, bytes], partition: int) -> None:
        """The rules and products of an old partition. Raises RepartitionError when they are not those of the first."""
        if partition == 0:
            self.rules = rules
        elif rules != self.rules:
            raise RepartitionError(
                f"Partition {partition} of decide knows other versions of rules or products than partition 0; replay "
                "the history into a new topic prefix."
            )

    def write(self) -> None:
        """Write what was collected."""
        for number, watchers in enumerate(self._watchers):
            for key, value in self.rules.items():
                self.new.keep(STAGE, number, key, value)
            for key, at in self.erased.items():
                self.new.keep(STAGE, number, key, b"%d" % at)
            for key, bucket in watchers.items():
                self.new.keep(STAGE, number, key, _encoder.encode(_bounded(bucket)))


def carry(old: Old, new: New, rest: Rest) -> list[bytes]:
    """Write tables and waiting events; returns the position record of each new partition. Raises RepartitionError."""
    forwards = Forwards(rest.pointers, partial(partition_of, partitions=new.partitions))
    tables = _Tables(new, forwards, rest.fed)
    for number in range(old.partitions):
        rules: dict[bytes, bytes] = {}
        for key, value in old.table(STAGE, number).items():
            if key.startswith(RULE):
                rules[key] = value
            elif key != POSITION_KEY:
                tables.take(key, value)
        tables.take_rules(rules, number)
    tables.write()
    clock = rest.clocks[STAGE]
    ranges = move(old.partitions, new, TOPIC, waiting(old, TOPIC, STAGE, rest.decide, clock))
    marks = remade(STAGE, UPSTREAM[STAGE], rest.marks[STAGE], new.partitions)
    shared = _shared(rest)
    return [
        _encoder.encode(
            Position(
                place.first,
                place.next,
                [clock],
                marks,
                {
                    **shared,
                    "counts": summed([position.extra["counts"] for position in rest.decide]) if number == 0 else {},
                    "customers": tables.customers[number],
                    "forwards": forwards.heights.get(number, {}),
                    "heard": forwards.heard(number, clock),
                    "erasures": len(tables.erased),
                },
            )
        )
        for number, place in enumerate(ranges)
    ]


def summed(counts: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Source -> fate -> number, over all partitions."""
    found: dict[str, Counter[str]] = {}
    for one in counts:
        for source, fates in one.items():
            found.setdefault(source, Counter()).update(fates)
    return {source: dict(fates) for source, fates in found.items()}


def _shared(rest: Rest) -> dict[str, Any]:
    """What every new partition's position says alike. Raises RepartitionError when the old ones do not agree."""
    extras = [position.extra for position in rest.decide]
    names = sorted({name for extra in extras for name in extra} - set(ONCE))
    shared = {name: same(STAGE, name, [extra.get(name) for extra in extras]) for name in names}
    shared["planned"] = same(STAGE, "planned", [list(extra["planned"]) for extra in extras], sorted)
    told = [extra["told_lists"] for extra in extras]
    return {**shared, "rearming": None, "news": None, "told_lists": None if None in told else min(told)}


def _bounded(bucket: Bucket) -> Bucket:
    """At most as many as the index keeps: those whose interest is the newest."""
    while len(bucket) > BUCKET_MAX:
        del bucket[min(bucket, key=lambda one: (bucket[one], one))]
    return bucket
