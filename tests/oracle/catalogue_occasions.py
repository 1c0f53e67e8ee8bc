"""Section "Occasions": those that come of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.oracle.calendars import utc_date
from tests.oracle.catalogue import Versions, back_since, is_available, lower_since, seen_at
from tests.oracle.customer import Items
from tests.oracle.history import DAY_MS, Event
from tests.oracle.occasions import REMEMBERED_MS, Occasion, SecondPurchase, Verdict
from tests.oracle.purchases import changes_purchases, purchase_id


class OfInterest(Occasion):
    """A product changed for the better that the customer had shown interest in."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if not self.customer.is_known:
            return
        if event is None:
            products = {product for brand, product in self.world.versions if brand == self.brand}
        elif event.brand != self.brand:
            return
        elif event.type == "catalog.item" or (
            event.type in ("product.viewed", "product.wished") and event.eff > event.at
        ):
            products = {event.record["product_id"]}
        elif event.type == "cart.updated" and event.eff > event.at:
            products = {line["product_id"] for line in event.record["lines"]}
        else:
            return
        for product in products:
            found = self._found(product)
            if found is not None:
                yield self._episode(found[0], product), found[0]

    def _episode(self, at: int, product: str) -> str:
        return f"{self.customer.name}/{utc_date(at).isoformat()}/{product}"

    def _product(self, episode: str) -> str:
        return episode.removeprefix(f"{self.customer.name}/").partition("/")[2]

    def _found(self, product: str) -> tuple[int, int] | None:
        """Since when it is so, and when the customer saw the product before."""
        seen, wished = seen_at(self.facts.events, self.brand, product, self.options.of)
        since = self._since(self.world.versions.get((self.brand, product), ()), seen) if seen >= 0 else None
        return None if since is None or (since - seen > self.options.within and not wished) else (since, seen)

    def _since(self, versions: Versions, seen: int) -> int | None:
        raise NotImplementedError

    def anchor(self, episode: str) -> int | None:
        product = self._product(episode)
        found = self._found(product)
        return found[0] if found is not None and self._episode(found[0], product) == episode else None

    def against(self, episode: str) -> Verdict:
        product = self._product(episode)
        if not is_available(self.world.catalogue[self.brand, product]):
            return "out_of_stock"
        found = self._found(product)
        assert found is not None
        bought = [
            purchase
            for purchase in self.facts.purchases.values()
            if purchase.brand == self.brand and not purchase.cancelled and purchase.at >= found[1]
            if purchase.quantity_of(product)
        ]
        if bought:
            return max(bought, key=lambda purchase: (purchase.at, purchase.id)).bought_reason
        return Items({product: 1}, found[1])


class PriceDrop(OfInterest):
    """It costs less than when he saw it."""

    def _since(self, versions: Versions, seen: int) -> int | None:
        market = self.facts.profile.market(self.brand)
        return lower_since(versions, seen, market, self.options.min_percent)


class BackInStock(OfInterest):
    """It can be bought again."""

    def _since(self, versions: Versions, seen: int) -> int | None:
        return back_since(versions, seen)


class ComplementaryOffer(SecondPurchase):
    """What fits a purchase, whichever it is."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        for purchase in self.facts.kept_purchases(self.brand):
            if event is None:
                wanted = True
            elif event.type == "catalog.item":
                wanted = purchase.quantity_of(event.record["product_id"]) > 0
            elif event.type == "order.changed":
                wanted = event.record["order_id"] == purchase.id and event.brand == self.brand
            else:
                wanted = purchase_id(event) == purchase.id and event.brand == self.brand
            if wanted and self.now <= purchase.at + self.options.window and self._accessory(purchase):
                yield purchase.id, purchase.at

    def against(self, episode: str) -> Verdict:
        purchase = self.facts.purchases[episode]
        if not purchase.is_kept:
            return "returned"
        if self.now > purchase.at + self.options.window:
            return "window_over"
        accessory = self._accessory(purchase)
        return Items({accessory: 1}, purchase.at) if accessory else "no_accessory"


class Replenishment(Occasion):
    """What is bought again and again, before it is used up."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        of_catalogue = event is not None and event.type == "catalog.item"
        if event is None or of_catalogue or (changes_purchases(event) and event.brand == self.brand):
            for episode, (anchor, _, _) in self._needs().items():
                yield episode, anchor

    def _group(self, product: str) -> str:
        category = self.world.catalogue.get((self.brand, product), {}).get("category")
        return f"category {category}" if category is not None and self.options.by == "category" else product

    def bought(self) -> list[tuple[int, str, str]]:
        """(at, purchase, product) of what was kept in the time that is remembered."""
        return sorted(
            (purchase.at, purchase.id, line.product)
            for purchase in self.facts.kept_purchases(self.brand)
            if purchase.at >= self.now - REMEMBERED_MS
            for line in purchase.lines
            if line.kept > 0
        )

    def is_same(self, product: str, other: str) -> bool:
        return self._group(product) == self._group(other)

    def _needs(self) -> dict[str, tuple[int, str, int]]:
        """Episode -> (anchor, product, last purchase)."""
        needs: dict[str, tuple[int, str, int]] = {}
        rows = [row for row in self.bought() if self._may(row[2])]
        for group in {self._group(product) for _, _, product in rows}:
            by_day: dict[int, tuple[int, str, str]] = {}
            for row in rows:
                if self._group(row[2]) == group:
                    by_day.setdefault(row[0] // DAY_MS, row)
            days = [by_day[day] for day in sorted(by_day)]
            at, purchase, product = days[-1]
            interval = self._interval([day[0] for day in days], product)
            if interval is not None:
                interval = min(max(interval, self.options.at_least), self.options.at_most)
                needs[f"{purchase}/{product}"] = (at + max(0, interval - self.options.lead), product, at)
        return needs

    def _may(self, product: str) -> bool:
        category = self.world.catalogue.get((self.brand, product), {}).get("category")
        return not self.options.categories or category in self.options.categories

    def _interval(self, days: list[int], product: str) -> int | None:
        gaps = sorted([later - earlier for earlier, later in pairwise(days)][-10:])
        if len(gaps) >= self.options.min_intervals:
            return gaps[(len(gaps) - 1) // 2]
        usual = self.world.catalogue.get((self.brand, product), {}).get("usual_days")
        return None if usual is None else int(usual) * DAY_MS

    def anchor(self, episode: str) -> int | None:
        need = self._needs().get(episode)
        return need[0] if need else None

    def against(self, episode: str) -> Verdict:
        _, product, last = self._needs()[episode]
        item = self.world.catalogue.get((self.brand, product))
        if item is None or not is_available(item):
            return "out_of_stock"
        return Items({product: 1}, (last // DAY_MS + 1) * DAY_MS)


CATALOGUE_OCCASIONS: dict[str, type[Occasion]] = {
    "price_drop": PriceDrop,
    "back_in_stock": BackInStock,
    "complementary_offer": ComplementaryOffer,
    "replenishment": Replenishment,
}
