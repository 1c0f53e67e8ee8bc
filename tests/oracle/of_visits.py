"""Section "Occasions", on the web: what was looked at, checkouts, and visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlparse

from tests.oracle.carts import Cart, bought_since
from tests.oracle.customer import Items, Send
from tests.oracle.history import Event
from tests.oracle.occasions import CartAbandoned, Occasion, Verdict
from tests.oracle.of_dates import is_in_segment
from tests.oracle.purchases import Purchase


class CheckoutAbandoned(CartAbandoned):
    """A cart whose checkout was entered while it held lines."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is not None and event.type == "checkout.started" and event.brand == self.brand:
            cart = self.facts.cart(self.brand, event.record["cart_id"])
            if not cart.ended:
                yield from self._armed(event.record["cart_id"], cart, event.at)
        else:
            yield from super().armed(event)

    def _armed(self, cart_id: str, cart: Cart, at: int) -> Iterator[tuple[str, int]]:
        entered = self._entered(cart_id, cart)
        if entered is not None and cart.last_at is not None:
            yield self._round(cart_id, cart, entered), max(entered, cart.last_at)

    def _entered(self, cart_id: str, cart: Cart) -> int | None:
        """When the checkout of a cart that holds lines was last entered."""
        entered = [
            event.at
            for event in self.facts.events
            if event.type == "checkout.started" and (event.brand, event.record["cart_id"]) == (self.brand, cart_id)
        ]
        last = max(entered, default=None)
        return None if cart.ended or last is None or last < cart.start else last

    def anchor(self, episode: str) -> int | None:
        if (self.brand, self.campaign.id, episode.split("#")[0]) not in self.customer.rounds:
            return None
        cart = self._cart(episode)
        entered = None if cart is None else self._entered(episode.split("#")[0], cart)
        return None if cart is None or cart.last_at is None or entered is None else max(entered, cart.last_at)


class ProductBrowsed(Occasion):
    """What was looked at in a visit, and neither bought nor put into a cart."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        views = [e for e in self.facts.events if e.type == "product.viewed" and e.brand == self.brand]
        if event is not None:
            views = [event] if event in views else []
        for session in dict.fromkeys(str(view.record["session_id"]) for view in views):
            anchor = self.anchor(session)
            if anchor is not None:
                yield session, anchor

    def _products(self, session: str) -> dict[str, list[Event]]:
        """Views by product, of the products whose last view is in the session."""
        views: dict[str, list[Event]] = {}
        for event in self.facts.events:
            if event.type == "product.viewed" and event.brand == self.brand:
                views.setdefault(event.record["product_id"], []).append(event)
        lasts = {product: max((e.at, e.record["session_id"]) for e in of) for product, of in views.items()}
        return {product: of for product, of in views.items() if lasts[product][1] == session}

    def anchor(self, episode: str) -> int | None:
        return max((event.at for of in self._products(episode).values() for event in of), default=None)

    def against(self, episode: str) -> Verdict | None:
        wanted = {p for p, of in self._products(episode).items() if len(of) >= self.options.min_views}
        if not wanted:
            return None
        since = (self.anchor(episode) or 0) - self.options.left_out_for
        purchases = [p for p in self.facts.purchases.values() if p.brand == self.brand and not p.cancelled]
        bought = [p for p in purchases if p.at >= since and any(map(p.quantity_of, wanted))]
        left = {p for p in wanted if not any(each.quantity_of(p) for each in bought)} - self._in_carts(since)
        if left:
            return Items(dict.fromkeys(left, 1), since, dict.fromkeys(left, 1))
        return max(bought, key=lambda p: (p.at, p.id)).bought_reason if bought else "in_cart"

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        items, purchases = send.candidate.items, self.facts.purchases.values()
        if purchase is None or purchase.at < items.cart_start or not any(map(purchase.quantity_of, items.quantities)):
            return None
        missing = [p for p in items.quantities if not bought_since(purchases, self.brand, items.cart_start, p)]
        return None if missing else purchase.bought_reason

    def _in_carts(self, since: int) -> set[str]:
        ids = {e.record["cart_id"] for e in self.facts.events if e.type == "cart.updated" and e.brand == self.brand}
        carts = [self.facts.cart(self.brand, cart_id) for cart_id in ids]
        held = [cart for cart in carts if not cart.ended and cart.last_at is not None and cart.last_at >= since]
        return {line["product_id"] for cart in held for line in cart.lines}


class ReturningSession(Occasion):
    """Another visit."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        for session, at in self._sessions().items():
            if event is None or (
                (event.type, event.brand) == ("session.started", self.brand) and event.record["session_id"] == session
            ):
                yield session, at

    def _began(self) -> list[Event]:
        return visits_of(self.facts.events, self.brand)

    def _sessions(self) -> dict[str, int]:
        """Sessions of the brand with their first beginnings, in the order of time."""
        return {event.record["session_id"]: event.at for event in self._began()}

    def anchor(self, episode: str) -> int | None:
        return self._sessions().get(episode)

    def against(self, episode: str) -> Verdict | None:
        sessions, options = self._sessions(), self.options
        number = list(sessions).index(episode) + 1
        event = next(e for e in self._began() if e.record["session_id"] == episode)
        if not options.visits_min <= number <= (options.visits_max or number):
            return None
        if number > 1 and sessions[episode] - list(sessions.values())[number - 2] < options.away_for:
            return None
        if options.devices and _device(event) not in options.devices:
            return None
        host = _host(event)
        wanted = ["" if origin == "direct" else origin for origin in options.origins]
        if wanted and not any(host == origin or (origin and host.endswith(f".{origin}")) for origin in wanted):
            return None
        return Items() if is_in_segment(self, options.segment) else None


def visits_of(events: Iterable[Event], brand: str) -> list[Event]:
    """The beginning of each visit to a brand, in the order of time."""
    began = [e for e in events if e.type == "session.started" and e.brand == brand]
    first: dict[str, Event] = {}
    for event in sorted(began, key=lambda e: (e.at, e.record["session_id"], _device(e), _host(e))):
        first.setdefault(event.record["session_id"], event)
    return list(first.values())


def _device(event: Event) -> str:
    return str(event.record.get("device", "other"))


def _host(event: Event) -> str:
    return urlparse(event.record.get("referrer") or "").hostname or ""
