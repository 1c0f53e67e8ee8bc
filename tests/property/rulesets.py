"""Generated campaigns and brand rules: each occasion with varied options, two brands, up to three channels."""

from __future__ import annotations

from typing import Any, get_args

from schemas.base import rfc3339
from schemas.campaigns import ON_ARRIVAL, BrandRules, Campaign, OccasionName
from tests.oracle.builders import DAY, brand, campaign
from tests.property import sending
from tests.property.choices import BRANDS, MARKETS, ZONES, Chooser
from tests.property.choices_of_options import OPTIONS_OF

OCCASIONS: tuple[OccasionName, ...] = get_args(OccasionName)
QUESTIONS = (
    "customer.known",
    "!customer.company",
    'customer.country == "DE"',
    'customer.market != "US"',
    'has(customer.language) && customer.language.startsWith("de")',
    'customer.home_store == "s1"',
    'customer.email_domain.endsWith(".ac.uk")',
    '"push" in customer.preferred_channels',
    '"push" in customer.channels',
    "customer.age >= 31",
    "customer.days_registered >= 2",
    "customer.purchases > 1",
    "customer.store_purchases * 2 >= customer.purchases",
    "customer.online_purchases % 2 == 1",
    "customer.days_since_purchase < 7",
    "customer.days_since_first_purchase / 7 > 1",
    'customer.products.exists(p, p == "p1")',
    '"covers" in customer.categories',
    "customer.open_carts == 1",
    "customer.messages_7d == 0",
    "customer.messages_30d < 2",
    'occasion.name == "welcome" ? now.hour < 12 : occasion.step < 2',
    'occasion.episode.contains("1")',
    'items.exists(i, i.category == "covers")',
    'items.all(i, i.available && i.quantity > 0 && i.product != "p4")',
    "items.exists_one(i, has(i.name))",
    "items.filter(i, i.available).size() < size(items)",
    "now.weekday < 6",
    "now.day - 15 > 0",
    "now.month in [1, 3, 10]",
    'now.date < "2011-11-01"',
    'customer.stage in ["new", "active", "loyal"]',
    '"worth" in customer.segments || "lead" in customer.segments',
    "customer.value_365d >= 4000",
    "customer.value_lifetime > customer.value_365d || customer.value_lifetime < 2000",
    "customer.purchase_days_365d < 3",
    "customer.recency + customer.frequency > 6 || customer.monetary >= 2",
)
"""Every name of the vocabulary and every kind of expression; a test sees to it that none is missing."""
SEGMENTS: tuple[dict[str, Any], ...] = (
    {"id": "worth", "name": "worth", "value_min": "40"},
    {"id": "poor", "name": "poor", "value_max": "30", "purchases_min": 1},
    {"id": "late", "name": "late", "stages": ["at_risk", "lapsed"]},
    {"id": "fresh", "name": "fresh", "stages": ["new", "back"]},
    {"id": "regular", "name": "regular", "stages": ["active", "loyal"], "frequency_min": 2},
    {
        "id": "scored",
        "name": "scored",
        "recency_min": 3,
        "monetary_min": 2,
        "lifetime_value_min": "20",
        "purchases_max": 3,
    },
    {"id": "lead", "name": "lead", "stages": ["prospect"]},
    {"id": "german", "name": "german", "countries": ["DE"], "company": False},
)
AFTERS: dict[str, tuple[Any, ...]] = {
    "cart_abandoned": (["4h"], ["4h", "1d"], ["1h"], ["0s", "4h"]),
    "review_request": (["7d"], ["1d"], ["0s"], ["1d", "7d"]),
    "second_purchase": (["7d"], ["1d", "7d"], ["0s"], ["20d"]),
    "reactivation": (["0s"], ["1d"], ["0s", "7d"]),
    "welcome": (["1h"], ["0s"], ["1h", "1d", "7d"]),
    "birthday": (["0s"], ["4h"]),
    "segment_changed": (["0s"], ["4h"], ["1d", "7d"]),
    "price_drop": (["0s"], ["1h"], ["0s", "1d"]),
    "back_in_stock": (["0s"], ["1h"], ["0s", "1d"]),
    "complementary_offer": (["0s"], ["1d"], ["1d", "7d"]),
    "replenishment": (["0s"], ["1d"]),
    "product_browsed": (["1h"], ["0s"], ["4h", "1d"]),
    "checkout_abandoned": (["1h"], ["0s", "4h"], ["1d"]),
    "after_return": (["0s"], ["4h"], ["0s", "7d"]),
    "delivery_late": (["0s"], ["1d"], ["1d", "7d"]),
    "anniversary": (["0s"], ["4h"]),
    "channel_shift": (["0s"], ["1d"], ["1h", "7d"]),
    "returning_session": (["0s"], ["0s"], ["1h"]),
    "calendar": (["0s"], ["4h"]),
}


