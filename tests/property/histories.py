"""Generated histories: a few customers, and scenes in which carts, purchases, returns, logins and CRM orders meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from schemas.base import rfc3339
from schemas.campaigns import Campaign
from tests.oracle.builders import DAY, HOUR, MINUTE, History
from tests.oracle.history import parse_ms
from tests.oracle.profiles import WITHDRAWING
from tests.property.choices import (
    BRANDS,
    CHANNELS,
    CLOCK,
    DELAYS_BEYOND,
    EXTRAS,
    LONG,
    MARKETS,
    PRODUCTS,
    SHORT,
    STARTS,
    ZONES,
    Chooser,
)
from tests.property.choices_of_options import REASONS

BIRTHDAYS = ("03-13", "03-27", "02-29", "10-30", "11-06", "02-28", "03-01", "01-20", "12-31", "01-01")

PROFILE_DETAILS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("company", (True, False)),
    ("home_store", ("s1", "s2")),
    ("region", ("GB-SCT", "DE-BY", "US-CA", "DE-XX")),
    ("email_domain", ("ox.ac.uk", "example.com")),
    ("preferred_channels", (["push"], ["email", "push"])),
)
IDENTIFIERS = ("anonymous_id", "device_id", "loyalty_card_id", "email_hash")
CONFIRMED_AFTER = (0, 0, HOUR, 3 * DAY, -1)
"""When a grant is confirmed, after it was given; not every one is."""
OWN_WAY = {"delivery_late": "delivery", "after_return": "refusal"}
"""What undoes messages of an occasion and of no other: so seldom met by chance that it is drawn apart."""


class Story:
    """Adds scenes to a history."""

    def __init__(self, choose: Chooser, people: int, days: int) -> None:
        self.campaigns: Sequence[Campaign] = ()
        self.choose, self.written, self.days = choose, History(), days
        self.start = choose.one_of(STARTS)
        self.busy = [choose.up_to(days) for _ in range(5)]
        """Days on which most happens, so that scenes meet."""
        self.merged: set[str] = set()
        self.people = [f"c{number}" for number in range(1, people + 1)]

    # --- pieces -----------------------------------------------------------------------------------------------------

    def moment(self) -> int:
        day = self.choose.one_of(self.busy) if self.choose.chance(70) else self.choose.up_to(self.days)
        return self.start + day * DAY + self.choose.one_of(CLOCK)

    def who(self, person: str, weak: bool = True) -> dict[str, str]:
        """How an event names a person: by id, by identifiers, or (the first two customers) by a shared device."""
        ways: tuple[tuple[str, ...], ...] = (
            ("customer_id",),
            ("customer_id", "anonymous_id"),
            ("customer_id", "loyalty_card_id"),
            ("anonymous_id",),
            ("loyalty_card_id",),
            ("device_id", "anonymous_id"),
            ("email_hash",),
            ("loyalty_card_id", "anonymous_id"),
        )
        names = self.choose.one_of(ways if weak and self.choose.chance(60) else ways[:3])
        return {name: self.identifiers(person)[name] for name in names}

    def identifiers(self, person: str) -> dict[str, str]:
        return {
            "customer_id": person,
            "email_hash": hashlib.md5(person.encode()).hexdigest(),
            "loyalty_card_id": f"card-{person}",
            "device_id": "shared" if person in ("c1", "c2") else f"device-{person}",
            "anonymous_id": f"visitor-{person}",
        }

    def place(self) -> dict[str, str]:
        brand, market = self.choose.one_of(("acme", *BRANDS)), self.choose.one_of((MARKETS[0], *MARKETS))
        return {"brand": brand, "market": market}

    def goods(self) -> dict[str, int]:
        chosen = self.choose.some_of(PRODUCTS, 1)
        return {product: self.choose.one_of((1, 1, 2)) for product in chosen}

    def fresh(self, prefix: str) -> str:
        return f"{prefix}{self.written.count + 1}"

    # --- scenes -----------------------------------------------------------------------------------------------------

    def shopping(self, person: str, at: int) -> None:
        """A cart in up to three updates, then perhaps a login, a purchase here or there, and a return to it."""
        choose, place, goods, who = self.choose, self.place(), self.goods(), self.who(person)
        cart = choose.one_of((self.fresh("k"), f"k-{person}-{place['brand']}"))
        self.written.cart(at, goods, cart, **who, **place)
        for _ in range(choose.up_to(2)):
            at += choose.one_of(SHORT)
            held = {} if choose.chance(15) else choose.one_of((goods, self.goods()))
            self.written.cart(at, held, cart, **choose.one_of((who, self.who(person))), **place)
        if choose.chance(40):
            self.checkout(person, at + choose.one_of(SHORT), cart, place)
        if choose.chance(40):
            self.login(person, at + choose.one_of(SHORT))
        end = choose.one_of(("left", "till", "order", "order of the cart", "part", "till"))
        bought = {next(iter(goods)): 1} if end == "part" else goods
        at += choose.one_of(SHORT)
        if end == "till":
            self.receipt(person, at, bought, place)
        elif end != "left":
            cart_id = {"cart_id": cart} if end == "order of the cart" else {}
            self.buy(person, at, bought, place | cart_id)
        if choose.chance(30):
            self.written.cart(at + choose.one_of(SHORT + LONG), self.goods(), cart, **self.who(person), **place)
        if choose.chance(20):
            self.checkout(person, at + choose.one_of(SHORT + LONG), cart, place)

    def checkout(self, person: str, at: int, cart: str, place: dict[str, Any]) -> None:
        fields = {"session_id": "s", "cart_id": cart}
        self.written.add("web-sessions", "checkout.started", at, **self.who(person), **place, **fields)

    def visit(self, person: str, at: int) -> None:
        """A visit in which products are looked at, and perhaps put into a cart or bought."""
        choose, place, who = self.choose, self.place(), self.who(person)
        session = {"session_id": choose.one_of((self.fresh("v"), self.fresh("v"), f"v-{person}"))}
        device = {"device": choose.one_of(("desktop", "mobile", "app"))}
        origin = {"referrer": choose.one_of((None, "https://www.example.com", "https://example.org:8443"))}
        if choose.chance(70):
            self.written.add("web-sessions", "session.started", at, **who, **place, **session, **device, **origin)
        for _ in range(choose.up_to(3)):
            at += choose.one_of(SHORT[:6])
            viewed = {"product_id": choose.one_of(PRODUCTS)}
            named = choose.one_of((who, who, self.who(person)))
            self.written.add("web-sessions", "product.viewed", at, **named, **place, **session, **viewed)
        end = choose.one_of(("left", "left", "cart", "order", "till"))
        when = at + choose.one_of(SHORT)
        if end == "cart":
            self.written.cart(when, self.goods(), self.fresh("k"), **who, **place)
        elif end == "order":
            self.buy(person, when, self.goods(), place)
        elif end == "till":
            self.receipt(person, when, self.goods(), place)

    def purchase(self, person: str, at: int) -> None:
        """An order with what follows: change, cancellation, deliveries, returns; or a receipt."""
        if self.choose.chance(30):
            self.receipt(person, at, self.goods(), self.place())
        else:
            self.buy(person, at, self.goods(), self.place())

    def rhythm(self, person: str, at: int) -> None:
        """Some purchases in a row at a rhythm."""
        place, gap = self.place(), self.choose.one_of((10 * DAY, 5 * DAY, DAY, 20 * DAY))
        for number in range(self.choose.up_to(4, 2)):
            when = at + number * gap + self.choose.one_of((0, HOUR, DAY))
            if self.choose.chance(35):
                self.receipt(person, when, self.goods(), place)
            else:
                self.written.order(when, self.goods(), self.fresh("o"), **self.who(person, weak=False), **place)

    def buy(self, person: str, at: int, goods: dict[str, int], fields: dict[str, Any]) -> None:
        choose, order_id, who = self.choose, self.fresh("o"), self.who(person)
        place = {name: fields[name] for name in ("brand", "market")}
        price = choose.one_of(("10.00", "5.00"))
        channel = choose.one_of(("web", "app", "phone"))
        fields = fields | self.promise(at)
        self.written.order(at, goods, order_id, price, channel=channel, **who, **fields)
        if choose.chance(15):
            when = at + choose.one_of(SHORT + LONG[:5])
            self.written.of_order("shipped", when, order_id, **who, **place, **self.promise(when))
        if choose.chance(10):
            changed = [{**line, "line_id": f"n{n}"} for n, line in enumerate(_order_lines(self.goods()))]
            when = at + choose.one_of(SHORT + LONG)
            self.written.of_order("changed", when, order_id, lines=changed, currency="GBP", **who, **place)
        if choose.chance(10):
            self.written.of_order("cancelled", at + choose.one_of(SHORT + LONG), order_id, **who, **place)
        if choose.chance(55):
            for _ in range(choose.up_to(2, 1)):
                part = {} if choose.chance(60) else {"lines": [{"line_id": "l1", "quantity": 1}]}
                self.written.of_order("delivered", at + choose.one_of(LONG[:8]), order_id, **who, **place, **part)
        if choose.chance(45):
            self.give_back(at, order_id, goods, {**who, **place})

    def promise(self, at: int) -> dict[str, Any]:
        """Until when an order is promised, if it is."""
        choose = self.choose
        return {"promised_at": rfc3339(at + choose.one_of(LONG[:8]))} if choose.chance(35) else {}

    def give_back(self, bought: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> None:
        """A return of all or one of it, with or without the order's id, in up to three words."""
        choose, at, return_id = self.choose, bought, self.fresh("r")
        taken = goods if choose.chance(60) else {next(iter(goods)): 1}
        named = {"order_id": order_id} if choose.chance(60) else {}
        listed = [{"product_id": product, "quantity": quantity} for product, quantity in taken.items()]
        if named and choose.chance(40):
            listed = [{**line, "line_id": f"l{number}"} for number, line in enumerate(listed, start=1)]
        if choose.chance(40):
            listed = [{**line, "reason": choose.one_of(REASONS)} for line in listed]
        for _ in range(choose.one_of((1, 1, 2, 3))):
            at += choose.one_of(LONG + SHORT)
            kind = choose.one_of(("return.received", "return.requested", "refund.issued", "return.rejected"))
            self.written.back(at, None, return_id, kind, lines=listed, **fields, **named)

    def receipt(self, person: str, at: int, goods: dict[str, int], place: dict[str, Any]) -> None:
        choose = self.choose
        returned = choose.some_of(PRODUCTS, 1) if choose.chance(15) else ()
        sold = {} if returned and choose.chance(50) else goods
        status = choose.one_of(("voided", "training")) if choose.chance(3) else "completed"
        who = {"customer_id": None} if choose.chance(5) else self.who(person)
        number = self.written.count + 1
        self.written.receipt(at, sold, number, returned, status=status, **who, **place)

    def login(self, person: str, at: int) -> None:
        chosen = self.choose.some_of(IDENTIFIERS, 1)
        named = {name: self.identifiers(person)[name] for name in chosen}
        self.written.identified(at, person, **named, **self.place())

    def profile(self, person: str, at: int, place: dict[str, Any] | None = None) -> None:
        """What the CRM says; mostly consents and contact points for some channels."""
        choose, fields = self.choose, dict(place or self.place())
        if choose.chance(60):
            fields["registered_at"] = rfc3339(at - choose.one_of((0, HOUR, DAY, 3 * DAY)))
        if choose.chance(60):
            fields["birth_date"] = "1980-" + choose.one_of(BIRTHDAYS)
        for name, values in (("time_zone", ZONES), ("country", MARKETS), ("language", ("en", "de-AT", "fr"))):
            if choose.chance(25):
                fields[name] = choose.one_of(values)
        for name, values in PROFILE_DETAILS:
            if choose.chance(25):
                fields[name] = choose.one_of(values)
        if choose.chance(30):
            fields["loyalty_cards"] = [self.identifiers(person)["loyalty_card_id"]]
        reach = ("email", "push") if choose.chance(70) else choose.some_of(CHANNELS)
        record = self.written.profile(
            at, person, reach, kind=choose.one_of(("customer.registered", "customer.updated"))
        )
        record |= fields
        for point in record["contact_points"]:
            point["reachable"] = not choose.chance(8)
            if point["channel"] == "email" and choose.chance(30):
                point["hash"] = self.identifiers(person)["email_hash"]
        for consent in record["consents"]:
            if choose.chance(5):
                consent["status"] = "withdrawn"
            if (number := self.written.count % 8) < len(CONFIRMED_AFTER):
                consent["confirmed_at"] = rfc3339(at + CONFIRMED_AFTER[number])

    def word_of_channel(self, person: str, at: int) -> None:
        choose = self.choose
        statuses = ("delivered", "delivered", "bounced", "unsubscribed", "complained", "opened", "dropped")
        status = choose.one_of(statuses)
        soft = {"permanent": False} if status == "bounced" and choose.chance(30) else {}
        where = choose.one_of(CHANNELS[:2])
        self.written.feedback(at, status, where, **soft, **self.who(person), **self.place())

    def catalogue(self, product: str, at: int) -> None:
        accessories = self.choose.some_of([other for other in (*PRODUCTS, *EXTRAS) if other != product])
        fields = {"available": not self.choose.chance(15), "brand": self.choose.one_of(BRANDS)}
        if self.choose.chance(60):
            fields["category"] = self.choose.one_of(("covers", "tablets"))
        if self.choose.chance(30):
            fields["usual_days"] = self.choose.one_of((5, 10, 20))
        fields["prices"] = [
            {"market": market, "currency": currency, "amount": self.choose.one_of(("10.00", "9.00", "9.99", "5.00"))}
            for market, currency in (("GB", "GBP"), ("DE", "EUR"), ("DE", "GBP"), ("US", "USD"))
            if self.choose.chance(80)
        ]
        self.written.product(at, product, accessories, **fields)

    def wanted(self, person: str, at: int) -> None:
        """A product is looked at or wished for, changes, and is perhaps bought or looked at again."""
        choose, place, product = self.choose, self.place(), self.choose.one_of(PRODUCTS)
        fitting = [c for c in self.campaigns if c.occasion in ("price_drop", "back_in_stock")]
        if fitting and choose.chance(80):
            place["brand"] = choose.one_of(choose.one_of(fitting).brands)
        for _ in range(choose.up_to(3, 1)):
            who = self.who(person, weak=choose.chance(30))
            fields = {"session_id": "s", "product_id": product} | who | place
            if choose.chance(40):
                fields["listed"] = choose.chance(75)
                self.written.add("web-sessions", "product.wished", at, **fields)
            else:
                self.written.add("web-sessions", "product.viewed", at, **fields)
            if choose.chance(20):
                late = at + choose.one_of((2 * HOUR, DAY, 8 * DAY))
                self.written.sources["web-sessions"][-1]["arrived_at"] = rfc3339(late)
            for available in choose.one_of(((True,), (False, True), (True, False, True), (False,), ())):
                at += choose.one_of((*SHORT[1:], *LONG[:5]))
                self.catalogue(product, at)
                item = self.written.sources["catalog"][-1]
                item |= {"brand": place["brand"], "available": available or choose.chance(20)}
                if choose.chance(60):
                    cheap = choose.one_of(("5.00", "4.00", "9.00"))
                    item["prices"] = [{**price, "amount": cheap} for price in item["prices"]]
            at += choose.one_of(SHORT)
            if choose.chance(20):
                self.buy(person, at, {product: 1}, place)

    def aftermath(self, person: str, at: int) -> None:
        """Something that brings a message about, and what undoes it: soon after the message, or known too late."""
        choose, seldom = self.choose, [each for each in self.campaigns if each.occasion in OWN_WAY]
        campaign = choose.one_of(seldom if seldom and choose.chance(40) else self.campaigns)
        place = {"brand": choose.one_of(campaign.brands), "market": choose.one_of(MARKETS)}
        who, goods = {"customer_id": person}, {choose.one_of(PRODUCTS): 1}
        order_id, due = self.fresh("a"), at + choose.one_of(campaign.steps).after
        if campaign.occasion == "cart_abandoned":
            self.written.cart(at, goods, self.fresh("k"), **who, **place)
        elif campaign.occasion in ("review_request", "second_purchase"):
            self.written.order(at - HOUR, goods, order_id, **who, **place)
            self.written.of_order("delivered", at, order_id, **who, **place)
        elif campaign.occasion in BEGIN:
            due += BEGIN[campaign.occasion](self, at, order_id, goods, {**who, **place})
        elif campaign.occasion == "reactivation":
            self.written.order(at - 10 * DAY, goods, self.fresh("o"), **who, **place)
            self.written.order(at, goods, order_id, **who, **place)
            due += choose.one_of((10, 14, 15, 20)) * DAY
        elif campaign.occasion in ("complementary_offer", "replenishment"):
            self.written.order(at, goods, order_id, **who, **place)
        else:
            self.profile(person, at, place)
        hold = choose.one_of((0, 1, 30 * MINUTE, HOUR, DAY))
        when = due + hold + choose.one_of((-HOUR, 0, 1, MINUTE, 31 * MINUTE, HOUR - 1, HOUR, HOUR + 1, 20 * HOUR))
        if choose.chance(30):
            self.written.feedback(due + hold + choose.one_of((0, 1, MINUTE)), "delivered", "email", **who, **place)
        record = self._undoing(person, when, order_id, goods, place, campaign.occasion)
        if choose.chance(50):
            record["arrived_at"] = rfc3339(parse_ms(record["occurred_at"]) + choose.one_of(DELAYS_BEYOND))

    def _undoing(
        self, person: str, at: int, order_id: str, goods: dict[str, int], place: dict[str, Any], occasion: str
    ) -> dict[str, Any]:
        choose, who = self.choose, {"customer_id": person}
        ways = (
            "till",
            "till",
            "order",
            "return",
            "cancellation",
            "complaint",
            "consent",
            "erasure",
            "delivery",
            "refusal",
        )
        how = OWN_WAY[occasion] if occasion in OWN_WAY and choose.chance(50) else choose.one_of(ways)
        if how == "till":
            return self.written.receipt(at, goods, self.written.count, **who, **place)
        if how == "order":
            return self.written.order(at, goods, self.fresh("o"), **who, **place)
        if how == "return":
            return self.written.back(at, goods, self.fresh("r"), order_id=order_id, **who, **place)
        if how == "delivery":
            return self.written.of_order("delivered", at, order_id, **who, **place)
        if how == "refusal":
            return self.written.back(at, goods, f"r-{order_id}", "return.rejected", order_id=order_id, **who, **place)
        if how == "cancellation":
            return self.written.of_order("cancelled", at, order_id, **who, **place)
        if how == "erasure":
            return self.written.erased(at, person)
        channel = choose.one_of(CHANNELS[:2])
        if how == "complaint":
            return self.written.feedback(at, choose.one_of(WITHDRAWING), channel, **who, **place)
        return self.written.withdraw(at, channel, choose.one_of(("marketing", "review", "service")), **who, **place)

    def order_of_crm(self, person: str, at: int) -> None:
        """A merge or, rarely, an erasure. Each is merged away at most once, into one before him: chains, no circles."""
        before = self.people[: self.people.index(person)]
        if self.choose.chance(40) or person in self.merged or not before:
            self.written.erased(at, person)
        else:
            self.merged.add(person)
            self.written.merged(at, person, self.choose.one_of(before))

    def taken_away(self, person: str, at: int) -> None:
        """An identifier is unlinked, from him or in vain: used, linked, merged and erased about it, some of it late."""
        choose, name, place = self.choose, self.choose.one_of(IDENTIFIERS), self.place()
        own, other, begun = {name: self.identifiers(person)[name]}, choose.one_of(self.people), at
        told = {"customer_id": person, "identifier": name, "value": own[name]}
        if choose.chance(85):
            self.written.identified(at, person, **own, **place)
        for _ in range(choose.up_to(7, 2)):
            at += choose.one_of(SHORT)
            what = choose.one_of(
                ("use", "use", "use", "link", "link", "unlink", "unlink", "crm", "late", "late", "erase")
            )
            if what in ("use", "late"):
                record = self.written.cart(at, self.goods(), self.fresh("k"), **own, **place)
            elif what == "link":
                record = self.written.identified(at, choose.one_of((person, other)), **own, **place)
            elif what == "unlink":
                record = self.written.add("customers", "customer.unlinked", at, **told, **place)
                if choose.chance(25):
                    record["customer_id"] = other
            elif what == "crm":
                self.order_of_crm(choose.one_of((person, other)), at)
            else:
                self.written.erased(at, choose.one_of((person, other)))
            if what == "late" or (what in ("link", "unlink") and choose.chance(25)):
                happened = begun + choose.up_to(max(at - begun, 1))
                record |= {"occurred_at": rfc3339(happened), "arrived_at": rfc3339(at + choose.one_of(SHORT))}

    def tell(self, scenes: int) -> None:
        """Write the catalogue, the profiles, and so many scenes."""
        choose = self.choose
        for name in BRANDS:
            for product in (*PRODUCTS, *EXTRAS):
                if choose.chance(75):
                    self.catalogue(product, self.start - DAY)
                    self.written.sources["catalog"][-1]["brand"] = name
            for person in self.people:
                if choose.chance(80):
                    place = {"brand": name, "market": choose.one_of(MARKETS)}
                    self.profile(person, self.start + choose.one_of((0, 0, DAY, 20 * DAY)), place)
        usual = (
            self.shopping,
            self.shopping,
            self.purchase,
            self.purchase,
            self.rhythm,
            self.wanted,
            self.visit,
            self.visit,
            self.aftermath,
            self.aftermath,
        )
        rare = (self.profile, self.login, self.word_of_channel, self.word_of_channel, self.order_of_crm)
        for _ in range(scenes):
            scene = choose.one_of(rare if choose.chance(25) else usual)
            scene(choose.one_of(self.people), self.moment())
        for _ in range(choose.up_to(5)):
            self.catalogue(choose.one_of(PRODUCTS), self.moment())
        for _ in range(choose.up_to(4) - 2):
            self.taken_away(choose.one_of(self.people), self.moment())


