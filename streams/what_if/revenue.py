"""Revenue touched: what customers bought after messages that only one of the two sets sends. Pure.

It says how much of the business the change lies next to, and not what it earns: the same orders are in both runs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from streams.what_if.decided import Decided
from streams.what_if.facts import Bought, Facts


class Touched(NamedTuple):
    """Of one campaign: messages that only one set sends, and what followed them, in one currency."""

    change: Literal["added", "removed"]
    """Messages that only the second set sends, or only the first."""
    campaign: str
    currency: str
    """Empty when nothing followed the campaign's messages."""
    messages: int
    """All of the campaign's messages of this kind, whatever was bought in which currency."""
    orders: int
    """Kept purchases, of all channels."""
    value: int
    """Minor units, net of discounts, returns and cancellations."""


def touched(
    added: Iterable[Decided | None], removed: Iterable[Decided | None], facts: Facts, window: int
) -> list[Touched]:
    """Revenue by change, campaign and currency.

    A purchase counts when it comes after a message of the same customer and brand, at most ``window`` (milliseconds)
    after it; of several messages of one kind it counts for the latest before it, so that each purchase counts once.
    """
    return [*_rows("added", added, facts, window), *_rows("removed", removed, facts, window)]


def _rows(
    change: Literal["added", "removed"], messages: Iterable[Decided | None], facts: Facts, window: int
) -> Iterator[Touched]:
    sent: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
    numbers: dict[str, int] = {}
    for one in messages:
        assert one is not None
        sent.setdefault((facts.now(one.customer), one.brand), []).append((one.at, one.id, one.campaign))
        numbers[one.campaign] = numbers.get(one.campaign, 0) + 1
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for place, found in sent.items():
        found.sort()
        for bought in facts.bought.get(place, ()):
            campaign = _followed(found, bought, window)
            if campaign is not None:
                orders, value = sums.get((campaign, bought.currency), (0, 0))
                sums[campaign, bought.currency] = (orders + 1, value + bought.value)
    for campaign in numbers.keys() - {campaign for campaign, _ in sums}:
        sums[campaign, ""] = (0, 0)
    for (campaign, currency), (orders, value) in sorted(sums.items()):
        yield Touched(change, campaign, currency, numbers[campaign], orders, value)


def _followed(sent: list[tuple[int, str, str]], bought: Bought, window: int) -> str | None:
    """The campaign of the latest message before a purchase, if it is not too long ago."""
    place = bisect_left(sent, (bought.at, "", ""))
    if not place:
        return None
    at, _, campaign = sent[place - 1]
    return campaign if bought.at - at <= window else None