def campaigns(choose: Chooser, start: int) -> list[Campaign]:
    """Some campaigns; two of an occasion are possible."""
    wanted = [occasion for occasion in OCCASIONS if choose.chance(40)] or ["cart_abandoned"]
    wanted += [choose.one_of(OCCASIONS) for _ in range(choose.up_to(2))]
    return [_campaign(choose, occasion, f"m{choose.up_to(9)}-{n}", start) for n, occasion in enumerate(wanted)]


def _campaign(choose: Chooser, occasion: str, name: str, start: int) -> Campaign:
    purpose = "review" if occasion == "review_request" else choose.one_of(("marketing", "marketing", "service"))
    fields: dict[str, Any] = {
        "brands": choose.one_of((["acme"], ["acme", "zest"], ["zest"], ["acme"])),
        "channels": choose.one_of((["email"], ["email", "push"], ["push", "email"], ["email"], ["sms", "email"])),
        "priority": choose.one_of((50, 50, 60, 40)),
        "purpose": purpose,
        "valid_for": choose.one_of(("48h", "1h", "10d", "2d")),
        "exempt_from_caps": choose.chance(10),
        "content": _content(choose),
        "options": OPTIONS_OF[occasion](choose, start) if occasion in OPTIONS_OF else _options(choose, occasion),
    }
    fields |= sending.of_campaign(choose)
    if choose.chance(40):
        fields["when"] = _condition(choose)
    if choose.chance(10):
        fields["markets"] = choose.some_of(MARKETS, 1)
    if choose.chance(10):
        fields[choose.one_of(("starts", "ends"))] = rfc3339(start + choose.one_of((20, 45)) * DAY)
    after = choose.one_of(AFTERS[occasion])
    if occasion in ON_ARRIVAL and after == ["0s"]:
        fields["timing"] = "on_arrival" if int(name[1]) % 2 else "event_time"  # a backtest decides both alike
    if int(name[1]) % 4 == 0:
        fields["sources"] = ["orders", "pos-transactions"]  # in a backtest none is behind
    if int(name[1]) % 3 == 0:
        fields["offer"] = {"kind": "percent", "value": "10", "pool": sending.POOL}
    return campaign(occasion, name, after, **fields)


def _condition(choose: Chooser) -> str:
    """One or two questions, joined."""
    one, two = choose.one_of(QUESTIONS), choose.one_of(QUESTIONS)
    return choose.one_of((one, one, f"{one} || {two}", f"!({one}) || {two}", f"{one} && !({two})"))


def _content(choose: Chooser) -> dict[str, Any]:
    languages, fallback = choose.one_of(((["en"], ["en"]), (["en", "de"], []), (["de-AT", "en"], ["fr", "en"])))
    markets = choose.some_of(MARKETS, 1) if choose.chance(10) else []
    return {"key": "k", "languages": languages, "fallback": fallback, "markets": markets}


