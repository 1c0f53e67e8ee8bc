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

from collections.abc import Iterator, Set
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
        needs = _needs(view, campaign, brand, episode)
        need = next((need for need in needs if need.episode == episode), None)
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


class _Group(NamedTuple):
    """What was bought of a product or category: all of it, and the first of each day, oldest first; how many intervals
    there are between these, and the lower median of the last ones."""

    bought: list[Bought]
    days: list[Bought]
    intervals: int
    median: int

    @property
    def episode(self) -> str:
        """The last purchase of it."""
        _, purchase, product = self.days[-1]
        return f"{purchase}/{product}"


def _needs(view: View, campaign: Compiled, brand: str, episode: str = "") -> Iterator[_Need]:
    """What the customer buys again, by group; of all that, or of what the episode is about."""
    options, horizon = campaign.options, view.now - LINES_KEPT_MS
    groups = _groups(view, campaign, brand)
    wanted = groups.values() if not episode else [groups[episode]] if episode in groups else []
    for group in wanted:
        if group.bought[0][0] < horizon:
            if group.bought[-1][0] < horizon:
                continue
            group = _grouped([bought for bought in group.bought if bought[0] >= horizon])
        at, _, product = group.days[-1]
        if group.intervals >= options.min_intervals:
            interval = group.median
        else:
            item = view.item(brand, product)
            if item is None or item.usual_days is None:
                continue
            interval = item.usual_days * DAY_MS
        interval = min(max(interval, options.at_least), options.at_most)
        yield _Need(group.episode, product, at, interval, len(group.days))


def _groups(view: View, campaign: Compiled, brand: str) -> dict[str, _Group]:
    """Episode -> what was bought of its product or category; of products, those that may be a need. By product they
    follow from the purchases and from which products last, and are worked out once."""
    options, lasting = campaign.options, view.catalogue.lasting(brand)
    if options.by == "category" or options.categories:
        bought = [each for each in _bought(view, brand) if _is_wanted(view, campaign, brand, each[2])]
        return _group_by(view, brand, bought, options.by)
    derived, key = view.state.derived, ("bought again", brand, options.min_intervals, len(lasting))
    if key not in derived:
        derived[key] = _products_bought_again(view, brand, options.min_intervals, lasting)
    found: dict[str, _Group] = derived[key]
    return found


def _products_bought_again(view: View, brand: str, least: int, lasting: Set[str]) -> dict[str, _Group]:
    """The groups of products that may be a need. Most are bought once: too few purchases for an interval of their own,
    and none in the catalogue. Purchases too old to count now never count again."""
    matched, horizon = view.matched(brand), view.now - LINES_KEPT_MS
    rows: dict[str, list[Bought]] = {}
    for purchase in view.kept(brand):
        at, name = purchase.at, purchase.id
        if at >= horizon:
            for line in purchase.lines:
                if not matched or line.qty > matched.get((name, line.line), 0):
                    rows.setdefault(line.product, []).append((at, name, line.product))
    known: dict[str, _Group] = view.state.remembered.get(("bought again", brand), {})
    groups: dict[str, _Group] = {}
    for product in sorted(product for product in rows if len(rows[product]) > least or product in lasting):
        group = known.get(product)
        groups[product] = _grouped(rows[product]) if group is None or group.bought != rows[product] else group
    view.state.remembered["bought again", brand] = groups
    return {group.episode: group for group in groups.values()}


def _group_by(view: View, brand: str, bought: list[Bought], by: str) -> dict[str, _Group]:
    rows: dict[tuple[str, str] | str, list[Bought]] = {}
    for each in bought:
        name = each[2] if by == "product" else _group(view, brand, each[2], by_category=True)
        rows.setdefault(name, []).append(each)
    groups = [_grouped(rows[name]) for name in sorted(rows)]
    return {group.episode: group for group in groups}


def _grouped(bought: list[Bought]) -> _Group:
    if len(bought) == 1:
        return _Group(bought, bought, 0, 0)
    days = _first_of_each_day(bought)
    intervals = sorted(b[0] - a[0] for a, b in pairwise(days[-INTERVALS_MAX - 1 :]))
    return _Group(bought, days, len(intervals), intervals[(len(intervals) - 1) // 2] if intervals else 0)


def _is_wanted(view: View, campaign: Compiled, brand: str, product: str) -> bool:
    categories = campaign.options.categories
    if not categories:
        return True
    item = view.item(brand, product)
    return item is not None and item.category in categories


def _bought(view: View, brand: str) -> list[Bought]:
    """What was kept of the remembered purchases, oldest first, then by purchase and product."""
    derived, key = view.state.derived, f"kept products {brand}"
    if key not in derived:
        matched = view.matched(brand)
        derived[key] = sorted(
            [
                (purchase.at, purchase.id, line.product)
                for purchase in view.kept(brand)
                for line in purchase.lines
                if line.qty > (matched.get((purchase.id, line.line), 0) if matched else 0)
            ]
        )
    found: list[Bought] = derived[key]
    return found


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
