"""Orders and returns: what a customer bought anywhere but at a till, and what came back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.base import Amount, Currency, CustomerEventBase, Identifier, Quantity, Wire

OrderChannel = Literal["web", "app", "phone", "fax", "email", "sales_rep", "marketplace"]
CartId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s|#]+$")]
"""A cart id. No ``#``: it numbers the rounds of a cart in episode keys."""
LINES_MAX = 10_000
"""Most lines one order, receipt, cart or return may carry."""


class OrderLine(Wire):
    """One line of an order. ``unit_price`` before, ``discount`` and ``tax`` for the whole line."""

    line_id: Identifier
    product_id: Identifier
    category: str | None = Field(None, max_length=128)
    quantity: Quantity
    unit_price: Amount
    discount: Amount = "0"
    tax: Amount = "0"


class QuantityLine(Wire):
    """A quantity of an order line: what was shipped or delivered."""

    line_id: Identifier
    quantity: Quantity


class OrderPlaced(CustomerEventBase):
    """A customer placed an order."""

    type: Literal["order.placed"]
    order_id: Identifier
    cart_id: CartId | None = Field(None, description="The cart that became this order, where the shop knows it.")
    checkout_id: Identifier | None = None
    channel: OrderChannel
    payment_method: str | None = Field(None, max_length=64)
    currency: Currency
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=LINES_MAX)]
    total: Amount | None = None
    coupons: list[str] = Field(default_factory=list, max_length=50)
    promised_at: AwareDatetime | None = Field(None, description="Until when the shop promised to deliver all of it.")


class OrderChanged(CustomerEventBase):
    """The lines of an order are now these (all of them)."""

    type: Literal["order.changed"]
    order_id: Identifier
    currency: Currency
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=LINES_MAX)]


class OrderCancelled(CustomerEventBase):
    """The whole order was cancelled before delivery."""

    type: Literal["order.cancelled"]
    order_id: Identifier
    reason: str | None = Field(None, max_length=256)


class OrderShipped(CustomerEventBase):
    """A shipment of an order left. No lines: all of them."""

    type: Literal["order.shipped"]
    order_id: Identifier
    lines: list[QuantityLine] = Field(default_factory=list, max_length=LINES_MAX)
    promised_at: AwareDatetime | None = Field(
        None, description="Until when all of the order is promised now; the latest word counts."
    )


class OrderDelivered(CustomerEventBase):
    """A shipment of an order arrived. No lines: all of them."""

    type: Literal["order.delivered"]
    order_id: Identifier
    lines: list[QuantityLine] = Field(default_factory=list, max_length=LINES_MAX)


OrderEvent = Annotated[
    OrderPlaced | OrderChanged | OrderCancelled | OrderShipped | OrderDelivered, Field(discriminator="type")
]


class ReturnLine(Wire):
    """What comes back. ``line_id`` where the source knows the order line."""

    product_id: Identifier
    line_id: Identifier | None = None
    quantity: Quantity
    reason: str | None = Field(None, max_length=256)
    disposition: str | None = Field(None, max_length=64)
    refund: Amount | None = None


class ReturnBase(CustomerEventBase):
    """A return names its order, its till receipt, or neither: then it is matched to earlier purchases of the item."""

    return_id: Identifier
    order_id: Identifier | None = Field(None, description="The order or till receipt that the items come from.")
    currency: Currency
    lines: Annotated[list[ReturnLine], Field(min_length=1, max_length=LINES_MAX)]


class ReturnRequested(ReturnBase):
    """The customer announced a return. It counts at once: no review request for what is on its way back."""

    type: Literal["return.requested"]


class ReturnReceived(ReturnBase):
    """The goods of a return arrived. Replaces the request of the same ``return_id``."""

    type: Literal["return.received"]


class ReturnRejected(ReturnBase):
    """The return was refused: the customer keeps the goods. Undoes the other events of the same ``return_id``."""

    type: Literal["return.rejected"]


class RefundIssued(ReturnBase):
    """Money went back for a return. Replaces the earlier events of the same ``return_id``."""

    type: Literal["refund.issued"]


ReturnEvent = Annotated[ReturnRequested | ReturnReceived | ReturnRejected | RefundIssued, Field(discriminator="type")]
