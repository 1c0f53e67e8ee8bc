"""What can be due: one file each. Adding an occasion is a file here, its options in ``schemas.campaigns``, its docs."""

from __future__ import annotations

from streams.decide.occasions.base import Occasion
from streams.decide.occasions.birthday import Birthday
from streams.decide.occasions.by_catalogue import BY_CATALOGUE
from streams.decide.occasions.cart_abandoned import CartAbandoned
from streams.decide.occasions.reactivation import Reactivation
from streams.decide.occasions.review_request import ReviewRequest
from streams.decide.occasions.second_purchase import SecondPurchase
from streams.decide.occasions.segment_changed import SegmentChanged
from streams.decide.occasions.welcome import Welcome

_ALL: tuple[Occasion, ...] = (
    CartAbandoned(),
    ReviewRequest(),
    SecondPurchase(),
    Reactivation(),
    Welcome(),
    Birthday(),
    SegmentChanged(),
    *BY_CATALOGUE,
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
