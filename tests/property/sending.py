"""Generated rules about when and to whom messages may go: caps, hours, days, look-ahead, holdouts, arms, products."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from schemas.sending_times import WEEKDAYS
from tests.property.choices import CHANNELS, MARKETS, ZONES, Chooser

POOL = "vouchers"
CATEGORIES = ("news", "reminder")
REGIONS = ("GB-SCT", "DE-BY", "US-CA", "DE-XX")
VARIANTS = ({"key": "k2", "languages": ["en"], "fallback": ["en"]}, {"key": "k3", "languages": ["de"]})


def of_campaign(choose: Chooser) -> dict[str, Any]:
    """Fields of a campaign."""
    fields: dict[str, Any] = {
        "category": choose.one_of((None, *CATEGORIES)),
        "expected_value": choose.one_of((None, None, "1", "2.5")),
        "products": choose.one_of((None, None, None, "any", "known", "sellable")),
    }
    if choose.chance(15):
        fields["holdout"] = {"percent": choose.one_of((50, 20, 100, 0))}
    if choose.chance(15):
        other = {"id": "b", "weight": choose.one_of((1, 0, 3)), "content": choose.one_of(VARIANTS)}
        fields["experiment"] = {"arms": [{"id": "a"}, other], "salt": choose.one_of((None, "s"))}
    return fields


def of_brand(choose: Chooser) -> dict[str, Any]:
    """Fields of a brand's rules."""
    fields: dict[str, Any] = {
        "caps": [_cap(choose) for _ in range(choose.up_to(3))],
        "quiet_hours": _quiet_hours(choose),
        "look_ahead": choose.one_of(("0s", "0s", "4h", "1d", "7d")),
        "stores": {"s1": choose.one_of(ZONES)} if choose.chance(20) else {},
        "regions": {region: choose.one_of(ZONES) for region in choose.some_of(REGIONS)} if choose.chance(20) else {},
    }
    if choose.chance(25):
        fields["closed_days"] = [_closed_days(choose) for _ in range(choose.up_to(2, 1))]
    if choose.chance(15):
        fields["holdout"] = {"percent": choose.one_of((50, 20, "33.33")), "salt": choose.one_of((None, "all"))}
    apart = Chooser(crc32(repr(fields).encode()))  # so that what else is drawn stays as it was
    if apart.chance(10):
        fields["lists"] = _lists(apart)
    if apart.chance(15):
        hours = {"start": apart.one_of(("09:00", "02:30")), "end": "17:00", "public_holidays": apart.chance(50)}
        fields["business_hours"] = [{"channel": apart.one_of(("*", "email")), "market": apart.one_of((None, *MARKETS))}]
        fields["business_hours"][0] |= hours
    return fields


def _lists(choose: Chooser) -> list[dict[str, Any]]:
    """Lists with few places: of a channel, of a voucher pool, or of both."""
    wanted = choose.some_of(({"channel": "email"}, {"pool": POOL}, {"channel": "push"}), 1)
    return [
        {
            "id": f"list-{number}",
            **one,
            "max": choose.one_of((1, 0, 2, 50)),
            "total": choose.one_of((None, None, 3)),
            "times": choose.one_of((["06:00"], ["00:30", "13:00"], ["02:30"])),
            "weekdays": choose.one_of((["monday", "thursday"], list(WEEKDAYS))),
            "zone": choose.one_of(ZONES),
            "answer_after": choose.one_of(("15m", "0s", "5h")),
        }
        for number, one in enumerate(wanted)
    ]


def _cap(choose: Chooser) -> dict[str, Any]:
    cap: dict[str, Any] = {
        "channel": choose.one_of(("*", *CHANNELS[:2])),
        "max": choose.one_of((1, 1, 2, 0)),
        "per": choose.one_of(("1d", "4h", "7d", "30d", "day", "week", "month")),
        "all_brands": choose.chance(25),
    }
    if choose.chance(30):
        cap["category"] = choose.one_of(CATEGORIES)
    if choose.chance(10):
        cap["campaign"] = choose.one_of(("m1-0", "m2-1", "m3-0", "m5-2"))
    return cap


def _quiet_hours(choose: Chooser) -> list[dict[str, Any]]:
    places: list[tuple[str, str | None]] = [(name, None) for name in ("*", "email") if choose.chance(35)]
    places += [(name, choose.one_of(MARKETS)) for name in ("*", "email") if choose.chance(15)]
    spans = (("22:00", "08:00"), ("12:00", "14:00"), ("00:15", "01:30"), ("09:00", "09:00"), ("00:00", "16:00"))
    chosen = [(*place, *choose.one_of(spans)) for place in places]
    return [{"channel": name, "market": market, "start": start, "end": end} for name, market, start, end in chosen]


def _closed_days(choose: Chooser) -> dict[str, Any]:
    return {
        "channel": choose.one_of(("*", "email", "push")),
        "market": choose.one_of((None, None, *MARKETS)),
        "weekdays": choose.one_of((["sunday"], ["saturday", "sunday"], ["monday", "wednesday", "friday"])),
        "public_holidays": choose.chance(50),
    }
