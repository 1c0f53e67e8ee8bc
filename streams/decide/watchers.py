"""Who wants to know of a product's changes: the index product -> customers of one partition.

It is part of the partition's state, in buckets of its own keys in the changelog, and read bucket by bucket when it is
needed. A customer is in it for each product of his ``interests``; so whoever is merged away or erased is taken out by
his own state. Of a product a partition keeps ``BUCKETS`` x ``BUCKET_MAX`` customers; a full bucket forgets the one
whose interest is the oldest by day (of several the first by id).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from zlib import crc32

import msgspec

BUCKETS = 16
"""Parts of a product's customers: a change of one customer writes one of them."""
BUCKET_MAX = 512
"""Most customers of a bucket."""
CUSTOMERS_REMEMBERED_MAX = 20_000
"""Customers of whom the number of the bucket is not worked out again."""
BUCKETS_IN_MEMORY_MAX = 4_096
"""Buckets that stay decoded between two steps."""

Bucket = dict[str, int]
"""Customer -> UTC day of the last interest."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Bucket)


class Watchers:
    """The index. ``fetch``: a bucket's bytes from the table."""

    def __init__(self, fetch: Callable[[str], bytes | None] = lambda _: None) -> None:
        self._fetch = fetch
        self._live: dict[str, Bucket] = {}
        self._dirty: dict[str, None] = {}

    def enter(self, place: str, customer: str, day: int) -> None:
        """A customer shows interest in ``place`` (``brand|product``)."""
        name = bucket_name(place, customer)
        bucket = self._live.get(name)
        if bucket is None:
            bucket = self._bucket(name)
        if bucket.get(customer) == day:
            return
        bucket[customer] = day
        if len(bucket) > BUCKET_MAX:
            del bucket[min(bucket, key=lambda one: (bucket[one], one))]
        self._dirty[name] = None

    def leave(self, place: str, customer: str) -> None:
        """A customer's interest is forgotten."""
        name = bucket_name(place, customer)
        if self._bucket(name).pop(customer, None) is not None:
            self._dirty[name] = None

    def of(self, place: str, number: int) -> list[str]:
        """The customers in one of the product's buckets, by id."""
        return sorted(self._bucket(f"{place}|{number}"))

    def settle(self) -> list[tuple[str, bytes | None]]:
        """(name, bytes) of the buckets changed since the last call; None: it is empty now."""
        changed = [(name, _encoder.encode(self._live[name]) if self._live[name] else None) for name in self._dirty]
        self._dirty.clear()
        if len(self._live) > BUCKETS_IN_MEMORY_MAX:
            self._live.clear()
        return changed

    def spread(self, names: Iterable[str]) -> None:
        """Put customers into the buckets that are theirs: up to state version 3 it was another one. ``names``: of all
        buckets in the table."""
        for name in names:
            place = name.rpartition("|")[0]
            for customer, day in list(self._bucket(name).items()):
                if bucket_name(place, customer) != name:
                    del self._live[name][customer]
                    self._dirty[name] = None
                    self.enter(place, customer, day)

    def _bucket(self, name: str) -> Bucket:
        bucket = self._live.get(name)
        if bucket is None:
            value = self._fetch(name)
            bucket = self._live[name] = {} if value is None else _decoder.decode(value)
        return bucket


def bucket_name(place: str, customer: str) -> str:
    """The bucket of a product that a customer is in."""
    return f"{place}|{_bucket_of(customer)}"


@lru_cache(maxsize=CUSTOMERS_REMEMBERED_MAX)
def _bucket_of(customer: str) -> int:
    """From the upper bits of the hash: the lower ones are the same for all customers of a partition."""
    return (crc32(customer.encode()) >> 16) % BUCKETS
