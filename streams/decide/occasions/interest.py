"""What price drops and returns to stock have in common: a product changed in which the customer had shown interest.

For CRM customers. Episode: ``<customer>/<UTC date of the change>/<product>``. It starts at the change, or when interest
from before it becomes known late; it ends when the customer looks at the product again (he has seen it), or when the
change is undone. Bought since he showed interest, anywhere: suppressed, and undone after a send. Sources: web sessions,
catalogue; orders, till receipts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES
from streams.decide.occasions.base import END, NOT_KNOWN, Arming, Verdict, bought_by, bought_reason
from streams.decide.rules import Compiled, Item, Versions
from streams.decide.state import CustomerState, Interest, Sent
from streams.decide.view import View, utc_date

_DATE = len("2026-01-01/")


class OfInterest(ABC):
    """See the module."""

    name: str
    triggers = frozenset({"catalog.item", "product.viewed", "product.wished", "cart.updated"})
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = False

    @abstractmethod
    def changed(self, before: Item | None, after: Item) -> bool:
        """Whether a new version of a product may concern anybody."""

    @abstractmethod
    def since(self, view: View, campaign: Compiled, brand: str, versions: Versions, seen: int) -> int | None:
        """From when on the product has been what the customer waits for, who saw it at ``seen``; None: it is not."""

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's products. Interest that becomes known in time comes after every change that is known."""
        if not view.state.known or (event is not None and event.type != "catalog.item" and event.at >= event.eff):
            return []
        armings = []
        for product in sorted(_products(view.state, brand, event)):
            found = self._found(view, campaign, brand, product)
            if found is not None:
                armings.append(Arming(f"{view.state.customer}/{utc_date(found[0])}/{product}", found[0]))
        return armings

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Still so, available, and not bought since."""
        product = episode.removeprefix(f"{view.state.customer}/")[_DATE:]
        found = self._found(view, campaign, brand, product)
        if found is None or episode != f"{view.state.customer}/{utc_date(found[0])}/{product}":
            return END
        since, seen = found
        if since + after > view.now:
            return Verdict("wait", until=since + after)
        value = f"{product} since {utc_date(since)}, seen {utc_date(seen)}"
        item = view.item(brand, product)
        if item is None or not item.available:
            return Verdict("suppress", "out_of_stock", value=value)
        bought, purchases = view.bought_since(brand, seen)
        if product in bought:
            last = next(p for p in reversed(purchases) if any(line.product == product for line in p.lines))
            return Verdict("suppress", bought_reason(last.channel), value=value, inputs=(last.id,))
        return Verdict("go", value=value, items=[(product, 1)], since=seen)

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A customer of the CRM has to have shown interest in a product, and it has to have changed since."""
        if not view.state.known:
            return NOT_KNOWN
        products = _products(view.state, brand, None)
        if not products:
            return f"No interest in a product of {brand} is known."
        if any(self._found(view, campaign, brand, product) is not None for product in products):
            return ""
        return f"None of the {len(products)} products of {brand} that he looked at has changed so since."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event buys the product, since the customer showed interest."""
        this, product = bought_by(event), sent.items[0][0]
        _, purchases = view.bought_since(sent.brand, sent.since)
        return next(
            (
                bought_reason(p.channel)
                for p in purchases
                if p.id == this and any(line.product == product for line in p.lines)
            ),
            None,
        )

    def _found(self, view: View, campaign: Compiled, brand: str, product: str) -> tuple[int, int] | None:
        """Since when the change holds, and when the customer saw the product last before it."""
        interest = view.state.interests.get(f"{brand}|{product}")
        if interest is None:
            return None
        kinds, within = campaign.options.of, campaign.options.within
        wished = interest.listed and "wished" in kinds
        seen = _seen(interest, kinds)
        if seen < 0 or not view.catalogue.has_changed(brand, product, seen):
            return None
        versions = view.catalogue.versions(brand, product, view.now)
        since = self.since(view, campaign, brand, versions, seen)
        if since is None or (since - seen > within and not wished):
            return None
        return since, seen


def _seen(interest: Interest, kinds: Iterable[str]) -> int:
    times = {"viewed": interest.viewed, "carted": interest.carted, "wished": interest.wished if interest.listed else -1}
    return max([times[kind] for kind in kinds])


def _products(state: CustomerState, brand: str, event: Envelope | None) -> set[str]:
    if event is None:
        return {product for of, _, product in (place.partition("|") for place in state.interests) if of == brand}
    if event.type == "cart.updated":
        return {row["product"] for row in event.data["lines"]}
    return {event.data["product"]}
