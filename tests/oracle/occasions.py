"""Section "Occasions": which episodes an event arms, what their steps count from, and what speaks against a step.

Each occasion has ``armed(...)``: the episodes with their anchors that an event brings, and ``anchor(...)`` and
``against(...)``, asked when a step pops or is released: the anchor as it is now (None: the episode ends without a
record), and then a reason to suppress it, the items it is about, or None: it ends after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from schemas.campaigns import Campaign
from schemas.lifecycle import Segment
from tests.oracle.calendars import birthday_in, instant, utc_date
from tests.oracle.carts import Cart, open_lines
from tests.oracle.customer import Customer, Facts, Items, Key, Send, World
from tests.oracle.history import DAY_MS, PROFILE_TYPES, Event
from tests.oracle.lifecycle import Life, late_after, purchase_days
from tests.oracle.purchases import Purchase, changes_purchases

REMEMBERED_MS = 125 * DAY_MS
"""How long the lines of a purchase are remembered."""
Verdict = str | Items
"""A reason to suppress the step, or the items of the message."""


class Occasion:
    """One campaign's occasion for one customer and brand at a time ``now``."""

    def __init__(self, world: World, campaign: Campaign, brand: str, customer: Customer, now: int) -> None:
        self.world, self.campaign, self.brand, self.customer, self.now = world, campaign, brand, customer, now
        self.facts: Facts = customer.facts
        self.options = world.options_of(campaign)

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        raise NotImplementedError

    def anchor(self, episode: str) -> int | None:
        raise NotImplementedError

    def against(self, episode: str) -> Verdict | None:
        return Items()

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        """Why an event undoes a send; ``purchase``: the one of the brand that the event is, if any."""
        return None


class CartAbandoned(Occasion):
    """A cart that was left: reminds of what is still open in it."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        """An update arms its cart; a merge all that go on, as if their last updates had become known with it."""
        if event is None:
            updates = [e for e in self.facts.events if e.type == "cart.updated" and e.brand == self.brand]
            for cart_id in dict.fromkeys(e.record["cart_id"] for e in updates):
                cart = self.facts.cart(self.brand, cart_id)
                if not cart.ended and cart.last_at is not None:
                    yield from self._armed(cart_id, cart, cart.last_at)
        elif event.type == "cart.updated" and event.brand == self.brand and event.record["lines"]:
            cart = self.facts.cart(self.brand, event.record["cart_id"])
            if not cart.ignores(event.at):
                yield from self._armed(event.record["cart_id"], cart, event.at)

    def _armed(self, cart_id: str, cart: Cart, at: int) -> Iterator[tuple[str, int]]:
        """What an update at that time arms."""
        episode = self._round(cart_id, cart, at)
        if not cart.ended and cart.last_at is not None:
            yield episode, cart.last_at

    def _round(self, cart_id: str, cart: Cart, at: int) -> str:
        """The episode of the round that an update belongs to."""
        place = (self.brand, self.campaign.id, cart_id)
        number = self.customer.rounds.get(place, 1)
        number += self._begins_anew(self.episode(cart_id, number), cart, at)
        self.customer.rounds[place] = number
        return self.episode(cart_id, number)

    def _begins_anew(self, episode: str, cart: Cart, at: int) -> bool:
        decided = [
            time
            for key, time in self.customer.decided.items()
            if (key.brand, key.campaign, key.episode) == (self.brand, self.campaign.id, episode)
        ]
        if not decided:
            return False
        ended_since = any(end > max(decided) for end in cart.ends)
        return ended_since or at >= max(decided) + self.options.rearm_after

    @staticmethod
    def episode(cart_id: str, number: int) -> str:
        return cart_id if number == 1 else f"{cart_id}#{number}"

    def _cart(self, episode: str) -> Cart | None:
        """The cart of an episode, unless it ended or a later round took over."""
        cart_id = episode.split("#")[0]
        if episode != self.episode(cart_id, self.customer.rounds[self.brand, self.campaign.id, cart_id]):
            return None
        cart = self.facts.cart(self.brand, cart_id)
        return None if cart.ended else cart

    def anchor(self, episode: str) -> int | None:
        cart = self._cart(episode)
        return cart.last_at if cart else None

    def against(self, episode: str) -> Verdict:
        cart = self._cart(episode)
        assert cart is not None
        lines = open_lines(cart, self.facts.purchases.values(), self.brand)
        products = {line["product_id"] for line in cart.lines}
        if not lines:
            bought = [
                purchase
                for purchase in self.facts.purchases.values()
                if purchase.brand == self.brand and not purchase.cancelled and purchase.at >= cart.start
                if any(purchase.quantity_of(product) for product in products)
            ]
            return max(bought, key=lambda purchase: (purchase.at, purchase.id)).bought_reason
        worth = sum((quantity * price for _, quantity, price in lines), Decimal(0))
        if self.options.min_value is not None and worth < Decimal(self.options.min_value):
            return "below_min_value"
        still_open: dict[str, int] = {}
        for product, quantity, _ in lines:
            still_open[product] = still_open.get(product, 0) + quantity
        held = {
            product: sum(line["quantity"] for line in cart.lines if line["product_id"] == product)
            for product in still_open
        }
        return Items(still_open, cart.start, held)


class ReviewRequest(Occasion):
    """An order that arrived: asks how its delivered and kept lines are."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is None:
            order_ids = list(self.facts.purchases)
        else:
            order_ids = [event.record["order_id"]] if event.type in ("order.placed", "order.delivered") else []
        for order_id in order_ids:
            purchase, anchor = self.facts.purchases.get(order_id), self.anchor(order_id)
            if purchase is not None and anchor is not None and purchase.brand == self.brand:
                yield order_id, anchor

    def _deliveries(self, order_id: str) -> list[Event]:
        return [e for e in self.facts.events if e.type == "order.delivered" and e.record["order_id"] == order_id]

    def anchor(self, episode: str) -> int | None:
        return max((event.at for event in self._deliveries(episode)), default=None)

    def against(self, episode: str) -> Verdict:
        purchase = self.facts.purchases[episode]
        quantities: dict[str, int] = {}
        for line in purchase.lines if not purchase.cancelled else ():
            delivered = 0
            for event in self._deliveries(episode):
                parts = event.record.get("lines", ())
                matching = sum(part["quantity"] for part in parts if part["line_id"] == line.line_id)
                delivered += matching if parts else line.quantity
            quantity = min(delivered, line.kept)
            if quantity > 0:
                quantities[line.product] = quantities.get(line.product, 0) + quantity
        return Items(quantities) if quantities else "returned"


