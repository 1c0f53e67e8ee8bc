"""An identifier that the CRM has unlinked from a customer: what happened before stays his, the rest is another's.

"Before" is told by the event's own time: what becomes known late of the time before the unlinking is still his.
"""

from __future__ import annotations

import msgspec

from streams.erasure import is_known
from streams.identity.names import unknown_name

PAST_MAX = 20
"""Unlinkings of an identifier that are remembered; what happened before the oldest of these is its customer's too."""


class Parted(msgspec.Struct, array_like=True):
    """What an unlinked identifier's link keeps besides. Never changed in place."""

    times: int
    """How often it was unlinked: part of the name of the unknown customer whose its events are until a link."""
    seen: bool
    """Whether there were events of that unknown customer."""
    past: list[tuple[int, str]]
    """(``occurred_at`` of the unlinking, whose it was until then), oldest first; of who was erased the unknown name."""

    def owner_at(self, at: int) -> str | None:
        """Whose an event of this time is by an unlinking after it; None: it is of the time after the last."""
        return next((customer for until, customer in self.past if at <= until), None)

    def without(self, identifier: str, gone: list[str]) -> Parted:
        """After an erasure: what was theirs is the unknown customer's of that time, who is erased with them."""
        first = self.times - len(self.past)
        past = [
            (until, unknown_name(identifier, first + number) if customer in gone else customer)
            for number, (until, customer) in enumerate(self.past)
        ]
        return Parted(self.times, self.seen, past)

    @property
    def is_nobodys(self) -> bool:
        """Whether nothing of it is left that somebody could ask for."""
        return not self.seen and not any(is_known(customer) for _, customer in self.past)


def after_unlinking(parted: Parted | None, at: int, customer: str) -> Parted:
    """The identifier was the customer's until this time."""
    times, past = (0, []) if parted is None else (parted.times, parted.past)
    return Parted(times + 1, False, [*past, (at, customer)][-PAST_MAX:])
