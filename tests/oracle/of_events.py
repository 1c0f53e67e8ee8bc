"""Section "Occasions", on what was bought: returns, late deliveries, and customers of one channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.oracle.calendars import utc_date
from tests.oracle.customer import Items, Send
from tests.oracle.history import RETURN_TYPES, Event, parse_ms, receipt_id
from tests.oracle.occasions import Occasion, Verdict
from tests.oracle.purchases import Purchase, changes_purchases, has_returns_at_till


class AfterReturn(Occasion):
    """Something came back."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        words = [e for e in self.facts.events if return_id(e) is not None and e.brand == self.brand]
        if event is not None:
            words = [event] if event in words else []
        for name in dict.fromkeys(str(return_id(word)) for word in words):
            anchor = self.anchor(name)
            if anchor is not None:
                yield name, anchor

    def _words(self, name: str) -> list[Event]:
        """All words about a return, in order."""
        return [e for e in self.facts.events if return_id(e) == name and e.brand == self.brand]

    def anchor(self, episode: str) -> int | None:
        words = self._words(episode)
        if self.options.counts_from == "received":
            words = [e for e in words if e.type in ("return.received", "refund.issued", "pos.receipt")]
        return min((event.at for event in words), default=None)

    def against(self, episode: str) -> Verdict | None:
        words, wanted = self._words(episode), self.options.reasons
        quantities: dict[str, int] = {}
        for line in words[-1].record["lines"]:
            is_back = words[-1].type != "pos.receipt" or line.get("kind") == "return"
            if is_back and (not wanted or (line.get("reason") or "") in wanted):
                quantities[line["product_id"]] = quantities.get(line["product_id"], 0) + line["quantity"]
        if not quantities:
            return None
        if words[-1].type == "return.rejected":
            return "return_rejected"
        since = self.known_at(episode)
        bought = [p for p in self.facts.purchases.values() if p.brand == self.brand and not p.cancelled]
        bought = [purchase for purchase in bought if purchase.at >= since]
        if bought:
            return max(bought, key=lambda purchase: (purchase.at, purchase.id)).bought_reason
        return Items(quantities)

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        episode = send.candidate.key.episode
        if event.type == "return.rejected" and return_id(event) == episode and event.brand == self.brand:
            return "return_rejected"
        since = purchase is not None and purchase.at >= self.known_at(episode)
        return purchase.bought_reason if purchase is not None and since else None

    def known_at(self, episode: str) -> int:
        """When the return began."""
        return min(event.at for event in self._words(episode))


class DeliveryLate(Occasion):
    """An order that should have arrived."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is None:
            order_ids = list(self.facts.purchases)
        else:
            order_ids = [event.record["order_id"]] if event.type in ("order.placed", "order.shipped") else []
        for order_id in order_ids:
            anchor = self.anchor(order_id)
            if anchor is not None:
                yield order_id, anchor

    def anchor(self, episode: str) -> int | None:
        order = self.facts.purchases.get(episode)
        if order is None or order.channel == "store" or order.brand != self.brand:
            return None
        words = [
            (event.at, parse_ms(event.record["promised_at"]))
            for event in self.facts.events
            if event.type in ("order.placed", "order.shipped") and event.record["order_id"] == episode
            if event.record.get("promised_at")
        ]
        if words:
            return max(words)[1]
        return None if self.options.usual is None else order.at + self.options.usual

    def against(self, episode: str) -> Verdict | None:
        order = self.facts.purchases[episode]
        if order.cancelled:
            return "returned"
        missing = self.missing(order)
        return Items(missing) if missing else None

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        order = self.facts.purchases[send.candidate.key.episode]
        if event.type not in ("order.cancelled", "order.delivered") or event.record["order_id"] != order.id:
            return None
        if event.type == "order.cancelled":
            return "returned"
        return None if order.cancelled or self.missing(order) else "delivered"

    def missing(self, order: Purchase) -> dict[str, int]:
        """Pieces by product that have neither arrived nor come back."""
        missing: dict[str, int] = {}
        deliveries = [e for e in self.facts.events if e.type == "order.delivered" and e.record["order_id"] == order.id]
        if any(not event.record.get("lines") for event in deliveries):
            return missing
        for line in order.lines:
            parts = [part for event in deliveries for part in event.record["lines"] if part["line_id"] == line.line_id]
            gone = max(sum(part["quantity"] for part in parts), line.quantity - line.kept)
            if line.quantity > gone:
                missing[line.product] = missing.get(line.product, 0) + line.quantity - gone
        return missing


class ChannelShift(Occasion):
    """A customer who buys in one channel only."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        row = self.row() if event is None or changes_purchases(event) else []
        if len(row) >= self.options.purchases:
            completing = row[self.options.purchases - 1]
            yield completing.id, completing.at

    def row(self) -> Sequence[Purchase]:
        """The first purchase of each day after the last in the other channel."""
        kept = self.facts.kept_purchases(self.brand)
        others = [number for number, purchase in enumerate(kept) if self.is_other(purchase)]
        own = kept[others[-1] + 1 :] if others else kept
        days = {utc_date(purchase.at): purchase for purchase in reversed(own)}
        return [days[day] for day in sorted(days)]

    def is_other(self, purchase: Purchase) -> bool:
        """Whether it is in the other channel."""
        return (purchase.channel == "store") != (self.options.only == "store")

    def _completes(self, episode: str) -> bool:
        row = self.row()
        return len(row) >= self.options.purchases and row[self.options.purchases - 1].id == episode

    def against(self, episode: str) -> Verdict | None:
        return Items({}, self.row()[0].at) if self._completes(episode) else self._last.bought_reason

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        if purchase is None or not purchase.is_kept or purchase.at < send.candidate.items.cart_start:
            return None
        return purchase.bought_reason if self.is_other(purchase) else None

    @property
    def _last(self) -> Purchase:
        return self.facts.kept_purchases(self.brand)[-1]

    def anchor(self, episode: str) -> int | None:
        if self._completes(episode):
            return self.facts.purchases[episode].at
        kept = self.facts.kept_purchases(self.brand)
        completing = next((purchase for purchase in kept if purchase.id == episode), None)
        over = completing is not None and self.is_other(self._last) and self._last.at > completing.at
        # What is over is over at once, however long the step would have waited.
        return self.now - self.campaign.steps[-1].after if over else None


def return_id(event: Event) -> str | None:
    """The id of the return that an event is about; None: about none."""
    if event.type in RETURN_TYPES:
        return str(event.record["return_id"])
    return receipt_id(event.record) if has_returns_at_till(event) else None
