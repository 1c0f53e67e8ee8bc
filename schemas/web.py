"""Web and app sessions: what a visitor did, known or not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Currency, CustomerEventBase, CustomerId, Identifier, Quantity, Wire
from schemas.orders import LINES_MAX, CartId


class WebBase(CustomerEventBase):
    """Every web event belongs to a session."""

    session_id: Identifier


class SessionStarted(WebBase):
    """A visit began."""

    type: Literal["session.started"]
    device: Literal["desktop", "mobile", "tablet", "app", "other"] = "other"
    referrer: str | None = Field(None, max_length=512, description="Where the visitor came from (origin only).")
    locale: str | None = Field(None, max_length=35, description="BCP 47 language tag of the browser.")


class PageViewed(WebBase):
    """A page that is no product page."""

    type: Literal["page.viewed"]
    page: str = Field(max_length=512)


class ProductViewed(WebBase):
    """A product page."""

    type: Literal["product.viewed"]
    product_id: Identifier
    category: str | None = Field(None, max_length=128)


class ProductWished(WebBase):
    """A product was put on a wish list, or taken off it; the latest ``occurred_at`` counts."""

    type: Literal["product.wished"]
    product_id: Identifier
    listed: bool = Field(True, description="False: taken off the list.")


class CartLine(Wire):
    """One line of a cart."""

    product_id: Identifier
    quantity: Quantity
    unit_price: Amount


class CartUpdated(WebBase):
    """The whole cart as it is now; no lines: it was emptied."""

    type: Literal["cart.updated"]
    cart_id: CartId
    currency: Currency
    lines: list[CartLine] = Field(max_length=LINES_MAX)


class CheckoutStarted(WebBase):
    """The visitor entered the checkout with a cart."""

    type: Literal["checkout.started"]
    cart_id: CartId
    checkout_id: Identifier | None = None


class SearchPerformed(WebBase):
    """A search in the shop."""

    type: Literal["search.performed"]
    query: str = Field(max_length=512)
    results: int | None = Field(None, ge=0)


class SessionEnded(WebBase):
    """A visit ended (or timed out)."""

    type: Literal["session.ended"]


class CustomerIdentified(WebBase):
    """A visitor logged in, registered or followed a personal link: the ids of this event are one person's."""

    type: Literal["customer.identified"]
    customer_id: CustomerId


WebEvent = Annotated[
    SessionStarted
    | PageViewed
    | ProductViewed
    | ProductWished
    | CartUpdated
    | CheckoutStarted
    | SearchPerformed
    | SessionEnded
    | CustomerIdentified,
    Field(discriminator="type"),
]
