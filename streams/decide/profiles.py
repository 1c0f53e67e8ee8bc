"""Public profiles as they change: a record when what a shop may know of a customer is not what was written last.

Of what was written last the table keeps a hash for each brand, so that the same log gives the same records wherever a
task begins again. The view itself is ``streams.decide.public_profile``.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from schemas.base import rfc3339
from streams.decide.public_profile import next_change, public_view
from streams.decide.view import View

Shown = dict[str, str]
"""Brand -> hash of the view that was written last."""
Profile = tuple[str, dict[str, Any] | None]
"""Key and record of the topic ``customer-profile``; None: a tombstone."""
HASH_BYTES = 12

_json = msgspec.json.Encoder()
_shown = msgspec.json.Decoder(Shown)


class Profiles:
    """What shops know of one partition's customers."""

    def __init__(self, fetch: Callable[[str], bytes | None] = lambda customer: None) -> None:
        """``fetch``: what ``settle`` last gave for a customer."""
        self._fetch = fetch
        self._known: dict[str, Shown] = {}
        self._changed: dict[str, None] = {}
        self.made: list[Profile] = []
        """Records since it was last emptied, in order."""

    def show(self, view: View) -> int | None:
        """Compare the customer's views with what was written last; when time alone may change one of them next."""
        known, moments = self._of(view.state.customer), []
        for name, brand in view.rules.profiled.items():
            moment = next_change(view, brand)
            if moment is not None:
                moments.append(moment)
            self._write(view.state.customer, known, name, public_view(view, brand), view.now)
        for name in sorted(known.keys() - view.rules.profiled.keys()):
            self._write(view.state.customer, known, name, None, view.now)
        return min(moments, default=None)

    def forget(self, customer: str) -> None:
        """Nobody may know anything under this id any more."""
        known = self._of(customer)
        for name in sorted(known):
            self._write(customer, known, name, None, 0)

    def settle(self) -> list[tuple[str, bytes | None]]:
        """Customer and what the table has to keep of him (None: nothing), of those who have changed. Memory forgets
        them: the table has them."""
        rows = [(name, _json.encode(self._known[name]) if self._known[name] else None) for name in self._changed]
        self._known.clear()
        self._changed.clear()
        return rows

    def _of(self, customer: str) -> Shown:
        known = self._known.get(customer)
        if known is None:
            value = self._fetch(customer)
            known = self._known[customer] = {} if value is None else _shown.decode(value)
        return known

    def _write(self, customer: str, known: Shown, brand: str, found: dict[str, Any] | None, now: int) -> None:
        told = None if found is None else blake2b(_json.encode(found), digest_size=HASH_BYTES).hexdigest()
        if told == known.get(brand):
            return
        if told is None:
            del known[brand]
        else:
            known[brand] = told
        self._changed[customer] = None
        record = None if found is None else {**found, "as_of": rfc3339(now)}
        self.made.append((f"{brand}:{customer}", record))