def _options(choose: Chooser, occasion: str) -> dict[str, Any]:
    if occasion == "cart_abandoned":
        worth = {"min_value": choose.one_of(("10.00", "10.01", "25"))} if choose.chance(30) else {}
        return worth | {"rearm_after": choose.one_of(("7d", "1d", "0s"))}
    if occasion == "second_purchase":
        return {"window": choose.one_of(("30d", "30d", "7d", "1d"))}
    if occasion == "reactivation":
        return {
            "factor_percent": choose.one_of((200, 100, 150)),
            "prior_interval": choose.one_of(("10d", "5d", "60d", "0s")),
            "prior_weight": choose.one_of((2, 0, 1)),
            "min_purchases": choose.one_of((2, 1, 3)),
            "at_least": choose.one_of(("1d", "14d", "0s")),
            "at_most": choose.one_of(("60d", "30d")),
        }
    if occasion == "birthday":
        return {
            "local_time": choose.one_of(("09:00", "01:30", "22:30", "02:30")),
            "lead_days": choose.one_of((0, 1, 7)),
            "leap_day": choose.one_of(("02-28", "03-01")),
        }
    if occasion == "segment_changed":
        names = tuple(segment["id"] for segment in SEGMENTS)
        return {"segment": choose.one_of(names), "change": choose.one_of(("entered", "left"))}
    if occasion in ("price_drop", "back_in_stock"):
        percent = {"min_percent": choose.one_of((1, 10, 50))} if occasion == "price_drop" else {}
        of = choose.some_of(("viewed", "carted", "wished"), 1)
        return percent | {"of": of, "within": choose.one_of(("30d", "5d", "1d"))}
    if occasion == "complementary_offer":
        return {"window": choose.one_of(("30d", "7d", "1d"))}
    if occasion == "replenishment":
        return {
            "by": choose.one_of(("product", "category")),
            "categories": choose.one_of(([], [], ["covers"])),
            "lead": choose.one_of(("0s", "2d")),
            "min_intervals": choose.one_of((1, 2)),
            "at_least": choose.one_of(("3d", "0s")),
            "at_most": choose.one_of(("120d", "10d")),
        }
    return {}


def brands(choose: Chooser) -> list[BrandRules]:
    """Rules of the brands; rarely one has none."""
    return [_rules(choose, name) for name in BRANDS if not choose.chance(5)]


def _rules(choose: Chooser, name: str) -> BrandRules:
    fields: dict[str, Any] = {
        "hold_window": choose.one_of(("30m", "0s", "1h", "1d")),
        "in_flight": choose.one_of(("1h", "0s", "1d")),
        "language": choose.one_of(("en", None, "de-DE")),
        "zone": choose.one_of((ZONES[0], None, *ZONES)),
        **sending.of_brand(choose),
        "segments": list(SEGMENTS),
        "lifecycle": _lifecycle(choose),
        "rfm": {"recency": ["1d", "5d", "10d", "30d"], "frequency": [1, 2, 3, 5], "monetary": ["10", "20", "40", "90"]},
    }
    fields["double_opt_in"] = (fields["in_flight"], fields["hold_window"]) in (("1d", "1h"), ("0s", "0s"))
    if choose.chance(40):
        fields["markets"] = {market: _market(choose) for market in choose.some_of(MARKETS, 1)}
    return brand(name, **fields)


def _lifecycle(choose: Chooser) -> dict[str, Any]:
    rhythm = {"min_purchases": choose.one_of((1, 2)), "prior_weight": choose.one_of((2, 0, 1))}
    return {
        "rhythm": rhythm | {"prior_interval": choose.one_of(("5d", "10d")), "at_least": choose.one_of(("1d", "0s"))},
        "new_for": choose.one_of(("5d", "30d")),
        "loyal_purchases": choose.one_of((2, 3)),
        "loyal_within": choose.one_of(("20d", "365d")),
        "lapsed_percent": choose.one_of((200, 100)),
        "back_for": choose.one_of(("10d", "3d")),
    }


def _market(choose: Chooser) -> dict[str, Any]:
    fields = {"zone": choose.one_of((None, *ZONES)), "language": choose.one_of((None, "en", "de-AT"))}
    return fields | ({"double_opt_in": fields["language"] is None} if fields["zone"] is None else {})
