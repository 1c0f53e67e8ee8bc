"""Events that name a customer who was merged away, on their way to the survivor: how far each has been forwarded.

The owner of a merged id keeps a pointer to the survivor and forwards what still names it. The survivor may live in
another partition, whose clock does not know of events on such a way. So partitions that hold pointers tell those to
which they point how far they are: *marks* in the log, behind what they forwarded. A survivor's own clock is the least
of the partition's and of the marks that reach him; nobody else waits.

A pointer may point to a pointer. Its *height* is 0 when nobody forwards to it, else one more than the greatest height
of those that do. A mark holds one moment for each height ("level"): that of level h lies behind neither the partition's
clock nor the moments of level h - 1 that it hears from others. Levels rest only on lower ones of others, so partitions
that forward to each other in circles never wait for themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.envelope import Envelope
from streams.decide.state import CustomerState
from streams.progress import BEGINNING

HEIGHT_MAX = 63
"""Greatest height of a pointer that is told apart: what comes through a longer chain of merges may be late."""
UNLIMITED = 1 << 62

Levels = list[int]


class Forwarding:
    """What one partition knows of forwarding: to whom it forwards, and how far those are who forward to it."""

    def __init__(self, home: Callable[[str], int] = lambda customer: 0, number: int = 0) -> None:
        self._home = home
        self._number = number
        self.heights: dict[int, int] = {}
        """Partition to which pointers of known customers lead -> the greatest of their heights."""
        self.heard: dict[int, Levels] = {}
        """Partition from which pointers lead here -> its last mark."""

    def is_here(self, customer: str) -> bool:
        """Whether this partition owns the customer."""
        return self._home(customer) == self._number

    def limit(self, state: CustomerState) -> int:
        """Everything that others forward to this customer before this moment is here."""
        if not state.fed_by:
            return UNLIMITED
        return min(_level(self.heard.get(number, [BEGINNING]), height) for number, height in state.fed_by.items())

    def least(self) -> int:
        """Everything that others forward to anybody here before this moment is here."""
        return min((min(levels) for levels in self.heard.values()), default=UNLIMITED)

    def most(self) -> int:
        """No limit of a customer with one is beyond this moment."""
        return max((max(levels) for levels in self.heard.values()), default=BEGINNING)

    def sends(self, event: Envelope, pointer: CustomerState) -> None:
        """A ``merge.in`` leaves through a pointer: it tells the next who will forward to him from now on."""
        if self.is_here(event.customer):
            event.data["fed_by"] = sorted(pointer.fed_by.items())
            return
        target, height = self._home(event.customer), _height(pointer)
        self.heights[target] = max(height, self.heights.get(target, 0))
        event.data["fed_by"] = [(self._number, height)]

    def follows(self, state: CustomerState, event: Envelope) -> None:
        """A ``merge.in`` is here: from now on ``state`` is forwarded to by those that it names."""
        for number, height in event.data["fed_by"]:
            state.fed_by[number] = max(height, state.fed_by.get(number, 0))

    def announced(self, event: Envelope) -> None:
        """A ``merge.in`` was read: what its sender said before did not count what comes behind it."""
        for number, _ in event.data["fed_by"]:
            self.heard[number] = [min(event.eff, moment) for moment in self.heard.get(number, [event.eff])]

    def levels(self, through: int) -> Levels:
        """How far everything is forwarded, by height, when all before ``through`` has been applied here."""
        levels = [through]
        for below in range(max(self.heights.values(), default=0)):
            levels.append(min([through, *(_level(heard, below) for heard in self.heard.values())]))
        return levels


def _height(pointer: CustomerState) -> int:
    return min(HEIGHT_MAX, 1 + max(pointer.fed_by.values(), default=-1))


def _level(levels: Levels, height: int) -> int:
    """A mark has as many levels as its sender has heights; higher pointers than its highest it has none."""
    return levels[min(height, len(levels) - 1)]
