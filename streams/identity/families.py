"""Who belongs to whom, found from the customer: his identifiers and the ids merged into him; and who was erased.

An erasure has to find every identifier that was ever given to a customer. So beside each link, which is found by the
identifier, there is a list of them by customer; it changes only when an identifier comes to another customer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from streams.erasure import Hasher, hasher, is_known
from streams.identity.names import untimed

OWNED = b"o|"
"""Key: the customer. Value: the identifiers that were ever given to him here; ``customer:<id>`` are merged ids."""
ERASED = b"e|"
"""Key: the hash of an erased name. Value: ``occurred_at`` of the erasure."""
MERGED = "customer:"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[str])
_number = msgspec.msgpack.Decoder(int)


class Families:
    """One partition's lists. ``fetch`` finds what is not in ``dirty``."""

    def __init__(
        self, fetch: Callable[[bytes], bytes | None] = lambda key: None, name_hash: Hasher | None = None
    ) -> None:
        self._fetch = fetch
        self._hash = hasher("") if name_hash is None else name_hash
        self.dirty: dict[bytes, bytes | None] = {}
        """Changes since it was last emptied; None: deleted."""
        self.erasures: list[tuple[str, int]] = []
        """(hash, ``occurred_at``) of the names erased since it was last emptied."""
        self.count = 0
        """Names erased here. While there are none, nobody is looked for among them."""

    def enter(self, customer: str, identifier: str) -> None:
        """An identifier was given to a customer."""
        owned = self.owned(customer)
        if identifier not in owned:
            self.dirty[OWNED + customer.encode()] = _encoder.encode([*owned, identifier])

    def owned(self, customer: str) -> list[str]:
        """What was ever given to the customer."""
        value = self._get(OWNED + customer.encode())
        return [] if value is None else _decoder.decode(value)

    def of(self, customer: str, parent: Callable[[str], str | None]) -> list[str]:
        """Everybody who is the same customer by orders of the CRM, by name. ``parent``: into whom an id was merged."""
        found, open_ = {customer}, [customer]
        while open_:
            for other in self._next_to(open_.pop(), parent):
                if other not in found:
                    found.add(other)
                    open_.append(other)
        return sorted(found)

    def _next_to(self, customer: str, parent: Callable[[str], str | None]) -> Iterator[str]:
        into = parent(customer)
        if into is not None:
            yield into
        for identifier in self.owned(customer):
            if identifier.startswith(MERGED):
                yield identifier[len(MERGED) :]

    def erase(self, name: str, at: int) -> None:
        """Forget what belongs to a name, and keep its hash."""
        self.dirty[OWNED + name.encode()] = None
        name_hash, known = self._hash(name), self.erased_at(name)
        self.count += known is None
        at = at if known is None else max(at, known)
        self.dirty[ERASED + name_hash.encode()] = _encoder.encode(at)
        self.erasures.append((name_hash, at))
        if untimed(name) != name:
            self.erasures.append((self._hash(untimed(name)), at))

    def erased_at(self, name: str) -> int | None:
        """``occurred_at`` of the erasure of a name; None: it is not erased."""
        if not self.count:
            return None
        value = self._get(ERASED + self._hash(name).encode())
        return None if value is None else _number.decode(value)

    def leaves_out(self, name: str, at: int) -> bool:
        """Whether what happened at a time under this name is left out."""
        erased = self.erased_at(name)
        return erased is not None and (is_known(name) or at <= erased)

    def _get(self, key: bytes) -> bytes | None:
        return self.dirty[key] if key in self.dirty else self._fetch(key)
