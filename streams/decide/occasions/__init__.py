"""What can be due: one file each. Adding an occasion is a file here, its options in ``schemas.campaigns``, its docs."""

from __future__ import annotations

from streams.decide.occasions.after_return import AfterReturn
from streams.decide.occasions.anniversary import Anniversary
from streams.decide.occasions.base import Occasion
from streams.decide.occasions.birthday import Birthday
from streams.decide.occasions.by_catalogue import BY_CATALOGUE
from streams.decide.occasions.calendar import Calendar
from streams.decide.occasions.cart_abandoned import CartAbandoned
from streams.decide.occasions.channel_shift import ChannelShift
from streams.decide.occasions.checkout_abandoned import CheckoutAbandoned
from streams.decide.occasions.delivery_late import DeliveryLate
from streams.decide.occasions.product_browsed import ProductBrowsed
from streams.decide.occasions.reactivation import Reactivation
from streams.decide.occasions.returning_session import ReturningSession
from streams.decide.occasions.review_request import ReviewRequest
from streams.decide.occasions.second_purchase import SecondPurchase
from streams.decide.occasions.segment_changed import SegmentChanged
from streams.decide.occasions.welcome import Welcome
from streams.decide.web_facts import REMEMBERED

_ALL: tuple[Occasion, ...] = (
    CartAbandoned(),
    ReviewRequest(),
    SecondPurchase(),
    Reactivation(),
    Welcome(),
    Birthday(),
    SegmentChanged(),
    *BY_CATALOGUE,
    ProductBrowsed(),
    CheckoutAbandoned(),
    AfterReturn(),
    DeliveryLate(),
    Anniversary(),
    ChannelShift(),
    ReturningSession(),
    Calendar(),
)

OCCASIONS: dict[str, Occasion] = {occasion.name: occasion for occasion in _ALL}
"""Occasions by name."""

ARMED_BY: dict[str, tuple[Occasion, ...]] = {
    kind: tuple(occasion for occasion in _ALL if kind in occasion.triggers)
    for kind in sorted({kind for occasion in _ALL for kind in occasion.triggers})
}
"""Event type -> occasions that may arm after it."""

UNDONE_BY: dict[str, frozenset[str]] = {
    kind: frozenset(occasion.name for occasion in _ALL if kind in occasion.undone_by)
    for kind in sorted({kind for occasion in _ALL for kind in occasion.undone_by})
}
"""Event type -> names of the occasions whose sent messages it may undo."""

REMEMBERED_FOR: dict[str, frozenset[str]] = {
    kind: frozenset(occasion.name for occasion in ARMED_BY[kind]) for kind in REMEMBERED
}
"""Web event type -> names of the occasions for which the state remembers it."""
