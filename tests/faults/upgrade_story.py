"""Made-up customers whose states, taken together, fill every field; what happens before a golden state and after it.

``before`` is applied everywhere. Of ``during`` one decide partition (``HELD_UP``) sees nothing until after the golden
state: what it owes the others, a merged customer's state, is still missing in it. ``after`` is what comes then.
"""

from __future__ import annotations

from typing import Any

from schemas.base import rfc3339
from streams.campaigns import CampaignSet
from streams.settings import Settings
from streams.wire import partition_of
from tests.oracle.builders import DAY, HOUR, MINUTE, History, brand, campaign, t

PARTITIONS = 3
HELD_UP = 0
START = t("2025-01-06")
HELD_UP_FROM = START + 189 * DAY
CUT = START + 190 * DAY
"""Moment of arrival at which the golden state is taken; clocks are an hour before it."""
END = START + 240 * DAY
SETTINGS = Settings(
    topic_prefix="golden", partitions=PARTITIONS, replay_lateness_ms={}, replay_lateness_ms_default=HOUR
)
ZONE = "Europe/London"


def _named(prefix: str, partition: int) -> str:
    return next(name for n in range(99) if partition_of(name := f"{prefix}{n}", PARTITIONS) == partition)


MAIN = _named("main", 1)
"""Has everything that one customer can have."""
SURVIVOR = _named("survivor", 1)
"""Waits for two others."""
ABSENT = _named("absent", HELD_UP)
"""His state is on its way to the survivor, and late."""
PRESENT = _named("present", 2)
"""His state has come, before the survivor could take it."""
GONE = _named("gone", 2)
"""Was merged into MAIN long ago."""
ABSENT_TOO = next(
    name for n in range(99) if partition_of(name := f"absent-too{n}", PARTITIONS) == HELD_UP and name != ABSENT
)
"""Is merged into who has been merged away himself; his state is on its way through that one."""
ERASED = "erased-one"
CIRCLE = ("c-once", "c-twice")
"""The first was merged into the second, and then the second into the first."""

REMINDED = "reminded"
"""Was sent a reminder, and merged after it."""


def campaigns() -> CampaignSet:
    """One campaign an occasion; slots of two hours, quiet nights, a cap."""
    own: dict[str, Any] = {"brands": ["acme", "zest"], "channels": ["email", "push"], "valid_for": "2d"}
    all_held, push_first = {"percent": 100}, own | {"channels": ["push", "email"]}
    rhythm = {"min_purchases": 2, "at_least": "5d"}
    cart_options = {"rearm_after": "1d", "min_value": "5.00"}
    code = {"kind": "percent", "value": "5", "pool": "vouchers"}
    content = (
        campaign("cart_abandoned", after=["4h", "2d"], options=cart_options, category="reminder", offer=code, **own),
        campaign("review_request", after=["7d"], purpose="review", **push_first),
        campaign("second_purchase", after=["7d", "20d"], options={"window": "30d"}, **own),
        campaign("reactivation", after=["0s", "14d"], options=rhythm, holdout=all_held, **own),
        campaign("welcome", after=["1h", "7d"], priority=60, **own),
        campaign("birthday", after=["0s"], options={"lead_days": 1, "local_time": "09:00"}, **own),
        campaign("segment_changed", after=["30m"], options={"segment": "buyer"}, **own),
        campaign("price_drop", after=["1h"], **own),
        campaign("complementary_offer", after=["1d"], **own),
        campaign("product_browsed", after=["1h", "1d"], **own),
        campaign("checkout_abandoned", after=["1h"], **own),
        campaign("after_return", after=["1d"], **own),
        campaign("delivery_late", after=["1d"], purpose="service", **own),
        campaign("anniversary", after=["0s"], **own),
        campaign("channel_shift", after=["1d"], options={"purchases": 2}, **own),
        campaign("returning_session", after=["0s"], **own),
        campaign("calendar", after=["0s"], options={"date": "2025-07-15", "every": "week"}, **own),
    )
    rules: dict[str, Any] = {"hold_window": "2h", "in_flight": "1h", "language": "en", "zone": ZONE}
    rules["segments"] = [{"id": "buyer", "name": "Buyers of the year", "value_min": "60"}]
    quiet = [{"channel": "*", "start": "22:00", "end": "08:00"}]
    caps = [{"channel": "*", "max": 9, "per": "7d"}]
    rules["holdout"] = {"percent": "0.01"}
    push = {
        "closed_days": [{"channel": "push", "weekdays": ["monday"]}],
        "lists": [_list("calls", "21:50", channel="push")],
        "profile": True,
    }
    acme = brand("acme", quiet_hours=quiet, caps=caps, **push, **rules)
    two = [_list("letters", "20:30", channel="email"), _list("codes", "07:00", pool="vouchers", weekdays=["tuesday"])]
    return CampaignSet(content, (acme, brand("zest", lists=two, **rules)))


