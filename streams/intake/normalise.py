"""From an input event to the envelope's ``data``: minor units, milliseconds, only what later stages use.

An event is an instance of a model in ``schemas`` or of the struct that is derived from it (``streams.intake.structs``):
both have the same fields, and ``type`` says what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.base import MINOR_UNITS, to_ms
from schemas.campaigns import CampaignRecord
from schemas.catalog import CatalogItem, Price
from schemas.customers import (
    CRM,
    Consent,
    CustomerErased,
    CustomerMerged,
    CustomerProfile,
    CustomerUnlinked,
    FeedbackEvent,
)
from schemas.orders import (
    OrderCancelled,
    OrderChanged,
    OrderDelivered,
    OrderLine,
    OrderPlaced,
    OrderShipped,
    ReturnBase,
    ReturnLine,
)
from schemas.pos import PosLine, PosTransaction
from schemas.web import (
    CartLine,
    CartUpdated,
    CheckoutStarted,
    PageViewed,
    ProductViewed,
    ProductWished,
    SearchPerformed,
    SessionStarted,
    WebBase,
)

Data = dict[str, Any]
IDENTIFIER_KINDS = {"email_hash": "email", "loyalty_card_id": "card", "device_id": "device", "anonymous_id": "anon"}
"""Field of an event -> with what the name of the unknown customer begins that it names."""
CONVERTED = frozenset({OrderLine, OrderPlaced, ReturnLine, PosLine, CartLine, Price})
"""Models of which all amounts are converted: ``MINOR_UNITS`` refuses what is none."""


def _order_lines(event: OrderPlaced | OrderChanged) -> list[Data]:
    minor = MINOR_UNITS[event.currency]
    return [
        {
            "line": line.line_id,
            "product": line.product_id,
            "category": line.category,
            "qty": line.quantity,
            "price": minor[line.unit_price],
            "discount": minor[line.discount],
            "tax": minor[line.tax],
        }
        for line in event.lines
    ]


def _placed(event: OrderPlaced) -> Data:
    data: Data = {"order": event.order_id, "channel": event.channel, "lines": _order_lines(event)}
    if event.cart_id:
        data["cart"] = event.cart_id
    if event.total is not None:
        data["total"] = MINOR_UNITS[event.currency][event.total]
    if event.coupons:
        data["coupons"] = event.coupons
    if event.payment_method:
        data["payment"] = event.payment_method
    if event.promised_at is not None:
        data["promised"] = to_ms(event.promised_at)
    return data


def _changed(event: OrderChanged) -> Data:
    return {"order": event.order_id, "lines": _order_lines(event)}


def _cancelled(event: OrderCancelled) -> Data:
    return {"order": event.order_id}


def _parcel(event: OrderShipped | OrderDelivered) -> Data:
    return {"order": event.order_id, "lines": [{"line": line.line_id, "qty": line.quantity} for line in event.lines]}


def _shipped(event: OrderShipped) -> Data:
    data = _parcel(event)
    if event.promised_at is not None:
        data["promised"] = to_ms(event.promised_at)
    return data


def _return(event: ReturnBase) -> Data:
    minor = MINOR_UNITS[event.currency]
    return {
        "return": event.return_id,
        "order": event.order_id,
        "lines": [
            {
                "line": line.line_id,
                "product": line.product_id,
                "qty": line.quantity,
                "refund": None if line.refund is None else minor[line.refund],
                "reason": line.reason,
            }
            for line in event.lines
        ],
    }


def _receipt(event: PosTransaction) -> Data:
    minor = MINOR_UNITS[event.currency]
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
                "price": minor[line.unit_price],
                "discount": minor[line.discount],
                "tax": minor[line.tax],
            }
            for number, line in enumerate(event.lines, 1)
        ],
    }


def _cart(event: CartUpdated) -> Data:
    minor = MINOR_UNITS[event.currency]
    return {
        "cart": event.cart_id,
        "session": event.session_id,
        "lines": [
            {"product": line.product_id, "qty": line.quantity, "price": minor[line.unit_price]} for line in event.lines
        ],
    }


def _session(event: WebBase) -> Data:
    return {"session": event.session_id}


def _started(event: SessionStarted) -> Data:
    return {
        "session": event.session_id,
        "device": event.device,
        "referrer": event.referrer,
        "locale": event.locale,
    }


def _page(event: PageViewed) -> Data:
    return {"session": event.session_id, "page": event.page}


def _product(event: ProductViewed) -> Data:
    return {"session": event.session_id, "product": event.product_id, "category": event.category}


def _wished(event: ProductWished) -> Data:
    return {"session": event.session_id, "product": event.product_id, "listed": event.listed}


def _checkout(event: CheckoutStarted) -> Data:
    return {"session": event.session_id, "cart": event.cart_id}


def _search(event: SearchPerformed) -> Data:
    return {"session": event.session_id, "query": event.query, "results": event.results}


def _consent(consent: Consent) -> Data:
    data: Data = {
        "channel": consent.channel,
        "purpose": consent.purpose,
        "granted": consent.status == "granted",
        "at": to_ms(consent.at),
    }
    if consent.source != CRM:
        data["source"] = consent.source
    if consent.confirmed_at is not None:
        data["confirmed"] = to_ms(consent.confirmed_at)
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
        "region": event.region,
        "consents": [_consent(c) for c in event.consents],
        "reach": [{"channel": p.channel, "reachable": p.reachable} for p in event.contact_points],
    }


def _merged(event: CustomerMerged) -> Data:
    return {"merged": event.merged_id}


def _erased(_: CustomerErased) -> Data:
    return {}


def _unlinked(event: CustomerUnlinked) -> Data:
    return {"identifier": f"{IDENTIFIER_KINDS[event.identifier]}:{event.value}"}


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
        **({} if event.usual_days is None else {"usual_days": event.usual_days}),
        "prices": [
            {"market": p.market, "currency": p.currency, "price": MINOR_UNITS[p.currency][p.amount]}
            for p in event.prices
        ],
    }


def _campaign(event: CampaignRecord) -> Data:
    return {
        "campaign": event.campaign_id,
        "version": event.version,
        "definition": None if event.campaign is None else event.campaign.model_dump(mode="json"),
        "rules": None if event.rules is None else event.rules.model_dump(mode="json"),
    }


NORMALISE: dict[str, Callable[[Any], Data]] = {
    "order.placed": _placed,
    "order.changed": _changed,
    "order.cancelled": _cancelled,
    "order.shipped": _shipped,
    "order.delivered": _parcel,
    "return.requested": _return,
    "return.received": _return,
    "return.rejected": _return,
    "refund.issued": _return,
    "pos.receipt": _receipt,
    "session.started": _started,
    "page.viewed": _page,
    "product.viewed": _product,
    "product.wished": _wished,
    "cart.updated": _cart,
    "checkout.started": _checkout,
    "search.performed": _search,
    "session.ended": _session,
    "customer.identified": _session,
    "customer.registered": _profile,
    "customer.updated": _profile,
    "customer.merged": _merged,
    "customer.erased": _erased,
    "customer.unlinked": _unlinked,
    "feedback": _feedback,
    "catalog.item": _item,
    "campaign.published": _campaign,
    "campaign.withdrawn": _campaign,
    "brand.published": _campaign,
}
"""Type -> the envelope's ``data`` of an event. Raises MoneyError when an amount is finer than its currency."""
