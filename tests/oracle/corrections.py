"""Section "Corrections": when a message that was sent turns out wrong, and whether it can be taken back."""

from __future__ import annotations

from schemas.campaigns import BrandRules
from tests.oracle.calendars import utc_date
from tests.oracle.carts import bought_since
from tests.oracle.catalogue_occasions import ComplementaryOffer, OfInterest, Replenishment
from tests.oracle.customer import Customer, Send
from tests.oracle.history import DAY_MS, Event
from tests.oracle.occasions import Occasion, SegmentChanged
from tests.oracle.profiles import withdraws_consent
from tests.oracle.purchases import Purchase, changes_purchases, purchase_id, takes_back

CORRECTABLE_MS = 30 * DAY_MS


def undone(send: Send, event: Event, customer: Customer, occasion: Occasion) -> str | None:
    """Why an event that was just applied undoes a send; None: it does not.

    The event has to be of the kind that the occasion looks at: a purchase of one of the cart's items, a return of
    something of the order, another purchase that is kept, a withdrawal of this very consent.
    """
    key, campaign = send.candidate.key, send.candidate.campaign
    if event.type == "customer.erased":
        return "erased"
    if withdraws_consent(event, key.brand, send.candidate.channel, campaign.purpose):
        consent = customer.facts.profile.consent(key.brand, send.candidate.channel, campaign.purpose)
        return "consent_withdrawn" if consent == "withdrawn" else None
    purchase = customer.facts.purchases.get(purchase_id(event) or "")
    if purchase is not None and (purchase.brand != key.brand or purchase.cancelled):
        purchase = None
    bought = "bought_in_store" if event.type == "pos.receipt" else "bought_online"
    if campaign.occasion in ("cart_abandoned", "checkout_abandoned"):
        since_start = purchase is not None and purchase.at >= send.candidate.items.cart_start
        emptied = since_start and _has_items(send, purchase) and _nothing_is_open(send, customer)
        return bought if emptied else None
    if campaign.occasion == "review_request":
        return (
            "returned"
            if takes_back(event, key.episode, customer.facts.purchases) and _nothing_is_kept(send, customer)
            else None
        )
    if campaign.occasion == "second_purchase":
        if (
            takes_back(event, key.episode, customer.facts.purchases)
            and not customer.facts.purchases[key.episode].is_kept
        ):
            return "returned"
        return "bought_again" if purchase is not None and purchase.is_kept and purchase.id != key.episode else None
    if campaign.occasion == "reactivation":
        after = purchase is not None and utc_date(purchase.at).isoformat() > key.episode.rpartition("/")[2]
        return bought if after and purchase.is_kept else None
    if isinstance(occasion, OfInterest):
        since_seen = purchase is not None and purchase.at >= send.candidate.items.cart_start
        return bought if since_seen and _has_items(send, purchase) else None
    if isinstance(occasion, ComplementaryOffer):
        if purchase is not None and _has_items(send, purchase):
            return bought
        purchases = customer.facts.purchases
        gone = takes_back(event, key.episode, purchases) and not purchases[key.episode].is_kept
        return "returned" if gone else None
    if isinstance(occasion, Replenishment):
        (product,) = send.candidate.items.quantities
        rows = occasion.bought() if purchase is not None else []
        again = any(
            p == purchase.id and at >= send.candidate.items.cart_start and occasion.is_same(product, other)
            for at, p, other in rows
        )
        return bought if again else None
    if isinstance(occasion, SegmentChanged):
        trades = event.brand == key.brand and event.type != "order.changed" and changes_purchases(event)
        stood = occasion.seen(occasion.options.segment)[1] == occasion.wants_inside
        if not trades or not stood or occasion.is_inside() == occasion.wants_inside:
            return None
        return bought if event.type in ("order.placed", "pos.receipt") else "returned"
    return occasion.undone(send, event, purchase)


def correction(send: Send, event: Event, now: int, rules: BrandRules) -> str | None:
    """``cancelled``, ``regretted``, or None: nothing is left to do."""
    if event.at <= send.decided:
        return "cancelled" if now <= send.candidate.valid_until and not send.delivered else "regretted"
    return "cancelled" if now < send.decided + rules.in_flight and not send.delivered else None


def _has_items(send: Send, purchase: Purchase) -> bool:
    return any(purchase.quantity_of(product) for product in send.candidate.items.quantities)


def _nothing_is_open(send: Send, customer: Customer) -> bool:
    items, brand = send.candidate.items, send.candidate.key.brand
    purchases = customer.facts.purchases.values()
    return all(
        bought_since(purchases, brand, items.cart_start, product) >= quantity
        for product, quantity in items.cart_quantities.items()
    )


def _nothing_is_kept(send: Send, customer: Customer) -> bool:
    order = customer.facts.purchases[send.candidate.key.episode]
    kept = {line.product for line in order.lines if line.kept > 0 and not order.cancelled}
    return not kept & set(send.candidate.items.quantities)