class SecondPurchase(Occasion):
    """The first purchase that was kept: offers what goes with it."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        kept = self.facts.kept_purchases(self.brand) if (event is None or changes_purchases(event)) else []
        if kept:
            yield kept[0].id, kept[0].at

    def anchor(self, episode: str) -> int | None:
        return self.facts.purchases[episode].at

    def against(self, episode: str) -> Verdict:
        purchase = self.facts.purchases[episode]
        if not purchase.is_kept:
            return "returned"
        if len(self.facts.kept_purchases(self.brand)) > 1:
            return "bought_again"
        if self.now > purchase.at + self.options.window:
            return "window_over"
        accessory = self._accessory(purchase)
        return Items({accessory: 1}) if accessory else "no_accessory"

    def _accessory(self, purchase: Purchase) -> str | None:
        bought = [p for p in self.facts.purchases.values() if p.brand == self.brand and not p.cancelled]
        owned = {line.product for p in bought if p.at >= self.now - REMEMBERED_MS for line in p.lines}
        kept = [line for line in purchase.lines if line.kept > 0]
        for line in sorted(kept, key=lambda line: (-line.kept * line.unit_price, line.product)):
            item = self.world.catalogue.get((self.brand, line.product), {})
            for accessory in item.get("accessories", ()):
                offered = self.world.catalogue.get((self.brand, accessory))
                if offered and offered.get("available", True) and accessory not in owned:
                    return str(accessory)
        return None


class Reactivation(Occasion):
    """A customer who is late by his own rhythm over all channels."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if (event is None or changes_purchases(event)) and self.customer.is_known:
            yield from self._anchors().items()

    def anchor(self, episode: str) -> int | None:
        return self._anchors().get(episode)

    def against(self, episode: str) -> Verdict:
        latest = self.facts.kept_purchases(self.brand)[-1]
        return Items() if episode == self._episode(latest.at) else "bought_in_store"

    def _episode(self, at: int) -> str:
        return f"{self.customer.name}/{utc_date(at).isoformat()}"

    def _anchors(self) -> dict[str, int]:
        """Ends of the threshold by episode: of the latest kept online purchase, and of the latest of all."""
        kept = self.facts.kept_purchases(self.brand)
        days = purchase_days(kept)
        threshold = late_after(days, self.options) if days else None
        if threshold is None:
            return {}
        online = purchase_days([purchase for purchase in kept if purchase.channel != "store"])
        # Of the same day both are one episode, which counts from the first purchase of all.
        return {self._episode(at): at + threshold for at in (*online[-1:], days[-1])}


