"""Section "Corrections": when a message that was sent turns out wrong, and whether it can be taken back."""

from __future__ import annotations

from schemas.campaigns import BrandRules
from tests.oracle.calendars import utc_date
from tests.oracle.carts import bought_since
from tests.oracle.customer import Customer, Send
from tests.oracle.history import DAY_MS, Event
from tests.oracle.profiles import withdraws_consent
from tests.oracle.purchases import is_purchase, is_return

CORRECTABLE_MS = 30 * DAY_MS


def undone(send: Send, event: Event, customer: Customer) -> str | None:
    """Why an event that was just applied undoes a send; None: it does not."""
    key, campaign = send.candidate.key, send.candidate.campaign
    if event.type == "customer.erased":
        return "erased"
    if withdraws_consent(event):
        consent = customer.facts.profile.consent(key.brand, send.candidate.channel, campaign.purpose)
        return "consent_withdrawn" if consent == "withdrawn" else None
    takes_back = is_return(event) or event.type == "order.cancelled"
    buys = is_purchase(event) and event.brand == key.brand
    bought = "bought_in_store" if event.type == "pos.receipt" else "bought_online"
    if campaign.occasion == "cart_abandoned":
        return bought if buys and _nothing_is_open(send, customer) else None
    if campaign.occasion == "review_request":
        return "returned" if takes_back and _nothing_is_kept(send, customer) else None
    kept = customer.facts.kept_purchases(key.brand)
    if campaign.occasion == "second_purchase":
        if takes_back and all(purchase.id != key.episode for purchase in kept):
            return "returned"
        return "bought_again" if buys and any(purchase.id != key.episode for purchase in kept) else None
    if campaign.occasion == "reactivation":
        day = key.episode.rpartition("/")[2]
        return bought if buys and any(utc_date(p.at).isoformat() > day for p in kept) else None
    return None


def correction(send: Send, event: Event, now: int, rules: BrandRules, delivered: bool) -> str | None:
    """``cancelled``, ``regretted``, or None: nothing is left to do."""
    if event.at <= send.decided:
        return "cancelled" if now <= send.candidate.valid_until and not delivered else "regretted"
    return "cancelled" if now < send.decided + rules.in_flight and not delivered else None


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
