"""Replenishment: what a customer buys again and again is about to be used up.

His own interval: the lower median of the last (at most 10) intervals between UTC days with a kept purchase of the
product (or, ``by: category``, of anything of its category), once there are ``min_intervals``; else the catalogue's
``usual_days`` of the product bought last; else nothing is due. Within ``at_least`` and ``at_most``. Only purchases of
the last ``LINES_KEPT_MS`` count, since lines are not remembered longer.

Episode: ``<purchase id>/<product>`` of the last of these purchases (of several products of it in one category the
first by id). It starts an interval after it, less ``lead``; the next purchase ends it and starts another, a return
goes back to the one before. A changed ``usual_days`` in the catalogue reaches those who bought it. Sources: orders,
returns, till receipts, catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, TRADE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, nothing_kept
from streams.decide.rhythm import INTERVALS_MAX
from streams.decide.rules import Compiled, Item
from streams.decide.state import DAY_MS, LINES_KEPT_MS, Sent
from streams.decide.view import View

Bought = tuple[int, str, str]
"""(at, purchase id, product)."""


class _Need(NamedTuple):
    """What will be used up: the episode and its product, when it was bought last, and the usual interval."""

    episode: str
    product: str
    last: int
    interval: int
    days: int
    """On so many days it was bought."""


class Replenishment:
    """See the module."""

    name = "replenishment"
    triggers = TRADE_TYPES | {"catalog.item"}
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = False

    def changed(self, before: Item | None, after: Item) -> bool:
        """Its usual interval is another."""
        return after.usual_days != (None if before is None else before.usual_days)

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """Everything that the customer buys again."""
        return [Arming(need.episode, _anchor(campaign, need)) for need in _needs(view, campaign, brand)]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Still the last purchase of it, the interval over, and available."""
        need = next((need for need in _needs(view, campaign, brand) if need.episode == episode), None)
        if need is None:
            return END
        due = _anchor(campaign, need) + after
        if due > view.now:
            return Verdict("wait", until=due)
        value = f"{need.product} every {need.interval // DAY_MS} days, bought on {need.days} days"
        item = view.item(brand, need.product)
        if item is None or not item.available:
            return Verdict("suppress", "out_of_stock", value=value)
        return Verdict("go", value=value, items=[(need.product, 1)], since=_next_day(need.last))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """Something has to be bought again and again, or the catalogue has to say how long it lasts."""
        if not view.kept(brand):
            return nothing_kept(view, brand)
        if next(_needs(view, campaign, brand), None) is not None:
            return ""
        return f"Nothing kept of {brand} was bought often enough, and the catalogue does not say how long it lasts."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event is a later kept purchase of the product, or of its category where that counts."""
        campaign, product = view.rules.campaigns.get(sent.campaign), sent.items[0][0]
        by_category = campaign is not None and campaign.options.by == "category"
        wanted = _group(view, sent.brand, product, by_category)
        this = bought_by(event)
        for at, purchase, bought in _bought(view, sent.brand):
            if purchase == this and at >= sent.since and _group(view, sent.brand, bought, by_category) == wanted:
                return bought_reason("store" if event.type == "pos.receipt" else "")
        return None


def _anchor(campaign: Compiled, need: _Need) -> int:
    return need.last + max(0, need.interval - int(campaign.options.lead))


def _needs(view: View, campaign: Compiled, brand: str) -> Iterator[_Need]:
    """What the customer buys again, by group."""
    options = campaign.options
    groups: dict[tuple[str, str], list[Bought]] = {}
    for bought in _bought(view, brand):
        item = view.item(brand, bought[2])
        if options.categories and (item is None or item.category not in options.categories):
            continue
        groups.setdefault(_group(view, brand, bought[2], options.by == "category"), []).append(bought)
    for _, rows in sorted(groups.items()):
        days = _first_of_each_day(rows)
        at, purchase, product = days[-1]
        intervals = sorted(b[0] - a[0] for a, b in pairwise(days[-INTERVALS_MAX - 1 :]))
        item = view.item(brand, product)
        if len(intervals) >= options.min_intervals:
            interval = intervals[(len(intervals) - 1) // 2]
        elif item is not None and item.usual_days is not None:
            interval = item.usual_days * DAY_MS
        else:
            continue
        interval = min(max(interval, options.at_least), options.at_most)
        yield _Need(f"{purchase}/{product}", product, at, interval, len(days))


def _bought(view: View, brand: str) -> list[Bought]:
    """What was kept of the remembered purchases, oldest first, then by purchase and product."""
    derived, key = view.state.derived, f"kept products {brand}"
    if key not in derived:
        matched = view.matched(brand)
        derived[key] = sorted(
            (purchase.at, purchase.id, line.product)
            for purchase in view.kept(brand)
            for line in purchase.lines
            if line.qty > matched.get((purchase.id, line.line), 0)
        )
    found: list[Bought] = derived[key]
    return [bought for bought in found if bought[0] >= view.now - LINES_KEPT_MS]


def _group(view: View, brand: str, product: str, by_category: bool) -> tuple[str, str]:
    """What counts as the same: the product, or its category if it has one."""
    item = view.item(brand, product) if by_category else None
    return ("product", product) if item is None or item.category is None else ("category", item.category)


def _first_of_each_day(rows: list[Bought]) -> list[Bought]:
    days: list[Bought] = []
    for row in rows:
        if not days or row[0] // DAY_MS != days[-1][0] // DAY_MS:
            days.append(row)
    return days


def _next_day(at: int) -> int:
    return (at // DAY_MS + 1) * DAY_MS
