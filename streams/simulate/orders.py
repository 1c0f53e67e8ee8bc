"""Orders on the wire: placed, changed, cancelled when made twice, shipped and delivered, as a whole or in parts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from streams.replay.history import Line, Order
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.people import Person
from streams.simulate.plans import OrderPlan
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS
from streams.simulate.world import HOME_MARKET, World

SOURCE = "orders"


@dataclass
class Delivered:
    """An order with its last delivery; None: never delivered."""

    order: Order
    at: int | None


class OrderDesk:
    """Writes the life of orders."""

    def __init__(self, world: World, feed: Feed) -> None:
        self.world = world
        self.feed = feed

    def customer_order(self, person: Person, plan: OrderPlan) -> Delivered:
        """An order of a known customer, from placing to delivery."""
        random, order = person.random, plan.order
        ids = self._ids(person, plan)
        extra: Event = {"cart_id": plan.cart_id} if plan.cart_id else {}
        if random.random() < rates.CHANGED:
            self._place(order, plan.channel, {**ids, **extra}, _doubled(order.lines))
            changed = {**ids, "order_id": order.order_id, "lines": self.lines(order.lines)}
            self._write(order, "order.changed", order.at + random.randrange(5 * MINUTE_MS, HOUR_MS), changed)
        else:
            self._place(order, plan.channel, {**ids, **extra}, order.lines)
        if random.random() < rates.ORDERED_TWICE:
            self._ordered_twice(random, order, plan.channel, ids)
        return Delivered(order, self._deliver(random, order, ids))

    def guest_order(self, random: Random, order: Order) -> None:
        """An order that names nobody."""
        self._place(order, "web", {}, order.lines)
        self._deliver(random, order, {})

    def lines(self, lines: tuple[Line, ...]) -> list[Event]:
        """Order lines as the wire carries them, numbered from 1."""
        amount = self.world.amount
        return [
            {"line_id": str(number), "product_id": code, "quantity": quantity, "unit_price": amount(price)}
            for number, (code, quantity, price) in enumerate(lines, 1)
        ]

    def _ids(self, person: Person, plan: OrderPlan) -> Event:
        """Who ordered: a marketplace knows the address only; the app tells its device, the web shop its cookie."""
        if plan.channel == "marketplace":
            return {"email_hash": person.email_hash}
        ids: Event = {"customer_id": person.customer_id}
        if plan.anonymous_id:
            ids["anonymous_id"] = plan.anonymous_id
        if plan.channel == "app":
            ids["device_id"] = person.device_id
        return ids

    def _place(self, order: Order, channel: str, fields: Event, lines: tuple[Line, ...]) -> None:
        total = sum(line.quantity * line.unit_price for line in lines)
        placed = {
            **fields,
            "order_id": order.order_id,
            "channel": channel,
            "currency": self.world.currency,
            "lines": self.lines(lines),
            "total": self.world.amount(total),
        }
        self._write(order, "order.placed", order.at, placed)

    def _write(self, order: Order, kind: str, at: int, fields: Event, part: int = 0) -> None:
        order_id = fields["order_id"]
        event_id = f"order-{order_id}-{kind.removeprefix('order.')}" + (f"-{part}" if part else "")
        if kind == "order.changed":
            fields = {**fields, "currency": self.world.currency}
        self.feed.add(SOURCE, event_id, kind, at, {"market": order.market, **fields})

    def _ordered_twice(self, random: Random, order: Order, channel: str, ids: Event) -> None:
        """The same order once more by mistake, cancelled within hours. It is simulated, and its id says so."""
        again = Order(
            f"{order.order_id}-again",
            order.at + random.randrange(MINUTE_MS, 20 * MINUTE_MS),
            order.customer_id,
            order.market,
            order.lines,
        )
        self._place(again, channel, ids, again.lines)
        at = again.at + random.randrange(5 * MINUTE_MS, 6 * HOUR_MS)
        self._write(again, "order.cancelled", at, {**ids, "order_id": again.order_id, "reason": "ordered twice"})
        self.feed.tell("cancelled_order", order_id=again.order_id, customer_id=order.customer_id, at=at)

    def _deliver(self, random: Random, order: Order, ids: Event) -> int | None:
        """Shipments and deliveries; returns the time of the last delivery, None if it never came."""
        fields = {**ids, "order_id": order.order_id}
        shipped = order.at + random.randrange(3 * HOUR_MS, 2 * DAY_MS)
        days = (1, 4) if order.market == HOME_MARKET else (3, 9)
        delivered = shipped + random.randrange(days[0] * DAY_MS, days[1] * DAY_MS)
        if len(order.lines) > 1 and random.random() < rates.DELIVERED_IN_PARTS:
            return self._deliver_in_parts(random, order, fields, shipped, delivered)
        self._write(order, "order.shipped", shipped, fields)
        if random.random() >= rates.DELIVERED:
            return None
        self._write(order, "order.delivered", delivered, fields)
        return delivered

    def _deliver_in_parts(self, random: Random, order: Order, fields: Event, shipped: int, delivered: int) -> int:
        """Two parcels, by line; the second goes later."""
        wire = [{"line_id": str(n), "quantity": line.quantity} for n, line in enumerate(order.lines, 1)]
        cut = random.randint(1, len(wire) - 1)
        later = random.randrange(DAY_MS, 6 * DAY_MS)
        for part, lines, wait in ((1, wire[:cut], 0), (2, wire[cut:], later)):
            self._write(order, "order.shipped", shipped + wait, {**fields, "lines": lines}, part)
            self._write(order, "order.delivered", delivered + wait, {**fields, "lines": lines}, part)
        return delivered + later


def _doubled(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines as they were before the customer changed them: twice the first quantity."""
    return (lines[0]._replace(quantity=2 * lines[0].quantity), *lines[1:])
