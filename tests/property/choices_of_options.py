"""Options of the occasions that come of visits, parcels, returns and dates, at the edges of their rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from schemas.base import from_ms
from tests.property.choices import Chooser

REASONS = ("too small", "broken")
"""Reasons of returns."""
SEGMENTS_ASKED = (None, None, "worth", "fresh", "german")


def _browsed(choose: Chooser, start: int) -> dict[str, Any]:
    return {"min_views": choose.one_of((1, 1, 2)), "left_out_for": choose.one_of(("30d", "1d", "0s"))}


def _checkout(choose: Chooser, start: int) -> dict[str, Any]:
    worth = {"min_value": choose.one_of(("10.00", "10.01", "25"))} if choose.chance(20) else {}
    return worth | {"rearm_after": choose.one_of(("1d", "4h", "0s"))}


def _after_return(choose: Chooser, start: int) -> dict[str, Any]:
    reasons = [choose.one_of(REASONS)] if choose.chance(25) else []
    return {"counts_from": choose.one_of(("received", "requested")), "reasons": reasons}


def _delivery_late(choose: Chooser, start: int) -> dict[str, Any]:
    return {"usual": choose.one_of((None, "1d", "3d"))}


def _anniversary(choose: Chooser, start: int) -> dict[str, Any]:
    return _wall(choose) | {
        "of": choose.one_of(("first_purchase", "registration", "registration")),
        "lead_days": choose.one_of((0, 1, 7)),
        "leap_day": choose.one_of(("02-28", "03-01")),
    }


def _channel_shift(choose: Chooser, start: int) -> dict[str, Any]:
    return {"only": choose.one_of(("store", "online")), "purchases": choose.one_of((2, 2, 3))}


def _returning_session(choose: Chooser, start: int) -> dict[str, Any]:
    return {
        "visits_min": choose.one_of((2, 1, 3)),
        "visits_max": choose.one_of((None, 3)),
        "away_for": choose.one_of(("0s", "1h", "1d")),
        "devices": choose.one_of(([], [], ["mobile", "app"])),
        "origins": choose.one_of(([], [], ["direct"], ["example.com"], ["direct", "www.example.com"])),
        "segment": choose.one_of(SEGMENTS_ASKED),
    }


def _calendar(choose: Chooser, start: int) -> dict[str, Any]:
    day = from_ms(start).date() + timedelta(days=choose.up_to(70, -40))
    every = choose.one_of(("once", "week", "month", "year"))
    return _wall(choose) | {"date": day.isoformat(), "every": every, "segment": choose.one_of(SEGMENTS_ASKED)}


def _wall(choose: Chooser) -> dict[str, Any]:
    return {"local_time": choose.one_of(("09:00", "01:30", "22:30", "02:30"))}


OPTIONS_OF: dict[str, Callable[[Chooser, int], dict[str, Any]]] = {
    "product_browsed": _browsed,
    "checkout_abandoned": _checkout,
    "after_return": _after_return,
    "delivery_late": _delivery_late,
    "anniversary": _anniversary,
    "channel_shift": _channel_shift,
    "returning_session": _returning_session,
    "calendar": _calendar,
}
"""Occasion -> options for histories that begin at ``start``."""
