"""From a validated input model to the envelope's ``data``: minor units, milliseconds, only what later stages use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from schemas.base import CustomerEventBase, Event, natural_key, to_minor, to_ms
from schemas.campaigns import CampaignRecord
from schemas.catalog import CatalogItem
from schemas.customers import CustomerProfile, FeedbackEvent
from schemas.orders import (
    OrderChanged,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
    RefundIssued,
    ReturnReceived,
    ReturnRejected,
    ReturnRequested,
)
from schemas.pos import PosTransaction
from schemas.web import (
    CartUpdated,
    CheckoutStarted,
    PageViewed,
    ProductViewed,
    SearchPerformed,
    SessionStarted,
    WebBase,
)

Data = dict[str, Any]
ReturnModel = ReturnRequested | ReturnReceived | ReturnRejected | RefundIssued


def _order_lines(event: OrderPlaced | OrderChanged) -> list[Data]:
    currency = event.currency
    return [
        {
            "line": line.line_id,
            "product": line.product_id,
            "category": line.category,
            "qty": line.quantity,
            "price": to_minor(line.unit_price, currency),
            "discount": to_minor(line.discount, currency),
            "tax": to_minor(line.tax, currency),
        }
        for line in event.lines
    ]


def _placed(event: OrderPlaced) -> Data:
    data: Data = {"order": event.order_id, "channel": event.channel, "lines": _order_lines(event)}
    if event.cart_id:
        data["cart"] = event.cart_id
    if event.total is not None:
        data["total"] = to_minor(event.total, event.currency)
    if event.coupons:
        data["coupons"] = event.coupons
    if event.payment_method:
        data["payment"] = event.payment_method
    return data


def _changed(event: OrderChanged) -> Data:
    return {"order": event.order_id, "lines": _order_lines(event)}


def _parcel(event: OrderShipped | OrderDelivered) -> Data:
    return {"order": event.order_id, "lines": [{"line": line.line_id, "qty": line.quantity} for line in event.lines]}


def _return(event: ReturnModel) -> Data:
    return {
        "return": event.return_id,
        "order": event.order_id,
        "lines": [
            {
                "line": line.line_id,
                "product": line.product_id,
                "qty": line.quantity,
                "refund": None if line.refund is None else to_minor(line.refund, event.currency),
                "reason": line.reason,
            }
            for line in event.lines
        ],
    }


def _receipt(event: PosTransaction) -> Data:
    return {
        "receipt": event.receipt_id,
        "store": event.store_id,
        "lines": [
            {
                "line": str(number),
                "kind": line.kind,
                "product": line.product_id,
                "category": line.category,
                "qty": line.quantity,
                "price": to_minor(line.unit_price, event.currency),
                "discount": to_minor(line.discount, event.currency),
                "tax": to_minor(line.tax, event.currency),
            }
            for number, line in enumerate(event.lines, 1)
        ],
    }


def _cart(event: CartUpdated) -> Data:
    return {
        "cart": event.cart_id,
        "session": event.session_id,
        "lines": [
            {"product": line.product_id, "qty": line.quantity, "price": to_minor(line.unit_price, event.currency)}
            for line in event.lines
        ],
    }


def _web(event: WebBase) -> Data:
    data: Data = {"session": event.session_id}
    if isinstance(event, SessionStarted):
        data |= {"device": event.device, "referrer": event.referrer, "locale": event.locale}
    elif isinstance(event, PageViewed):
        data["page"] = event.page
    elif isinstance(event, ProductViewed):
        data |= {"product": event.product_id, "category": event.category}
    elif isinstance(event, CheckoutStarted):
        data["cart"] = event.cart_id
    elif isinstance(event, SearchPerformed):
        data |= {"query": event.query, "results": event.results}
    return data


def _profile(event: CustomerProfile) -> Data:
    return {
        "registered": None if event.registered_at is None else to_ms(event.registered_at),
        "birth": None if event.birth_date is None else event.birth_date.isoformat(),
        "email_domain": event.email_domain,
        "language": event.language,
        "country": event.country,
        "zone": event.time_zone,
        "home_store": event.home_store,
        "preferred": event.preferred_channels,
        "company": event.company,
        "consents": [
            {"channel": c.channel, "purpose": c.purpose, "granted": c.status == "granted", "at": to_ms(c.at)}
            for c in event.consents
        ],
        "reach": [{"channel": p.channel, "reachable": p.reachable} for p in event.contact_points],
    }


def _feedback(event: FeedbackEvent) -> Data:
    return {
        "channel": event.channel,
        "status": event.status,
        "decision": event.decision_id,
        "permanent": event.permanent,
        "detail": event.detail,
    }


def _item(event: CatalogItem) -> Data:
    return {
        "product": event.product_id,
        "name": event.name,
        "category": event.category,
        "available": event.available,
        "accessories": event.accessories,
        "prices": [
            {"market": p.market, "currency": p.currency, "price": to_minor(p.amount, p.currency)} for p in event.prices
        ],
    }


def _campaign(event: CampaignRecord) -> Data:
    return {
        "campaign": event.campaign_id,
        "version": event.version,
        "definition": None if event.campaign is None else event.campaign.model_dump(mode="json"),
        "rules": None if event.rules is None else event.rules.model_dump(mode="json"),
    }


_NORMALISE: dict[str, Callable[[Any], Data]] = {
    "order.placed": _placed,
    "order.changed": _changed,
    "order.cancelled": lambda event: {"order": event.order_id},
    "order.shipped": _parcel,
    "order.delivered": _parcel,
    "return.requested": _return,
    "return.received": _return,
    "return.rejected": _return,
    "refund.issued": _return,
    "pos.receipt": _receipt,
    "cart.updated": _cart,
    "customer.registered": _profile,
    "customer.updated": _profile,
    "customer.merged": lambda event: {"merged": event.merged_id},
    "customer.erased": lambda _: {},
    "feedback": _feedback,
    "catalog.item": _item,
    "campaign.published": _campaign,
    "campaign.withdrawn": _campaign,
    "brand.published": _campaign,
}


def normalise(event: Event) -> Data:
    """The envelope's ``data`` of an event. Raises MoneyError when an amount is finer than its currency."""
    function = _NORMALISE.get(event.type)  # type: ignore[attr-defined]
    return function(event) if function else _web(event)  # type: ignore[arg-type]


def natural_id(event: Event) -> str:
    """The natural id by which copies are recognised (docs/semantics.md); empty: the event id counts."""
    if isinstance(event, OrderPlaced):
        return natural_key("order.placed", event.order_id)
    if isinstance(event, PosTransaction):
        return natural_key("receipt", event.receipt_id)
    if isinstance(event, ReturnModel):
        return natural_key(event.type, event.return_id)
    return ""


def identifiers(event: Event) -> Iterator[tuple[str, str]]:
    """The identifiers that an event carries besides the customer id, strongest first: (kind, value)."""
    if isinstance(event, CustomerEventBase):
        if event.email_hash:
            yield "email", event.email_hash
        if event.loyalty_card_id:
            yield "card", event.loyalty_card_id
        if event.device_id:
            yield "device", event.device_id
        if event.anonymous_id:
            yield "anon", event.anonymous_id
    elif isinstance(event, CustomerProfile):
        for point in event.contact_points:
            if point.channel == "email" and point.hash:
                yield "email", point.hash
        for card in event.loyalty_cards:
            yield "card", card
