"""Section "Facts": purchases, returns, and what a customer kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.oracle.history import DAY_MS, RETURN_TYPES, Event, receipt_id

RETURN_LIMIT_MS = 90 * DAY_MS


@dataclass
class Line:
    """One line of a purchase; ``kept`` is its quantity less matched returns."""

    product: str
    quantity: int
    unit_price: Decimal
    line_id: str | None
    kept: int
    discount: Decimal = Decimal(0)


@dataclass
class Purchase:
    """An order, or the sale lines of a till receipt."""

    id: str
    brand: str
    channel: str
    at: int
    lines: list[Line]
    cancelled: bool = False
    currency: str = ""

    @property
    def is_kept(self) -> bool:
        return not self.cancelled and any(line.kept > 0 for line in self.lines)

    @property
    def bought_reason(self) -> str:
        """The reason code of "he bought it", by the purchase's channel."""
        return "bought_in_store" if self.channel == "store" else "bought_online"

    def quantity_of(self, product: str) -> int:
        return sum(line.quantity for line in self.lines if line.product == product)


@dataclass(frozen=True)
class Return:
    """What came back: the last word of one ``return_id``."""

    at: int
    id: str
    brand: str
    order_id: str | None
    lines: Sequence[Mapping[str, Any]]


def purchases_of(events: Sequence[Event]) -> dict[str, Purchase]:
    """All purchases by id, cancelled ones included, with what was kept of each line. ``events`` are in order."""
    purchases: dict[str, Purchase] = {}
    for event in events:
        record = event.record
        if event.type == "order.placed":
            lines = _lines(record["lines"])
            purchases[record["order_id"]] = Purchase(
                record["order_id"], event.brand, record["channel"], event.at, lines, currency=record["currency"]
            )
        sales = [line for line in record["lines"] if _kind(line) == "sale"] if event.type == "pos.receipt" else []
        if sales:
            key = receipt_id(record)
            purchases[key] = Purchase(key, event.brand, "store", event.at, _lines(sales), currency=record["currency"])
    for event in events:
        purchase = purchases.get(event.record.get("order_id", ""))
        if purchase is not None and event.type == "order.changed":
            purchase.lines = _lines(event.record["lines"])
        if purchase is not None and event.type == "order.cancelled":
            purchase.cancelled = True
    for item in sorted(returns_of(events), key=lambda item: (item.at, item.id)):
        _match(item, purchases)
    return purchases


def returns_of(events: Iterable[Event]) -> list[Return]:
    """Of each ``return_id`` the last event in order with the earliest time, unless that rejects it; and the return
    lines of receipts."""
    of_returns = [event for event in events if event.type in RETURN_TYPES]
    last = {event.record["return_id"]: event for event in of_returns}
    first = {key: min(e.at for e in of_returns if e.record["return_id"] == key) for key in last}
    returns = [
        Return(first[key], key, event.brand, event.record.get("order_id"), event.record["lines"])
        for key, event in last.items()
        if event.type != "return.rejected"
    ]
    for event in events:
        if has_returns_at_till(event):
            lines = [line for line in event.record["lines"] if _kind(line) == "return"]
            returns.append(Return(event.at, receipt_id(event.record), event.brand, None, lines))
    return returns


def has_returns_at_till(event: Event) -> bool:
    """Whether a receipt takes something back."""
    return event.type == "pos.receipt" and any(_kind(line) == "return" for line in event.record["lines"])


def is_purchase(event: Event) -> bool:
    """Whether an event is a purchase: an order, or a receipt that sells something."""
    return purchase_id(event) is not None


def purchase_id(event: Event) -> str | None:
    """The id of the purchase that an event is; None: it is none."""
    if event.type == "pos.receipt" and any(_kind(line) == "sale" for line in event.record["lines"]):
        return receipt_id(event.record)
    return str(event.record["order_id"]) if event.type == "order.placed" else None


def is_return(event: Event) -> bool:
    """Whether an event is a return, at the till or not."""
    return event.type in RETURN_TYPES or has_returns_at_till(event)


def takes_back(event: Event, order_id: str, purchases: Mapping[str, Purchase]) -> bool:
    """Whether an event cancels an order, or may return something of it."""
    if event.type == "order.cancelled":
        return bool(event.record["order_id"] == order_id)
    if not is_return(event):
        return False
    if event.record.get("order_id"):
        return bool(event.record["order_id"] == order_id)
    products = {line["product_id"] for line in event.record["lines"]}
    return any(line.product in products for line in purchases[order_id].lines)


def changes_purchases(event: Event) -> bool:
    """Any purchase, change, cancellation or return."""
    return is_purchase(event) or is_return(event) or event.type in ("order.changed", "order.cancelled")


def _match(item: Return, purchases: Mapping[str, Purchase]) -> None:
    """Take what came back off the lines it fits; a line gives at most what is left of it."""
    earliest = item.at - RETURN_LIMIT_MS
    if item.order_id is not None:
        named = purchases.get(item.order_id)
        searched = [named] if named is not None and named.at >= earliest else []
    else:
        fitting = [
            purchase
            for purchase in purchases.values()
            if purchase.brand == item.brand and not purchase.cancelled and earliest <= purchase.at <= item.at
        ]
        searched = sorted(fitting, key=lambda purchase: (purchase.at, purchase.id), reverse=True)
    for returned in item.lines:
        left = returned["quantity"]
        by_line_id = item.order_id is not None and returned.get("line_id")
        for line in (line for purchase in searched for line in purchase.lines):
            if line.line_id == returned["line_id"] if by_line_id else line.product == returned["product_id"]:
                taken = min(left, line.kept)
                line.kept -= taken
                left -= taken


def _lines(records: Iterable[Mapping[str, Any]]) -> list[Line]:
    return [
        Line(
            r["product_id"],
            r["quantity"],
            Decimal(r["unit_price"]),
            r.get("line_id"),
            r["quantity"],
            Decimal(r.get("discount", 0)),
        )
        for r in records
    ]


def _kind(line: Mapping[str, Any]) -> str:
    return str(line.get("kind", "sale"))
