"""Returns: those of the history, which name no order, and simulated ones, which do, from request to refund."""

from __future__ import annotations

from random import Random

from streams.replay.history import Line, Order, Return
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.orders import Delivered
from streams.simulate.people import Person
from streams.simulate.rates import DAY_MS, HOUR_MS
from streams.simulate.world import HOME_MARKET, World

SOURCE = "returns"
RETURNED_LINES_MAX = 15
"""Simulated returns are of orders up to this size."""
WHEN = ("before_delivery", "after_delivery", "after_review_request")
ARRIVES_LATE = 0.15
"""Simulated returns whose records arrive days after they happened."""


class ReturnDesk:
    """Writes returns."""

    def __init__(self, world: World, feed: Feed) -> None:
        self.world = world
        self.feed = feed

    def from_history(self, random: Random, back: Return, orders: list[Order]) -> None:
        """A return of the history: the refund is its invoice, request and receipt are simulated before it."""
        ids: Event = {"customer_id": back.customer_id} if back.customer_id else {}
        fields = {"market": back.market, **ids, "return_id": back.return_id, "currency": self.world.currency}
        fields["lines"] = self._lines(back.lines)
        code = back.lines[0].product_id
        bought = [
            order.at for order in orders if order.at < back.at and any(line.product_id == code for line in order.lines)
        ]
        received = back.at - random.randrange(2 * HOUR_MS, 3 * DAY_MS)
        requested = received - random.randrange(DAY_MS, 6 * DAY_MS)
        earliest = bought[-1] + HOUR_MS if bought else back.at
        if requested > earliest and random.random() < rates.RETURN_REQUESTED:
            self._write("return.requested", requested, fields)
        if received > earliest and random.random() < rates.RETURN_RECEIVED:
            self._write("return.received", received, fields)
        self._write("refund.issued", back.at, fields)

    def simulated(self, person: Person, delivered: Delivered) -> None:
        """Now and then, a return of this order: all of it, a part, or one that is refused.

        Only for customers without returns in the history, so that the truth about an order is simple.
        """
        random, order = person.random, delivered.order
        dice = random.random()
        if delivered.at is None or person.returns or len(order.lines) > RETURNED_LINES_MAX:
            return
        if dice < rates.FULL_RETURN:
            self._return_order(random, delivered, order.lines, "full")
        elif dice < rates.FULL_RETURN + rates.PARTIAL_RETURN and len(order.lines) > 1:
            self._return_order(random, delivered, order.lines[: random.randint(1, len(order.lines) - 1)], "partial")
        elif 1 - dice < rates.REJECTED_RETURN:
            self._return_order(random, delivered, order.lines, "rejected")

    def unknown_order(self, random: Random, number: int, customer_id: str) -> None:
        """A return of an order that nobody has heard of."""
        at = random.randrange(self.world.start, self.world.end)
        fields = {
            "market": HOME_MARKET,
            "customer_id": customer_id,
            "return_id": f"return-of-unknown-{number}",
            "order_id": f"unknown-{number}",
            "currency": self.world.currency,
            "lines": self._lines(self.world.basket(random, 1)),
        }
        self._write("return.received", at, fields)

    def _return_order(self, random: Random, delivered: Delivered, lines: tuple[Line, ...], scope: str) -> None:
        """Request, receipt and refund (or refusal) of a return that names its order."""
        order, arrived_at = delivered.order, delivered.at
        assert arrived_at is not None
        when = random.choice(WHEN)
        requested = {
            "before_delivery": order.at + (arrived_at - order.at) * random.randint(10, 90) // 100,
            "after_delivery": arrived_at + random.randrange(6 * HOUR_MS, 6 * DAY_MS),
            "after_review_request": arrived_at + random.randrange(16 * DAY_MS, 28 * DAY_MS),
        }[when]
        behind = random.randrange(2 * DAY_MS, 20 * DAY_MS) if random.random() < ARRIVES_LATE else None
        return_id = f"return-{order.order_id}"
        fields = {
            "market": order.market,
            "customer_id": order.customer_id,
            "return_id": return_id,
            "order_id": order.order_id,
            "currency": self.world.currency,
            "lines": self._lines(lines, numbered=True),
        }
        self._write("return.requested", requested, fields, behind)
        received = requested + random.randrange(2 * DAY_MS, 6 * DAY_MS)
        if scope == "rejected":
            self._write("return.rejected", received, fields, behind)
        else:
            self._write("return.received", received, fields, behind)
            self._write("refund.issued", received + random.randrange(4 * HOUR_MS, 3 * DAY_MS), fields, behind)
        self.feed.tell(
            "return",
            scope=scope,
            when=when,
            order_id=order.order_id,
            return_id=return_id,
            customer_id=order.customer_id,
            delivered_at=arrived_at,
            requested_at=requested,
            arrives_late=behind is not None,
            stops_review=scope == "full" and when != "after_review_request" and behind is None,
        )

    def _write(self, kind: str, at: int, fields: Event, behind: int | None = None) -> None:
        event_id = f"{fields['return_id']}-{kind.split('.')[1]}"
        self.feed.add(SOURCE, event_id, kind, at, fields, None if behind is None else at + behind)

    def _lines(self, lines: tuple[Line, ...], numbered: bool = False) -> list[Event]:
        """Return lines; ``numbered``: with the line ids of the order, whose first lines these are."""
        return [
            {
                **({"line_id": str(number)} if numbered else {}),
                "product_id": code,
                "quantity": quantity,
                "refund": self.world.amount(quantity * price),
            }
            for number, (code, quantity, price) in enumerate(lines, 1)
        ]