def _list(name: str, time: str, **takes: Any) -> dict[str, Any]:
    return {"id": name, "max": 9, "times": [time], "zone": ZONE, **takes}


class Story:
    """The three parts of the history."""

    def __init__(self) -> None:
        self.before, self.during, self.after = History(), History(), History()
        self.during.count, self.after.count = 1_000, 2_000
        self._catalogue()
        self._main()
        self._merges()
        self._visitors()
        self._evening()
        self._later()

    def _catalogue(self) -> None:
        for number, product in enumerate(("mug", "cup", "pot", "lid")):
            fits = ["lid"] if product == "pot" else []
            self.before.product(START + number, product, fits, categories=["kitchen"])
            self.before.product(START + number, product, fits, brand="zest")

    def _main(self) -> None:
        tell, who = self.before, {"customer_id": MAIN}
        tell.profile(START, MAIN, ("email",), brand="zest", registered_at=rfc3339(START))
        tell.profile(
            START + HOUR,
            MAIN,
            ("email", "push", "onsite"),
            registered_at=rfc3339(START),
            birth_date="1980-07-16",
            email_domain="example.org",
            language="en-GB",
            country="GB",
            region="GB-SCT",
            time_zone=ZONE,
            home_store="s1",
            preferred_channels=["email"],
            company=True,
            loyalty_cards=["card-main"],
        )
        for consent in tell.sources["customers"][-1]["consents"]:
            consent |= {"source": "till s1", "confirmed_at": rfc3339(START + 2 * HOUR)}
        for number, day in enumerate((1, 12, 24, 100, 150, 170)):
            tell.order(START + day * DAY, {"mug": 2, "pot": 1}, f"o-{day}", **who)
            tell.of_order("delivered", START + (day + 2) * DAY, f"o-{day}", **who)
            if number % 2:
                tell.back(START + (day + 12) * DAY, {"mug": 2, "pot": 1}, f"r-{day}", order_id=f"o-{day}", **who)
        reduced = [{"line_id": "l1", "product_id": "cup", "quantity": 2, "unit_price": "9.00", "discount": "1.00"}]
        tell.order(START + 171 * DAY, None, "o-reduced", lines=reduced, **who)
        line = [{"line_id": "l1", "quantity": 1}]
        tell.order(START + 172 * DAY, {"cup": 3}, "o-part", channel="phone", cart_id="k-part", **who)
        tell.of_order("delivered", START + 180 * DAY, "o-part", lines=line, **who)
        tell.order(START + 173 * DAY, {"cup": 1}, "o-changed", **who)
        changed = [{"line_id": "n1", "product_id": "lid", "quantity": 2, "unit_price": "3.00"}]
        tell.of_order("changed", START + 174 * DAY, "o-changed", currency="GBP", lines=changed, **who)
        tell.order(START + 175 * DAY, {"cup": 1}, "o-cancelled", **who)
        tell.of_order("cancelled", START + 176 * DAY, "o-cancelled", **who)
        tell.of_order("delivered", START + 177 * DAY, "o-unknown", **who)
        tell.receipt(START + 178 * DAY, {"pot": 1}, 7, ["mug"], **who)
        tell.back(START + 179 * DAY, {"cup": 1}, "r-void", "return.rejected", **who)
        listed = [{"product_id": "cup", "quantity": 1, "line_id": "l1"}]
        tell.back(START + 181 * DAY, None, "r-line", order_id="o-part", lines=listed, **who)
        for day, products in ((160, {"mug": 1}), (163, {"mug": 2}), (166, {"mug": 1, "lid": 1}), (185, {"lid": 4})):
            tell.cart(START + day * DAY + 9 * HOUR, products, "k-main", **who)
        tell.cart(START + 185 * DAY, {"lid": 1}, "k-empty", **who)
        tell.cart(START + 186 * DAY, {}, "k-empty", **who)
        self._visits()
        self._listed()
        tell.cart(START + 184 * DAY, {"pot": 1}, "k-zest", brand="zest", **who)
        tell.feedback(START + 185 * DAY + 16 * HOUR, "delivered", **who)
        tell.feedback(START + 186 * DAY, "bounced", "sms", **who)
        tell.feedback(START + 186 * DAY, "unsubscribed", "push", brand="zest", **who)
        wish = {"session_id": "s", "product_id": "cup", **who}
        tell.product(START + 184 * DAY, "cup", prices=[{"market": "GB", "currency": "GBP", "amount": "9.00"}])
        tell.add("web-sessions", "product.wished", START + 185 * DAY, **wish)
        tell.receipt(START + 185 * DAY + 10 * HOUR, {"lid": 4}, 8, arrived=START + 188 * DAY, **who)

    def _visits(self) -> None:
        """What is remembered of visits, a promise, and a reason of a return."""
        tell, visit = self.before, {"customer_id": MAIN, "session_id": "v-main"}
        origin = {"device": "mobile", "referrer": "https://www.example.org"}
        tell.add("web-sessions", "session.started", START + 184 * DAY, **origin, **visit)
        for minute in (1, 2):
            tell.add("web-sessions", "product.viewed", START + 184 * DAY + minute * MINUTE, product_id="pot", **visit)
        tell.add("web-sessions", "checkout.started", START + 185 * DAY + 10 * HOUR, cart_id="k-main", **visit)
        who = {"customer_id": MAIN}
        tell.order(START + 182 * DAY, {"mug": 1}, "o-late", promised_at=rfc3339(START + 186 * DAY), **who)
        small = [{"product_id": "mug", "quantity": 1, "reason": "too small"}]
        tell.back(START + 183 * DAY, None, "r-small", "return.received", lines=small, **who)

    def _listed(self) -> None:
        """Messages with a place on a list, that wait at the cut for one on the next list, and for an open day."""
        tell, who = self.before, {"customer_id": MAIN}
        tell.cart(HELD_UP_FROM - 12 * HOUR, {"cup": 1}, "k-listed", brand="zest", **who)
        tell.order(START + 180 * DAY, {"cup": 1}, "o-praised", **who)
        tell.of_order("delivered", HELD_UP_FROM - 8 * DAY + 15 * HOUR, "o-praised", **who)

    def _merges(self) -> None:
        for number, name in enumerate((GONE, SURVIVOR, ABSENT, PRESENT)):
            own = {"birth_date": f"1990-07-{16 + number}", "registered_at": rfc3339(START + 9 * DAY)}
            self.before.profile(START + (10 + number) * DAY, name, **own)
            self.before.order(START + (150 + number) * DAY, {"pot": 1}, f"o-{name}", customer_id=name)
            self.before.cart(START + 188 * DAY + number * HOUR, {"mug": 2}, f"k-{name}", customer_id=name)
        self.before.merged(START + 160 * DAY, GONE, MAIN)
        for number, name in enumerate(CIRCLE):
            self.before.profile(START + (14 + number) * DAY, name)
        self.before.merged(START + 161 * DAY, *CIRCLE)
        self.before.merged(START + 162 * DAY, *reversed(CIRCLE))
        self.before.order(START + 165 * DAY, {"cup": 2}, "o-forwarded", customer_id=GONE)
        self.before.profile(START + 17 * DAY, REMINDED)
        self.before.cart(START + 187 * DAY + 8 * HOUR, {"mug": 1}, "k-reminded", customer_id=REMINDED)
        self.before.merged(START + 188 * DAY + 8 * HOUR, REMINDED, CIRCLE[0])
        self.before.profile(START + 17 * DAY, ABSENT_TOO)
        self.during.merged(HELD_UP_FROM + 12 * HOUR, ABSENT_TOO, PRESENT)
        self.during.merged(HELD_UP_FROM + 10 * HOUR, ABSENT, SURVIVOR)
        self.during.merged(HELD_UP_FROM + 11 * HOUR, PRESENT, SURVIVOR)
        self.during.cart(HELD_UP_FROM + 12 * HOUR, {"cup": 2}, "k-parked", customer_id=SURVIVOR, device_id="d1")
        self.during.receipt(HELD_UP_FROM + 13 * HOUR, {"mug": 2}, 20, customer_id=SURVIVOR)

    def _visitors(self) -> None:
        self.before.profile(START + 186 * DAY, SURVIVOR, ("email",), brand="zest", registered_at=rfc3339(START))
        for history, at in ((self.before, START + 187 * DAY), (self.during, HELD_UP_FROM + 9 * HOUR)):
            for number in range(3):
                name = f"v{number}-{at // DAY}"
                history.cart(at + number, {"pot": 1}, f"k-{name}", anonymous_id=name)
            history.identified(at + HOUR, MAIN, anonymous_id=f"v0-{at // DAY}", device_id="shared")
            history.receipt(at + HOUR, {"cup": 1}, 30 + at // DAY, loyalty_card_id="card-main")
            history.receipt(at + HOUR, {"cup": 1}, 40 + at // DAY, customer_id=None)
        self.before.identified(START + 188 * DAY, PRESENT, device_id="shared")
        self.before.receipt(START + 188 * DAY, {"cup": 1}, 31, status="training", customer_id=MAIN)
        self.before.add("orders", "order.gone", START + 188 * DAY)
        self.before.identified(START + 180 * DAY, ERASED, anonymous_id="again")
        self.before.erased(START + 181 * DAY, ERASED)
        self.before.cart(START + 182 * DAY, {"pot": 1}, "k-again", anonymous_id="again")
        taken = {"customer_id": MAIN, "identifier": "anonymous_id", "value": "borrowed"}
        self.before.identified(START + 183 * DAY, MAIN, anonymous_id="borrowed")
        self.before.add("customers", "customer.unlinked", START + 184 * DAY, **taken)
        self.before.cart(START + 185 * DAY, {"pot": 1}, "k-borrowed", anonymous_id="borrowed")

    def _evening(self) -> None:
        """Carts whose reminders wait at the cut: for the hold window of a slot, for the morning, for their time."""
        tell, who = self.during, {"customer_id": MAIN}
        tell.cart(HELD_UP_FROM + 16 * HOUR + 30 * MINUTE, {"mug": 3}, "k-night", **who)
        tell.cart(HELD_UP_FROM + 18 * HOUR, {"cup": 3}, "k-slot", brand="zest", **who)
        tell.cart(HELD_UP_FROM + 22 * HOUR, {"pot": 2}, "k-young", **who)
        tell.order(CUT - 10 * MINUTE, {"pot": 2}, "o-waits", **who)

    def _later(self) -> None:
        tell, who = self.after, {"customer_id": MAIN}
        tell.receipt(CUT - 5 * HOUR, {"mug": 3}, 50, arrived=CUT + 12 * HOUR, **who)
        tell.receipt(CUT - 5 * HOUR, {"cup": 3}, 51, brand="zest", arrived=CUT + 12 * HOUR, **who)
        tell.product(CUT + 9 * HOUR, "cup", prices=[{"market": "GB", "currency": "GBP", "amount": "5.00"}])
        tell.withdraw(CUT + DAY, "push", **who)
        tell.back(CUT + 2 * DAY, {"cup": 3}, "r-later", order_id="o-part", **who)
        tell.order(CUT + 3 * DAY, {"mug": 1}, "o-later", **who)
        tell.of_order("delivered", CUT + 4 * DAY, "o-later", **who)
        tell.order(START + 170 * DAY, {"mug": 2, "pot": 1}, "o-170", arrived=CUT + 4 * DAY, **who)
        tell.cart(CUT + 5 * DAY, {"mug": 1}, "k-main", **who)
        tell.cart(CUT + 5 * DAY, {"mug": 1}, "k-gone", customer_id=GONE)
        tell.identified(CUT + 6 * DAY, SURVIVOR, anonymous_id="v1-20277")
        tell.cart(START + 183 * DAY + HOUR, {"cup": 1}, "k-lent", arrived=CUT + 5 * DAY, anonymous_id="borrowed")
        tell.identified(CUT + 6 * DAY, GONE, anonymous_id="borrowed")
        for name in (SURVIVOR, ABSENT, PRESENT):
            tell.order(CUT + 6 * DAY, {"cup": 1}, f"o-later-{name}", customer_id=name)
        tell.erased(CUT + 20 * DAY, SURVIVOR)
        tell.cart(CUT + 25 * DAY, {"lid": 9}, "k-last", **who)
        tell.receipt(CUT + 25 * DAY + HOUR, {"lid": 9}, 52, arrived=CUT + 30 * DAY, **who)