class Welcome(Occasion):
    """A registration with the brand."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is None or (event.type in PROFILE_TYPES and event.brand == self.brand):
            at = self.facts.profile.registered_at(self.brand)
            if at is not None:
                yield self._episode(at), at

    def _episode(self, at: int) -> str:
        return f"{self.customer.name}/{utc_date(at).isoformat()}"

    def anchor(self, episode: str) -> int | None:
        at = self.facts.profile.registered_at(self.brand)
        return at if at is not None and self._episode(at) == episode else None


class Birthday(Occasion):
    """A birthday, in the customer's own zone."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is None or event.type in PROFILE_TYPES:
            yield from self.next_one()

    def next_one(self) -> Iterator[tuple[str, int]]:
        """The next birthday whose message is due from now on and not decided yet."""
        birth = self.facts.profile.birth_date
        if birth is None or self.brand not in self.facts.profile.registered_brands():
            return
        for year in range(utc_date(self.now).year - 2, utc_date(self.now).year + 9):
            day = birthday_in(year, birth, self.options.leap_day)
            episode = f"{self.customer.name}/{day.isoformat()}"
            anchor = self.anchor(episode)
            key = Key(self.campaign.id, episode, 1, self.brand)
            is_past = anchor is None or anchor + self.campaign.steps[0].after < self.now
            if anchor is not None and not is_past and not self.customer.is_settled(key):
                yield episode, anchor
                return

    def anchor(self, episode: str) -> int | None:
        profile = self.facts.profile
        name, _, text = episode.rpartition("/")
        birth = profile.birth_date
        if birth is None or name != self.customer.name:
            return None
        day = birthday_in(int(text[:4]), birth, self.options.leap_day)
        if day.isoformat() != text:
            return None
        zone = profile.zone(self.brand, self.world.brands.get(self.brand)) or "UTC"
        return instant(day - timedelta(days=self.options.lead_days), self.options.local_time, zone)


class SegmentChanged(Occasion):
    """A customer who has entered a segment, or left it. What was seen last is noted with the customer."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        looked = (
            event is None or event.type in PROFILE_TYPES or (event.brand == self.brand and changes_purchases(event))
        )
        segment, life = self._segment(), self._life()
        if not looked or segment is None or life is None or not self.customer.is_known:
            return
        place, inside = (self.brand, segment.id), life.is_in(segment, self.now)
        if inside != self.seen(segment.id)[1]:
            self.customer.segments[place] = (self.now, inside)
        since, inside = self.seen(segment.id)
        if since is not None and inside == self.wants_inside:
            yield self._episode(since), since
        moment = life.next_change(segment, self.now)
        if moment is not None:
            yield f"{self.customer.name}/look", moment - self.campaign.steps[0].after

    @property
    def wants_inside(self) -> bool:
        return bool(self.options.change == "entered")

    def seen(self, segment: str) -> tuple[int | None, bool]:
        """When the customer last entered or left, and whether he is inside, as it was seen last."""
        return self.customer.segments.get((self.brand, segment), (None, False))

    def is_inside(self) -> bool | None:
        """Whether the customer is in the segment now; None: it is not defined."""
        segment, life = self._segment(), self._life()
        return None if segment is None or life is None else life.is_in(segment, self.now)

    def anchor(self, episode: str) -> int | None:
        since, inside = self.seen(self.options.segment)
        stands = inside == self.wants_inside and self.is_inside() == inside
        return since if since is not None and stands and episode == self._episode(since) else None

    def _episode(self, at: int) -> str:
        return f"{self.customer.name}/{utc_date(at).isoformat()}"

    def _segment(self) -> Segment | None:
        rules = self.world.brands.get(self.brand)
        return next((s for s in rules.segments if s.id == self.options.segment), None) if rules else None

    def _life(self) -> Life | None:
        rules = self.world.brands.get(self.brand)
        return Life(self.facts, rules) if rules else None


OCCASIONS: dict[str, type[Occasion]] = {
    "cart_abandoned": CartAbandoned,
    "review_request": ReviewRequest,
    "second_purchase": SecondPurchase,
    "reactivation": Reactivation,
    "welcome": Welcome,
    "birthday": Birthday,
    "segment_changed": SegmentChanged,
}