def _begin_browsing(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    for product in goods:
        viewed = {"session_id": story.fresh("v"), "product_id": product}
        story.written.add("web-sessions", "product.viewed", at, **viewed, **fields)
    return 0


def _begin_checkout(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    cart = {"cart_id": story.fresh("k")}
    story.written.cart(at, goods, **cart, **fields)
    story.written.add("web-sessions", "checkout.started", at, session_id="s", **cart, **fields)
    return 0


def _begin_return(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    story.written.order(at - DAY, goods, order_id, **fields)
    story.written.back(at, goods, f"r-{order_id}", "return.received", order_id=order_id, **fields)
    return 0


def _begin_delivery(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    story.written.order(at - DAY, goods, order_id, promised_at=rfc3339(at), **fields)
    return 0


def _begin_row(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    for number, day in enumerate((2, 1)):
        story.written.order(at - day * DAY, goods, f"{order_id}-{number}", **fields)
    story.written.order(at, goods, order_id, **fields)
    return story.choose.one_of((-DAY, 0))


def _begin_anniversary(story: Story, at: int, order_id: str, goods: dict[str, int], fields: dict[str, Any]) -> int:
    begun = story.choose.one_of((365, 366, 365 - 7, 364)) * DAY
    story.written.order(at - begun, goods, f"{order_id}-first", **fields)
    story.written.profile(at - begun, registered_at=rfc3339(at - begun), **fields)
    return 0


BEGIN: dict[str, Callable[[Story, int, str, dict[str, int], dict[str, Any]], int]] = {
    "product_browsed": _begin_browsing,
    "checkout_abandoned": _begin_checkout,
    "after_return": _begin_return,
    "delivery_late": _begin_delivery,
    "channel_shift": _begin_row,
    "anniversary": _begin_anniversary,
}
"""What brings a message of these occasions about; returns by how much later than ``at`` its steps count."""


def _order_lines(goods: dict[str, int]) -> list[dict[str, Any]]:
    return [{"product_id": product, "quantity": n, "unit_price": "10.00"} for product, n in goods.items()]
