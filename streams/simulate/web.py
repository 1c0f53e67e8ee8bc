"""Web and app visits: a cookie browses, fills carts, leaves or orders them, and has a customer only after a login."""

from __future__ import annotations

from random import Random
from typing import Any

from streams.replay.history import Line
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.people import Person
from streams.simulate.plans import Visit
from streams.simulate.rates import HOUR_MS, MINUTE_MS, SECOND_MS
from streams.simulate.world import World

Step = tuple[str, Event]
"""An event's type and its own fields."""
PAGES = ("/", "/new", "/sale", "/delivery", "/about", "/gifts", "/account")
QUERIES = ("gift", "christmas", "lunch bag", "cake stand", "candle", "garden", "retro", "vintage")
REFERRERS = (None, None, "https://www.google.com", "https://www.bing.com", "https://newsletter.example.com")
DEVICES = {"web": ("desktop", "desktop", "mobile", "mobile", "tablet"), "app": ("app",)}
PRODUCT_PAGES_MAX = 4
CART_UPDATES_MAX = 3
LOGIN = "customer.identified"


class Shop:
    """Plays visits: gives their steps times, and each event the identifiers that the shop knows at that moment."""

    def __init__(self, world: World, feed: Feed) -> None:
        self.world = world
        self.feed = feed

    def play(self, random: Random, session_id: str, market: str, end: int, ids: Event, steps: list[Step]) -> list[int]:
        """Write the steps so that the last comes at ``end``; returns their times.

        A login step gives its ``customer_id`` to itself and all later steps.
        """
        times = [end]
        for _ in steps[1:]:
            times.append(times[-1] - random.randrange(4 * SECOND_MS, 2 * MINUTE_MS))
        times.reverse()
        base: Event = {"market": market, "session_id": session_id, **ids}
        for number, ((kind, fields), at) in enumerate(zip(steps, times, strict=True), 1):
            if kind == LOGIN:
                base = {**base, **fields}
            self.feed.add("web-sessions", f"{session_id}-{number}", kind, at, {**base, **fields})
        return times

    def start(self, random: Random, app: bool = False) -> Step:
        """The first step of a visit."""
        fields: Event = {"device": random.choice(DEVICES["app" if app else "web"])}
        if referrer := random.choice(REFERRERS):
            fields["referrer"] = referrer
        return "session.started", fields

    def browse(self, random: Random, lines: tuple[Line, ...]) -> list[Step]:
        """Pages, a search, and the pages of some products."""
        steps: list[Step] = [("page.viewed", {"page": random.choice(PAGES)}) for _ in range(random.randint(0, 1))]
        if random.random() < 0.25:
            steps.append(("search.performed", {"query": random.choice(QUERIES), "results": random.randint(0, 80)}))
        seen = lines[:PRODUCT_PAGES_MAX] if random.random() < 0.6 else lines[:1]
        return steps + [("product.viewed", {"product_id": line.product_id}) for line in seen]

    def fill(self, random: Random, cart_id: str, lines: tuple[Line, ...], held: int) -> list[Step]:
        """The cart as it grows from ``held`` lines to all of them."""
        left = len(lines) - held
        updates = random.randint(1, min(CART_UPDATES_MAX, left)) if left else 0
        sizes = sorted({held + left * part // updates for part in range(1, updates + 1)})
        return [("cart.updated", self.cart(cart_id, lines[:size])) for size in sizes]

    def cart(self, cart_id: str, lines: tuple[Line, ...]) -> Event:
        """The fields of ``cart.updated``."""
        wire = [
            {"product_id": code, "quantity": quantity, "unit_price": self.world.amount(price)}
            for code, quantity, price in lines
        ]
        return {"cart_id": cart_id, "currency": self.world.currency, "lines": wire}


class Browser:
    """One customer's visits in order of time, with the cookie of the moment and whether it has logged in."""

    def __init__(self, shop: Shop, person: Person) -> None:
        self.shop = shop
        self.person = person
        self.cookie = person.new_cookie()
        self.known_at: dict[str, int] = {}
        """Cookie -> when a login or an order said whose it is."""
        self.logged_in = False

    def visit(self, visit: Visit) -> Event | None:
        """Play one visit; returns the truth about its cart when it is abandoned."""
        random, person = self.person.random, self.person
        if random.random() < rates.NEW_COOKIE:
            self.cookie, self.logged_in = person.new_cookie(), False
        ids: Event = {"anonymous_id": self.cookie, **({"device_id": person.device_id} if visit.app else {})}
        if self.logged_in and random.random() < rates.LOGGED_IN_VISIT:
            ids["customer_id"] = person.customer_id
        steps = self._steps(visit)
        times = self.shop.play(random, person.new_session(), visit.market, visit.end, ids, steps)
        for (kind, _), at in zip(steps, times, strict=True):
            if kind == LOGIN:
                self.logged_in = True
                self.known_at.setdefault(self.cookie, at)
        if visit.plan is not None and person.logs_in:
            visit.plan.anonymous_id = self.cookie
            self.known_at.setdefault(self.cookie, visit.end)
        return self._abandoned(visit, steps, times) if visit.abandoned else None

    def _steps(self, visit: Visit) -> list[Step]:
        """The visit from its start; a login comes at the start, at the checkout, or after the cart was left."""
        random, shop = self.person.random, self.shop
        steps = [shop.start(random, visit.app), *shop.browse(random, visit.lines[visit.held :] or visit.lines)]
        login: Step = (LOGIN, {"customer_id": self.person.customer_id})
        may_log_in = self.person.logs_in and not self.logged_in
        dice = random.random()
        if may_log_in and dice < rates.LOGIN_AT_START:
            steps.insert(random.randint(1, len(steps)), login)
            may_log_in = False
        if visit.cart_id:
            steps += shop.fill(random, visit.cart_id, visit.lines, visit.held)
            if visit.plan is not None or random.random() < 0.3:
                steps.append(("checkout.started", {"cart_id": visit.cart_id}))
            after = rates.LOGIN_AT_CHECKOUT if visit.plan is not None else rates.LOGIN_AFTER_CART
            if may_log_in and random.random() < after:
                steps.append(login)
        if random.random() < 0.4:
            steps.append(("session.ended", {}))
        return steps

    def _abandoned(self, visit: Visit, steps: list[Step], times: list[int]) -> Event:
        """What tests may know of an abandoned cart; whose cookie it was is filled in when all visits are played."""
        abandoned = visit.abandoned
        assert abandoned is not None
        last = max(at for (kind, _), at in zip(steps, times, strict=True) if kind == "cart.updated")
        return self.shop.feed.tell(
            "abandoned_cart",
            cart_id=visit.cart_id,
            customer_id=self.person.customer_id,
            anonymous_id=self.cookie,
            last_update_at=last,
            products=[line.product_id for line in visit.lines],
            outcome=abandoned.outcome,
            order_id=abandoned.order_id,
            cookie_known_at=None,
        )


def browse_as(shop: Shop, person: Person, visits: list[Visit]) -> None:
    """Play all visits of a customer, and complete the truth: since when each cookie is known as his."""
    browser = Browser(shop, person)
    left: list[tuple[Visit, dict[str, Any]]] = []
    for visit in visits:
        truth = browser.visit(visit)
        if truth is not None:
            left.append((visit, truth))
    for visit, truth in left:
        truth["cookie_known_at"] = browser.known_at.get(truth["anonymous_id"])
        if visit.abandoned is not None and visit.abandoned.till is not None:
            visit.abandoned.till.truth = truth


def anonymous_visitors(shop: Shop, customers: int) -> None:
    """Visitors who never say who they are; some leave carts."""
    world = shop.world
    random = world.random("anonymous")
    for number in range(1, round(customers * rates.ANONYMOUS_VISITORS_PER_CUSTOMER) + 1):
        session, lines = f"visit-unknown-{number}", world.basket(random, random.randint(1, 3))
        steps = [shop.start(random), *shop.browse(random, lines)]
        if random.random() < rates.ANONYMOUS_CART:
            steps += shop.fill(random, f"cart-unknown-{number}", lines, 0)
        end = random.randrange(world.start, world.end)
        shop.play(random, session, "GB", end, {"anonymous_id": f"cookie-unknown-{number}"}, steps)


def shared_tablets(shop: Shop, people: list[Person]) -> None:
    """Two customers use one tablet in turn: its cookie follows the latest login, and merges nobody."""
    world = shop.world
    random = world.random("tablets")
    for number in range(1, round(len(people) * rates.SHARED_TABLETS_PER_CUSTOMER) + 1):
        pair = random.sample(people, 2)
        cookie, at = f"cookie-tablet-{number}", random.randrange(world.start, world.end)
        shop.feed.tell("shared_tablet", anonymous_id=cookie, customers=[person.customer_id for person in pair])
        for turn in range(4):
            person = pair[turn % 2]
            lines = world.basket(random, 2, without=person.bought)
            steps = [shop.start(random), (LOGIN, {"customer_id": person.customer_id}), *shop.browse(random, lines)]
            if lines and turn == 3:
                steps += shop.fill(random, person.new_cart(), lines, 0)
            end = at + turn * random.randrange(HOUR_MS, 20 * HOUR_MS)
            shop.play(random, f"visit-tablet-{number}-{turn + 1}", person.market, end, {"anonymous_id": cookie}, steps)
