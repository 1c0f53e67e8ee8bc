"""Customers of a history as they were known at a cut-off, and whether they came back after it."""

from __future__ import annotations

import csv
import io
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from schemas.base import to_ms
from streams.decide.facts import kept_purchases
from streams.decide.rhythm import purchase_days
from streams.decide.state import DAY_MS, STATE_VERSION, CustomerState, Line, Purchase, Return, ReturnLine
from streams.errors import InputError
from streams.replay.history import History

BRAND = "b"
JOURNEY_FILE = "completejourney.tar.xz"
_JOURNEY_MEMBER = "completejourney/transactions_sample.csv"


@dataclass
class Trade:
    """What one customer bought and sent back, all of it."""

    purchases: list[Purchase] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)

    def kept(self, until: int) -> list[Purchase]:
        """Kept purchases as the decision core has them when everything before ``until`` has happened."""
        state = CustomerState(STATE_VERSION, "c")
        state.purchases = {f"{BRAND}|{p.id}": p for p in self.purchases if p.at < until}
        state.returns = {f"{BRAND}|{r.id}": r for r in self.returns if r.at < until}
        return kept_purchases(state, BRAND)


@dataclass(frozen=True)
class Known:
    """A customer at a cut-off. ``days``: the first kept purchase of each UTC day, oldest first, in milliseconds."""

    name: str
    days: tuple[int, ...]
    gone: bool
    """No kept purchase within the horizon after the cut-off."""

    def silent_ms(self, now: int) -> int:
        """Time since the last purchase day."""
        return now - self.days[-1]


@dataclass(frozen=True)
class CutOff:
    """Everybody known at ``now`` (milliseconds), and what was seen in ``horizon_days`` from then on."""

    day: date
    now: int
    horizon_days: int
    customers: tuple[Known, ...]


def online_retail(history: History) -> dict[str, Trade]:
    """Trade by customer, guests left out."""
    trades: dict[str, Trade] = defaultdict(Trade)
    for order in history.orders:
        if order.customer_id is not None:
            lines = [
                Line(str(i), each.product_id, each.quantity, each.unit_price) for i, each in enumerate(order.lines)
            ]
            trades[order.customer_id].purchases.append(Purchase(order.order_id, BRAND, order.at, "web", lines))
    for back in history.returns:
        if back.customer_id is not None:
            taken = [ReturnLine(None, line.product_id, line.quantity) for line in back.lines]
            trades[back.customer_id].returns.append(Return(back.return_id, BRAND, back.at, None, taken))
    return dict(trades)


def complete_journey(path: Path) -> dict[str, Trade]:
    """Trade by household of the archive at ``path``; a receipt is a purchase. Its lines are a 5% sample, so most
    receipts are missing and the intervals are longer than they were."""
    receipts: dict[tuple[str, str], int] = {}
    for row in _journey_rows(path):
        if float(row["quantity"]) > 0:
            at = to_ms(datetime.fromisoformat(row["transaction_timestamp"]).replace(tzinfo=UTC))
            key = (row["household_id"], row["basket_id"])
            receipts[key] = min(at, receipts.get(key, at))
    trades: dict[str, Trade] = defaultdict(Trade)
    for (household, basket), at in sorted(receipts.items(), key=lambda receipt: receipt[1]):
        trades[household].purchases.append(Purchase(basket, BRAND, at, "store", [Line("1", "any", 1, 1)]))
    return dict(trades)


def cut_off(trades: dict[str, Trade], day: date, horizon_days: int) -> CutOff:
    """The customers with a kept purchase before ``day`` (UTC midnight).

    Who is gone is judged by what was kept at the end of the history. Raises InputError when the history ends within
    the horizon: then nobody could tell the gone from those not seen long enough.
    """
    now = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
    until = now + horizon_days * DAY_MS
    last = max(purchase.at for trade in trades.values() for purchase in trade.purchases)
    if until > last:
        seen = (last - now) // DAY_MS
        raise InputError(f"cut-off {day}: the history goes on for {seen} days, and the horizon is {horizon_days} days")
    customers = []
    for name, trade in sorted(trades.items()):
        days = purchase_days(trade.kept(now))
        if days:
            back = any(now <= purchase.at < until for purchase in trade.kept(last + 1))
            customers.append(Known(name, tuple(days), not back))
    return CutOff(day, now, horizon_days, tuple(customers))


def with_days(customers: Iterable[Known], least: int) -> list[Known]:
    """Those with at least so many purchase days."""
    return [customer for customer in customers if len(customer.days) >= least]


def _journey_rows(path: Path) -> Iterator[dict[str, str]]:
    with tarfile.open(path) as archive:
        member = archive.extractfile(_JOURNEY_MEMBER)
        if member is None:
            raise InputError(f"{path}: there is no {_JOURNEY_MEMBER} in it")
        yield from csv.DictReader(io.TextIOWrapper(member, encoding="utf-8"))
