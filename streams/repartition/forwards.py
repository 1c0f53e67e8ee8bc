"""Who forwards events of merged ids to whom, worked out anew for other partitions.

``streams.decide.forwarding`` keeps it by partition: in customers' states, and in the position of each partition. Both
follow from the pointers: who was merged into whom. At rest nothing is on its way, so what every partition has said and
heard of how far it forwards is the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.decide.forwarding import HEIGHT_MAX
from streams.repartition.borders import RepartitionError

Fed = dict[int, int]
"""``CustomerState.fed_by``: partition -> the greatest height of the pointers there."""


class Forwards:
    """Pointers under a number of partitions. Raises RepartitionError when they lead in a circle."""

    def __init__(self, pointers: Mapping[str, str], home: Callable[[str], int]) -> None:
        """``pointers``: known customer -> to whom his events go."""
        self.fed_by: dict[str, Fed] = {}
        """Of customers to whom somebody forwards."""
        self.heights: dict[int, Fed] = {}
        """Partition -> ``Forwarding.heights`` of it."""
        for pointer in _sources_first(pointers):
            target, fed = pointers[pointer], self.fed_by.get(pointer, {})
            here, there = home(pointer), home(target)
            if here == there:
                leads: Fed = fed
            else:
                height = min(HEIGHT_MAX, 1 + max(fed.values(), default=-1))
                leads = {here: height}
                heights = self.heights.setdefault(here, {})
                heights[there] = max(height, heights.get(there, 0))
            mine = self.fed_by.setdefault(target, {})
            for number, height in leads.items():
                mine[number] = max(height, mine.get(number, 0))

    def heard(self, partition: int, clock: int) -> dict[int, list[int]]:
        """``Forwarding.heard`` of a partition, when all before ``clock`` is applied everywhere."""
        return {
            sender: [clock] * (heights[partition] + 1)
            for sender, heights in sorted(self.heights.items())
            if partition in heights
        }


def _sources_first(pointers: Mapping[str, str]) -> list[str]:
    """The pointers in an order in which each comes after those that lead to it."""
    left = dict.fromkeys(pointers, 0)
    for target in pointers.values():
        if target in left:
            left[target] += 1
    order = [name for name, count in left.items() if not count]
    for name in order:
        target = pointers[name]
        if target in left:
            left[target] -= 1
            if not left[target]:
                order.append(target)
    if len(order) < len(pointers):
        odd = next(name for name in pointers if left[name])
        raise RepartitionError(
            f"The merges of customer {odd} lead in a circle, which no stage leaves behind: the changelog of decide is "
            "damaged. Restore it from a backup, or replay the history into a new topic prefix."
        )
    return order
