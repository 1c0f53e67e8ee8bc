"""A small retailer for the end-to-end tests: simulated customers, scenes in which rare things happen, broken records.

With its campaigns all outcomes, occasions and reasons occur but those in ``NOT_HERE`` and ``TOO_RARE_HERE``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.topics import RECORD_BYTES_MAX_INPUT
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns
from streams.replay.files import merged
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.simulate.broken import broken_versions
from streams.simulate.retailer import START_MS
from tests.e2e.kit import ROOT, write_campaigns, write_lines
from tests.oracle.builders import DAY, HOUR, MINUTE, History

CUSTOMERS, DAYS, SEED = 60, 45, 5
BRAND = "online-retail"
OTHER_BRAND = "corner-shop"
"""A brand whose rules name no time zone."""
NOT_HERE = {
    *("before_go_live", "campaign_withdrawn", "brand_rules_missing", "source_waits", "source_stale"),
    *("consent_unconfirmed", "campaign_paused", "channel_paused"),
}
"""Reasons that no replay of files can give: no file withdraws or pauses a campaign, a brand without rules is refused,
all sources hold the clock, and no brand here asks for double opt-in."""
TOO_RARE_HERE = {
    *("segment_changed", "replenishment", "back_in_stock", "anniversary", "calendar"),
    "ghost",
    *("global_holdout", "campaign_holdout", "closed_day", "look_ahead"),
    *("business_hours", "capacity", "capacity_full"),
}
"""Occasions, an outcome and reasons that sixty days of few customers do not show; the property tests reach them."""


@dataclass(frozen=True)
class Retailer:
    """Where its files are, and what its backtest says."""

    history: Path
    campaigns: Path
    expected: BacktestResult


def make_retailer(directory: Path) -> Retailer:
    """Write history and campaigns, and run the backtest."""
    history, campaigns = directory / "history", directory / "campaigns"
    simulate_retailer(history, CUSTOMERS, DAYS, SEED)
    scenes = Scenes().sources
    write_lines(history, {**scenes, "orders": [*scenes["orders"], *_broken(scenes["orders"][0])]})
    write_lines(history, {source: _broken(rows[0]) for source, rows in scenes.items() if rows and source != "orders"})
    content = small_campaigns()
    write_campaigns(campaigns, content)
    return Retailer(history, campaigns, backtest(history, content))


def backtest(history: Path, content: CampaignSet) -> BacktestResult:
    """The decisions without Kafka."""
    return backtest_lines(merged(history), content, Settings().replay_lateness)


def small_campaigns() -> CampaignSet:
    """The shipped campaigns, and a few by which more reasons occur."""
    shipped = load_campaigns(ROOT / "campaigns")
    by_id = {campaign.id: campaign.model_dump(mode="json") for campaign in shipped.campaigns}
    rhythm = {**by_id["reactivation"]["options"], "min_purchases": 2, "at_least": 7 * DAY, "prior_interval": 10 * DAY}
    by_id["reactivation"]["options"] = rhythm
    welcome, second, cart = by_id["welcome"], by_id["second-purchase"], by_id["cart-reminder"]
    extra: list[dict[str, Any]] = [
        {**welcome, "id": "welcome-of-last-year", "ends": "2024-12-31T00:00:00Z"},
        {**welcome, "id": "welcome-in-france", "markets": ["FR"]},
        {**welcome, "id": "welcome-to-the-moon", "when": 'customer.home_store == "moon"'},
        {**second, "id": "second-too-late", "steps": second["steps"][:1], "options": {"window": 5 * DAY}},
        {**cart, "id": "corner-cart", "brands": [OTHER_BRAND], "valid_for": HOUR},
    ]
    quiet = [{"channel": "*", "start": "21:00", "end": "08:00"}]
    rules = BrandRules.model_validate({"brand": OTHER_BRAND, "currency": "GBP", "quiet_hours": quiet})
    campaigns = tuple(Campaign.model_validate(fields) for fields in (*by_id.values(), *extra))
    return CampaignSet(tuple(sorted(campaigns, key=lambda one: one.id)), (rules, *shipped.brands))


def moment(day: int, hour: int, minute: int = 0) -> int:
    """A time of the simulated year, counted from its first day."""
    return START_MS + day * DAY + hour * HOUR + minute * MINUTE


def _broken(event: dict[str, Any]) -> list[bytes]:
    """Every way in which this record can be broken, and one that is too large for its contract."""
    versions = [raw for _, raw in broken_versions("", event)]
    return [*versions, b'{"event_id": "large", "note": "' + b"x" * RECORD_BYTES_MAX_INPUT + b'"}']


class Scenes(History):
    """Customers to whom the rare things happen, each with one story."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = 0
        self._carts_and_tills()
        self._carts_and_orders()
        self._reviews()
        self._slots()
        self._corner_shop()
        self._visits_and_parcels()

    def add(self, source: str, kind: str, at: int, arrived: int | None = None, **fields: Any) -> dict[str, Any]:
        """See ``History``; what arrives at once says so."""
        fields = {"brand": BRAND, **fields}
        return super().add(source, kind, at, at if arrived is None else arrived, **fields)

    def left(self, who: str, at: int, **fields: Any) -> None:
        """A reachable customer leaves a cart of two mugs."""
        self.profile(moment(1, 9), who, time_zone="Europe/London")
        self.cart(at, {"mug": 2}, f"cart-of-{who}", customer_id=who, **fields)

    def till(self, who: str, at: int, arrived: int | None = None, **fields: Any) -> None:
        """He buys the mugs in a store."""
        self.receipts += 1
        self.receipt(at, {"mug": 2}, self.receipts, arrived=arrived, customer_id=who, store_id="scene", **fields)

    def _carts_and_tills(self) -> None:
        """The reminder goes at 14:30; the receipt of 13:00 comes the day after, much later, or in time."""
        for who, arrived in (("s-cancelled", moment(7, 10)), ("s-regretted", moment(12, 9)), ("s-store", None)):
            self.left(who, moment(5, 10))
            self.till(who, moment(5, 13), arrived)
        self.till("s-store", moment(5, 14), status="voided")

    def _carts_and_orders(self) -> None:
        """An order before the reminder, and one while it is on its way."""
        for who, at in (("s-online", moment(5, 12)), ("s-in-flight", moment(5, 15))):
            self.left(who, moment(5, 10))
            self.order(at, {"mug": 2}, f"order-of-{who}", customer_id=who)

    def _reviews(self) -> None:
        """One sends everything back, one reads a language for which nothing is written."""
        for who, language in (("s-returned", "en"), ("s-portuguese", "pt")):
            self.profile(moment(1, 9), who, language=language, time_zone="Europe/London")
            self.order(moment(2, 9), {"mug": 1}, f"order-of-{who}", customer_id=who)
            self.of_order("delivered", moment(4, 9), f"order-of-{who}", customer_id=who)
        self.back(moment(9, 9), {"mug": 1}, "return-1", customer_id="s-returned", order_id="order-of-s-returned")

    def _slots(self) -> None:
        """A welcome outranks a cart; an erasure comes while a message waits for the morning."""
        self.left("s-outranked", moment(5, 6, 20))
        registered = "2025-01-06T10:00:00Z"
        self.profile(moment(5, 10), "s-outranked", time_zone="Europe/London", registered_at=registered)
        self.left("s-erased", moment(5, 18))
        self.erased(moment(5, 23), "s-erased")

    def _corner_shop(self) -> None:
        """Carts in a shop without a zone: of somebody whose zone is unknown, and of somebody who sleeps too long."""
        self.profile(moment(1, 9), "s-zoneless", brand=OTHER_BRAND)
        self.cart(moment(5, 10), {"mug": 2}, "cart-of-s-zoneless", customer_id="s-zoneless", brand=OTHER_BRAND)
        self.profile(moment(1, 9), "s-asleep", brand=OTHER_BRAND, time_zone="Europe/London")
        self.cart(moment(5, 18), {"mug": 2}, "cart-of-s-asleep", customer_id="s-asleep", brand=OTHER_BRAND)

    def _visits_and_parcels(self) -> None:
        """A student comes back to the shop, somebody looks at what he then puts into his cart, a parcel comes late, a
        return is refused after help was offered, and somebody only ever buys in the store."""
        student = {"email_domain": "cam.ac.uk", "time_zone": "Europe/London", "registered_at": rfc3339(moment(1, 9))}
        self.profile(moment(1, 9), "s-student", ("onsite",), **student)
        for day in (3, 4):
            visit = {"session_id": f"visit-{day}", "customer_id": "s-student", "device": "desktop"}
            self.add("web-sessions", "session.started", moment(day, 10), **visit)
        for who in ("s-looks", "s-waits", "s-refused", "s-in-store"):
            self.profile(moment(1, 9), who, time_zone="Europe/London")
        look = {"session_id": "look", "customer_id": "s-looks", "product_id": "mug"}
        for minute in (0, 1):
            self.add("web-sessions", "product.viewed", moment(4, 10, minute), **look)
        self.cart(moment(4, 11), {"mug": 1}, "cart-of-s-looks", customer_id="s-looks")
        waits = {"customer_id": "s-waits", "promised_at": rfc3339(moment(5, 12))}
        self.order(moment(2, 9), {"mug": 1}, "order-of-s-waits", **waits)
        self.of_order("delivered", moment(6, 8, 30), "order-of-s-waits", customer_id="s-waits")
        self.order(moment(2, 9), {"mug": 1}, "order-of-s-refused", customer_id="s-refused")
        back = {"customer_id": "s-refused", "order_id": "order-of-s-refused"}
        lines = [{"product_id": "mug", "quantity": 1, "reason": "too small"}]
        self.back(moment(8, 10), None, "return-2", "return.received", lines=lines, **back)
        self.back(moment(9, 10, 30), None, "return-2", "return.rejected", lines=lines, **back)
        for day in (3, 6, 9):
            self.till("s-in-store", moment(day, 12))
