"""What fits a purchase: the catalogue's accessories of what was kept of it."""

from __future__ import annotations

from streams.decide.state import Purchase
from streams.decide.view import View


def fitting(view: View, brand: str, purchase: Purchase) -> str | None:
    """The best accessory: of the kept lines by value, the first that is available and that the customer lacks."""
    matched, promising = view.matched(brand), view.catalogue.with_accessories(brand)
    worth: dict[str, int] = {}
    for line in purchase.lines:
        if line.product in promising:
            kept = line.qty - matched.get((purchase.id, line.line), 0)
            if kept > 0:
                worth[line.product] = worth.get(line.product, 0) + kept * line.price
    for product in sorted(worth, key=lambda product: (-worth[product], product)):
        item = view.item(brand, product)
        for accessory in () if item is None else item.accessories:
            fits = view.item(brand, accessory)
            if fits is not None and fits.available and accessory not in view.products_bought(brand):
                return accessory
    return None
