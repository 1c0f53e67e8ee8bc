"""A retailer's past as the simulator and data set readers hold it: orders, returns and products, in integers.

Times are milliseconds since the epoch, prices integer minor units of the history's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A product, how many, and the price of one."""

    product_id: str
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order; ``customer_id`` None: a guest."""

    order_id: str
    at: int
    customer_id: str | None
    market: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """Goods that came back, of a purchase that the source does not name."""

    return_id: str
    at: int
    customer_id: str | None
    market: str
    lines: tuple[Line, ...]


class Product(NamedTuple):
    """A product with its usual name and price."""

    product_id: str
    name: str
    price: int


@dataclass
class History:
    """Everything known of a retailer; orders and returns in the order of their time."""

    currency: str
    orders: list[Order]
    returns: list[Return]
    products: dict[str, Product]
    report: dict[str, int] = field(default_factory=dict)
    """Counts of what was read, and of each kind of dirt."""

    def markets(self) -> dict[str, str]:
        """Each known customer's market: that of the latest order or return."""
        facts: list[Order | Return] = sorted([*self.orders, *self.returns], key=lambda fact: fact.at)
        return {fact.customer_id: fact.market for fact in facts if fact.customer_id is not None}
